//! Threads that block SIGSEGV by a system call past the C library: an access would kill the program.

use super::report::report;
use super::session::Session;
use crate::process::{Error, thread};
use core::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// Reports once that a thread blocks the signal. One that has done so in two scans, that is: the C
/// library blocks all signals in a thread that is being made.
pub(super) fn check(session: &Session) {
    static LAST: AtomicI32 = AtomicI32::new(0);
    static REPORTED: AtomicBool = AtomicBool::new(false);
    if REPORTED.load(Ordering::Relaxed) || !session.tracer.traces(core::ptr::null(), usize::MAX) {
        return;
    }
    let thread = match thread::read_masks() {
        Err(Error::SignalBlocked { thread, .. }) => thread,
        _ => 0,
    };
    let before = LAST.swap(thread, Ordering::Relaxed);
    if thread != 0 && before == thread {
        REPORTED.store(true, Ordering::Relaxed);
        report(
            &session.tracer,
            true,
            format_args!("thread {thread} blocks SIGSEGV: an access of it will kill the program"),
        );
    }
}
