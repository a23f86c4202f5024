//! The thread of a capture: it arms blind pages again, puts back handlers that the program has
//! replaced, and forgets regions that vanished.

#![expect(unsafe_code, reason = "signal masks, and the time of a thread")]

use super::capture::Capture;
use super::{action, thread};
use core::time::Duration;
use std::sync::Weak;
use std::time::Instant;

/// How long the worker sleeps when nothing waits for it.
const LONG: Duration = Duration::from_secs(1);
/// How long a page stays open, about.
const SHORT: Duration = Duration::from_millis(10);

/// Starts the worker; it ends when the capture is gone.
pub(super) fn start(capture: Weak<Capture>) -> std::io::Result<()> {
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
            work(&capture);
        });
    // SAFETY: as above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, core::ptr::null_mut()) };
    started?;
    // From here on it has its name, by which the next capture knows that this thread's blocked signals
    // are no mistake. It sends nothing: the channel ends.
    let _: Result<(), _> = begun.recv();
    Ok(())
}

/// When the next scan is due.
struct ScanSchedule {
    pause: Duration,
    next: Instant,
}

impl ScanSchedule {
    fn new() -> Self {
        Self {
            pause: SHORT / 2,
            next: Instant::now() + SHORT,
        }
    }

    /// Scans, if it is time to; returns how long it is until the next one.
    fn run(&mut self, scan: fn()) -> Duration {
        let now = Instant::now();
        if now >= self.next {
            let before = cpu_time();
            scan();
            let cost = cpu_time().saturating_sub(before);
            // A program may have so many mappings that a scan takes milliseconds.
            self.pause = (self.pause * 2).min(LONG);
            self.next = now + self.pause.max(cost * MAX_CPU_SHARE);
        }
        self.next.saturating_duration_since(now)
    }
}

/// A scan takes at most one part in this many of a CPU.
const MAX_CPU_SHARE: u32 = 2000;

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

fn work(capture: &Weak<Capture>) {
    let mut seen = 0;
    let mut wait = SHORT;
    let mut schedule = ScanSchedule::new();
    let mut last_look = Instant::now();
    loop {
        let Some(capture) = capture.upgrade() else {
            return;
        };
        let handler = &capture.handler;
        if !super::current::is(&capture) {
            return;
        }
        let now = handler.wakeup.count();
        if now == seen {
            // The capture is not dropped while this waits: at most a second more.
            handler.wakeup.wait(now, wait);
        }
        seen = handler.wakeup.count();
        if !super::current::is(&capture) {
            // The capture has ended meanwhile: the handlers may be another's now.
            return;
        }
        wait = if capture.rearm() > 0 { SHORT } else { LONG };
        if handler.unmapped.take() {
            capture.regions.forget_unmapped(handler);
        }
        let _ = action::reinstall();
        if last_look.elapsed() >= LONG {
            last_look = Instant::now();
            end_if_alone();
        }
        if let Some(scan) = capture.scan() {
            wait = wait.min(schedule.run(scan));
        }
        // No records are taken any more: the program goes on as if it had never been traced.
        if handler.channel().is_closed() || !handler.recorder_is_alive() {
            handler.channel().close();
            capture.regions.detach_all(handler);
            return;
        }
    }
}

/// Ends the process if all of the program's threads have ended and only this one is left: it would
/// have ended without us, as its first thread did.
fn end_if_alone() {
    let Some(ended) = thread::end_of_the_others() else {
        return;
    };
    match ended & 0x7f {
        // SAFETY: no thread of the program is left that could use what its functions at exit free.
        0 => unsafe { libc::exit(ended >> 8) },
        signal => action::end_by(signal),
    }
}
