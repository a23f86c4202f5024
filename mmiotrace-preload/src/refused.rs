//! System calls that fail with EFAULT because they were given traced memory, where the kernel finds
//! nothing: nobody could tell them from a mistake of the program's. So they are told.

#![expect(unsafe_code, reason = "functions of the C library are replaced")]

use crate::session;
use crate::told::{keeping_errno, tell};
use core::ffi::{c_int, c_uint, c_ulong, c_void};
use core::sync::atomic::{AtomicBool, Ordering};
use libc::{iovec, msghdr, off_t, pid_t, size_t, ssize_t};

/// Whether the thread's last error is EFAULT.
pub(crate) fn is_fault() -> bool {
    // SAFETY: the thread's own word.
    unsafe { *libc::__errno_location() == libc::EFAULT }
}

/// Says that a call was refused, where anything is traced that it may have been given. `told` is
/// whether the terminal knows it already.
#[cold]
pub(crate) fn refused(name: &str, told: &AtomicBool, arguments: &[usize]) {
    keeping_errno(|| {
        let _ = session::with(|tracer| {
            if !tracer.traces(core::ptr::null(), usize::MAX) {
                return;
            }
            let loudly = !told.swap(true, Ordering::Relaxed);
            let given = arguments
                .iter()
                .find(|argument| tracer.traces(**argument as *const u8, 1));
            match given {
                Some(address) => tell(
                    tracer,
                    loudly,
                    format_args!(
                        "{name} was given traced memory at {address:#x}, where the kernel finds none, and failed \
                         with EFAULT"
                    ),
                ),
                None => tell(
                    tracer,
                    loudly,
                    format_args!(
                        "{name} failed with EFAULT: what it was given may lead to traced memory, where the kernel \
                         finds none"
                    ),
                ),
            }
        });
    });
}

macro_rules! watched {
    ($($name:ident = $next:literal($($argument:ident: $type:ty),*) -> $result:ty;)*) => {$(
        /// # Safety
        /// As the C library's function.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($argument: $type),*) -> $result {
            static TOLD: AtomicBool = AtomicBool::new(false);
            let done = crate::next::call_next!($next as fn($($type),*) -> $result, $($argument),*);
            if done == -1 && is_fault() {
                refused(stringify!($name), &TOLD, &[$($argument as usize),*]);
            }
            done
        }
    )*};
}

// `ioctl` takes one argument more, or none: what lies in its place is passed on.
watched! {
    ioctl = c"ioctl"(descriptor: c_int, request: c_ulong, argument: *mut c_void) -> c_int;
    preadv = c"preadv"(descriptor: c_int, pieces: *const iovec, count: c_int, offset: off_t) -> ssize_t;
    preadv64 = c"preadv64"(descriptor: c_int, pieces: *const iovec, count: c_int, offset: off_t) -> ssize_t;
    pwritev = c"pwritev"(descriptor: c_int, pieces: *const iovec, count: c_int, offset: off_t) -> ssize_t;
    pwritev64 = c"pwritev64"(descriptor: c_int, pieces: *const iovec, count: c_int, offset: off_t) -> ssize_t;
    sendmsg = c"sendmsg"(socket: c_int, message: *const msghdr, flags: c_int) -> ssize_t;
    recvmsg = c"recvmsg"(socket: c_int, message: *mut msghdr, flags: c_int) -> ssize_t;
    vmsplice = c"vmsplice"(pipe: c_int, pieces: *const iovec, count: size_t, flags: c_uint) -> ssize_t;
    getrandom = c"getrandom"(buffer: *mut c_void, len: size_t, flags: c_uint) -> ssize_t;
    process_vm_readv = c"process_vm_readv"(process: pid_t, own: *const iovec, own_count: c_ulong,
        theirs: *const iovec, their_count: c_ulong, flags: c_ulong) -> ssize_t;
    process_vm_writev = c"process_vm_writev"(process: pid_t, own: *const iovec, own_count: c_ulong,
        theirs: *const iovec, their_count: c_ulong, flags: c_ulong) -> ssize_t;
}
