//! The program's signal actions and masks: the signals by which accesses are seen stay the
//! engine's, and stay unblocked.

#![expect(unsafe_code, reason = "functions of the C library are replaced")]

use crate::real_fns::call_next;
use crate::syscall::ask_kernel;
use core::ffi::{c_int, c_long};
use core::mem;
use libc::{sighandler_t, sigset_t};
use mmiotrace_capture::process::preload::{is_active, swap_program_action};

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
unsafe extern "C" fn sigaction(
    signal: c_int,
    new: *const libc::sigaction,
    old: *mut libc::sigaction,
) -> c_int {
    let active = is_active();
    // SAFETY: the caller's promise.
    if active && unsafe { swap_program_action(signal, new.cast(), old.cast()) } {
        return 0;
    }
    let open;
    // SAFETY: the caller's promise.
    let new = match unsafe { new.as_ref() } {
        // A handler that blocks the engine's signals could make no traced access.
        Some(action) if active => {
            open = libc::sigaction {
                sa_mask: without_taken(&action.sa_mask),
                ..*action
            };
            &raw const open
        }
        _ => new,
    };
    call_next!(
        c"sigaction" as fn(c_int, *const libc::sigaction, *mut libc::sigaction) -> c_int,
        signal,
        new,
        old
    )
}

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
unsafe extern "C" fn signal(signal: c_int, handler: sighandler_t) -> sighandler_t {
    // SAFETY: all bits zero is an action.
    let (mut new, mut old): (libc::sigaction, libc::sigaction) = unsafe { mem::zeroed() };
    new.sa_sigaction = handler;
    new.sa_flags = libc::SA_RESTART;
    let (to, from) = (&raw const new, &raw mut old);
    // SAFETY: actions of ours.
    if is_active() && unsafe { swap_program_action(signal, to.cast(), from.cast()) } {
        return old.sa_sigaction;
    }
    call_next!(
        c"signal" as fn(c_int, sighandler_t) -> sighandler_t,
        signal,
        handler
    )
}

/// The signals that the engine sees accesses by.
const TAKEN: [c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];

fn without_taken(set: &sigset_t) -> sigset_t {
    let mut open = *set;
    for signal in TAKEN {
        // SAFETY: a set of ours.
        unsafe { libc::sigdelset(&raw mut open, signal) };
    }
    open
}

/// The set that a caller wants blocked, without the engine's signals.
///
/// # Safety
/// `set` is null or points to a set.
unsafe fn open(set: *const sigset_t) -> Option<sigset_t> {
    if !is_active() {
        return None;
    }
    // SAFETY: the caller's promise.
    unsafe { set.as_ref() }.map(without_taken)
}

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
unsafe extern "C" fn sigprocmask(how: c_int, set: *const sigset_t, old: *mut sigset_t) -> c_int {
    // SAFETY: the caller's promise.
    let open = unsafe { open(set) }.filter(|_| how != libc::SIG_UNBLOCK);
    let set = open.as_ref().map_or(set, |open| &raw const *open);
    call_next!(
        c"sigprocmask" as fn(c_int, *const sigset_t, *mut sigset_t) -> c_int,
        how,
        set,
        old
    )
}

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_sigmask(
    how: c_int,
    set: *const sigset_t,
    old: *mut sigset_t,
) -> c_int {
    // SAFETY: the caller's promise.
    let open = unsafe { open(set) }.filter(|_| how != libc::SIG_UNBLOCK);
    let set = open.as_ref().map_or(set, |open| &raw const *open);
    call_next!(
        c"pthread_sigmask" as fn(c_int, *const sigset_t, *mut sigset_t) -> c_int,
        how,
        set,
        old
    )
}

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
unsafe extern "C" fn sigsuspend(set: *const sigset_t) -> c_int {
    // SAFETY: the caller's promise.
    let open = unsafe { open(set) };
    let set = open.as_ref().map_or(set, |open| &raw const *open);
    call_next!(c"sigsuspend" as fn(*const sigset_t) -> c_int, set)
}

/// `rt_sigprocmask` by its number: as [`sigprocmask`], with the kernel's set.
///
/// # Safety
/// As the system call.
pub(crate) unsafe fn change_mask(arguments: [c_long; 6]) -> c_long {
    let [how, set, old, len, ..] = arguments;
    let taken = TAKEN
        .iter()
        .fold(0u64, |all, signal| all | 1 << (signal - 1));
    let given = set as *const u64;
    let blocks = !given.is_null() && how != libc::SIG_UNBLOCK.into() && len == 8;
    // SAFETY: the caller's promise.
    let open = blocks.then(|| unsafe { given.read_unaligned() } & !taken);
    let set = open.as_ref().map_or(set, |open| &raw const *open as c_long);
    // SAFETY: as above.
    unsafe { ask_kernel(libc::SYS_rt_sigprocmask, [how, set, old, len, 0, 0]) }
}
