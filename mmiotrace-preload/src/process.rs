//! New threads and processes.

#![expect(unsafe_code, reason = "functions of the C library are replaced")]

use crate::real_fns::call_next;
use core::ffi::{c_int, c_void};
use libc::{pid_t, pthread_attr_t, pthread_t};
use mmiotrace_capture::process::preload;

type Start = extern "C" fn(*mut c_void) -> *mut c_void;

/// What a new thread is to do.
#[derive(Debug)]
struct Work {
    start: Start,
    argument: *mut c_void,
}

extern "C" fn begin(work: *mut c_void) -> *mut c_void {
    // SAFETY: `pthread_create` gives every thread a box of its own.
    let work = unsafe { Box::from_raw(work.cast::<Work>()) };
    preload::enroll_thread();
    let Work { start, argument } = *work;
    start(argument)
}

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_create(
    thread: *mut pthread_t,
    attributes: *const pthread_attr_t,
    start: Start,
    argument: *mut c_void,
) -> c_int {
    if !preload::is_active() {
        return call_next!(
            c"pthread_create"
                as fn(*mut pthread_t, *const pthread_attr_t, Start, *mut c_void) -> c_int,
            thread,
            attributes,
            start,
            argument
        );
    }
    let work = Box::into_raw(Box::new(Work { start, argument }));
    let failed = call_next!(
        c"pthread_create" as fn(*mut pthread_t, *const pthread_attr_t, Start, *mut c_void) -> c_int,
        thread,
        attributes,
        begin,
        work.cast()
    );
    if failed != 0 {
        // SAFETY: no thread was made that could have it.
        drop(unsafe { Box::from_raw(work) });
    }
    failed
}

/// A child of `vfork` shares its parent's memory and signal handlers, and would be taken for it.
/// POSIX allowed `vfork` to be `fork`.
///
/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn vfork() -> pid_t {
    // SAFETY: the caller's promise.
    unsafe { libc::fork() }
}

macro_rules! exits {
    ($($name:ident = $next:literal;)*) => {$(
        /// Ends the process at once, without the functions that are called at its end.
        ///
        /// # Safety
        /// As the C library's function.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(status: c_int) -> ! {
            preload::scan_before_exit();
            crate::real_fns::call_next!($next as fn(c_int) -> !, status)
        }
    )*};
}

exits! {
    _exit = c"_exit";
    _Exit = c"_Exit";
}
