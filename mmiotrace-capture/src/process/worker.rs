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
use std::time::Instant;

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

/// When the next look is due.
struct Looks {
    pause: Duration,
    next: Instant,
}

impl Looks {
    fn new() -> Self {
        Self {
            pause: SHORT / 2,
            next: Instant::now() + SHORT,
        }
    }

    /// Looks, if it is time to; gives how long it is until then.
    fn look(&mut self, look: fn()) -> Duration {
        let now = Instant::now();
        if now >= self.next {
            let before = cpu_time();
            look();
            let cost = cpu_time().saturating_sub(before);
            // A program may have so many mappings that a look takes milliseconds.
            self.pause = (self.pause * 2).min(LONG);
            self.next = now + self.pause.max(cost * LOOKS_SHARE);
        }
        self.next.saturating_duration_since(now)
    }
}

/// A look is taken after so many times the CPU time of the last one, at the earliest.
const LOOKS_SHARE: u32 = 2000;

/// The CPU time that this thread has taken.
fn cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the time is ours to be written.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
}

fn work(home: &Weak<Home>) {
    let mut seen = 0;
    let mut wait = SHORT;
    let mut looks = Looks::new();
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
        if let Some(look) = home.look() {
            wait = wait.min(looks.look(look));
        }
        // Nobody takes records any more: the program goes on as if it had never been traced.
        if home.channel().is_closed() || !home.recorder_is_alive() {
            home.channel().close();
            home.detach_all();
            return;
        }
    }
}
