//! What is done beside the program: blind pages are armed again, handlers that were pushed aside
//! are put back, regions that are gone are forgotten.

#![expect(
    unsafe_code,
    reason = "a word that a signal handler wakes the worker by"
)]

use super::home::Home;
use super::{action, handler};
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::sync::Weak;

/// How long the worker sleeps when nothing waits for it.
const LONG: Duration = Duration::from_secs(1);
/// How long a page stays open, about.
const SHORT: Duration = Duration::from_millis(10);

/// Wakes the worker; for signal handlers too.
#[derive(Debug, Default)]
pub(super) struct Bell(AtomicU32);

impl Bell {
    pub(super) fn ring(&self) {
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

    /// Waits until it rings after `seen`, or for this long.
    fn wait(&self, seen: u32, duration: Duration) {
        let time = libc::timespec {
            tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(duration.subsec_nanos()),
        };
        // SAFETY: as above, and a time of ours.
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

/// Starts the worker; it ends when the home is gone.
pub(super) fn start(home: Weak<Home>) -> std::io::Result<()> {
    // Signals of the program are the program's: the worker takes none.
    // SAFETY: sets of ours; the mask is put back at once.
    let before = unsafe {
        let mut all: libc::sigset_t = core::mem::zeroed();
        let mut before: libc::sigset_t = core::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        before
    };
    let (begin, begun) = std::sync::mpsc::channel();
    let started = std::thread::Builder::new()
        .name("mmiotrace".into())
        .stack_size(64 * 1024)
        .spawn(move || {
            drop(begin);
            work(&home);
        });
    // SAFETY: as above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, core::ptr::null_mut()) };
    started?;
    // From here on it has its name, by which the next capture knows that this thread's blocked signals
    // are nobody's mistake. It sends nothing: the channel ends.
    let _: Result<(), _> = begun.recv();
    Ok(())
}

fn work(home: &Weak<Home>) {
    let mut seen = 0;
    let mut wait = SHORT;
    loop {
        let Some(home) = home.upgrade() else { return };
        if !super::current::is(&home) {
            return;
        }
        let now = home.bell().0.load(Ordering::Relaxed);
        if now == seen {
            // Nobody drops the home while this waits: at most a second more.
            home.bell().wait(now, wait);
        }
        seen = home.bell().0.load(Ordering::Relaxed);
        if !super::current::is(&home) {
            // The capture has ended meanwhile: the handlers are somebody else's now.
            return;
        }
        wait = if home.rearm() > 0 { SHORT } else { LONG };
        if home.has_unmapped() {
            let _ = home.forget_unmapped();
        }
        let _ = action::reinstall(handler::on_signal);
        // Nobody takes records any more: the program goes on as if it had never been traced.
        if home.channel().is_closed() || !home.recorder_is_alive() {
            home.channel().close();
            home.detach_all();
            return;
        }
    }
}
