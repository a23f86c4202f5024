//! System calls by their numbers: those that have a function here go there.

#![expect(unsafe_code, reason = "a function of the C library is replaced")]

use crate::real_fns::call_next;
use crate::{memory, process, signals};
use core::ffi::{c_int, c_long, c_void};
use mmiotrace_capture::process::preload::{self, Watched};

/// It takes up to six arguments after the number, and what lies in the registers of those that it does
/// not have is passed on.
///
/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "as the kernel takes the arguments of these calls"
)]
unsafe extern "C" fn syscall(
    number: c_long,
    first: c_long,
    second: c_long,
    third: c_long,
    fourth: c_long,
    fifth: c_long,
    sixth: c_long,
) -> c_long {
    let arguments = [first, second, third, fourth, fifth, sixth];
    // The library and the engine make calls of this kind too, and mean the kernel.
    if !preload::is_active() {
        // SAFETY: the caller's promise.
        return unsafe { ask_kernel(number, arguments) };
    }
    let (address, len) = (first as *mut c_void, second as usize);
    let (protection, flags) = (third as c_int, fourth as c_int);
    match number {
        // SAFETY: as above.
        libc::SYS_mmap => unsafe {
            memory::mmap(address, len, protection, flags, fifth as c_int, sixth) as c_long
        },
        // SAFETY: as above.
        libc::SYS_munmap => unsafe { memory::munmap(address, len) }.into(),
        // SAFETY: as above.
        libc::SYS_mprotect => unsafe { memory::mprotect(address, len, protection) }.into(),
        libc::SYS_mremap => {
            let (new_len, to) = (third as usize, fifth as *mut c_void);
            // SAFETY: as above.
            unsafe { memory::mremap(address, len, new_len, flags, to) as c_long }
        }
        // SAFETY: as above.
        libc::SYS_rt_sigprocmask => unsafe { signals::change_mask(arguments) },
        // SAFETY: as above.
        libc::SYS_vfork => unsafe { process::vfork() }.into(),
        // SAFETY: as above.
        libc::SYS_fork => unsafe { libc::fork() }.into(),
        _ => {
            prepare(number);
            // SAFETY: as above.
            unsafe { ask_kernel(number, arguments) }
        }
    }
}

/// What is to be done before a call of this number.
fn prepare(number: c_long) {
    match number {
        libc::SYS_exit_group => preload::scan_before_exit(),
        libc::SYS_io_uring_setup => preload::report_uring(),
        _ => {}
    }
}

/// A call of the program's; a refusal is reported.
///
/// # Safety
/// As the C library's function.
pub(crate) unsafe fn ask_kernel(number: c_long, arguments: [c_long; 6]) -> c_long {
    static WATCHED: Watched = Watched::new("syscall");
    let arguments = arguments.map(|argument| argument as usize);
    // SAFETY: the caller's promise.
    let done = unsafe { kernel(number, arguments) };
    if done == -1 {
        WATCHED.failed(&arguments);
    }
    done
}

/// The system call itself, past our own functions, which look at what they are given.
///
/// # Safety
/// As the system call.
pub(crate) unsafe fn kernel(number: c_long, [a, b, c, d, e, f]: [usize; 6]) -> c_long {
    call_next!(
        c"syscall" as fn(c_long, usize, usize, usize, usize, usize, usize) -> c_long,
        number,
        a,
        b,
        c,
        d,
        e,
        f
    )
}
