//! Wakes the worker from a signal handler.

#![expect(unsafe_code, reason = "a futex")]

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

/// A word that a thread waits on, and that a signal handler may change.
#[derive(Debug, Default)]
pub(super) struct Wakeup(AtomicU32);

impl Wakeup {
    /// Wakes the waiting thread; for signal handlers too.
    pub(super) fn wake(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        // SAFETY: a word that lives as long as `self`.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.0.as_ptr(),
                libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
                1,
            );
        }
    }

    /// A number that every [`wake`](Self::wake) changes.
    pub(super) fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Waits until the count is no longer `seen`, or for this long.
    pub(super) fn wait(&self, seen: u32, duration: Duration) {
        let time = libc::timespec {
            tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(duration.subsec_nanos()),
        };
        // SAFETY: the word lives as long as `self`, and the time is a local variable.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.0.as_ptr(),
                libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
                seen,
                &raw const time,
            );
        }
    }
}
