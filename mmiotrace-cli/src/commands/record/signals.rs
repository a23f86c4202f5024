//! Signals while it is recorded: a command's are its own; without a command they end the capture.

use crate::failure::{Failure, plain};
use core::sync::atomic::AtomicBool;
use core::time::Duration;
use mmiotrace_capture::EndRequest;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Two signals within this time are one: `timeout` and service managers signal a process and its group.
const SAME: Duration = Duration::from_millis(50);
/// A second signal within this time ends the capture although the command runs.
const TWICE: Duration = Duration::from_secs(1);

const CAUGHT: [(i32, Signal); 4] = [
    (SIGINT, Signal::INT),
    (SIGTERM, Signal::TERM),
    (SIGHUP, Signal::HUP),
    (SIGQUIT, Signal::QUIT),
];

/// The signals that have come, to be asked for by [`request`](Self::request).
#[derive(Debug)]
pub(super) struct Signals {
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Not yet looked at.
    new: Vec<Received>,
    last: Option<Instant>,
    /// While no command ran.
    ends: u32,
    twice: bool,
}

#[derive(Clone, Copy, Debug)]
struct Received {
    number: i32,
    /// From the terminal, which signals the whole group: the command has it already.
    from_kernel: bool,
    at: Instant,
}

impl Signals {
    /// Catches what ends a capture. Signals that this process ignores stay ignored if there is a
    /// command, since it would not inherit that otherwise (`nohup`, jobs in the background).
    pub(super) fn catch(has_command: bool) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::new(super::PLACE, plain(&error));
        let ignored = if has_command { ignored() } else { 0 };
        let is_caught = |number: i32| ignored & 1 << (number - 1) == 0;
        let numbers = CAUGHT.map(|(number, _)| number);
        let numbers = numbers.into_iter().filter(|number| is_caught(*number));
        let mut signals = SignalsInfo::<WithOrigin>::new(numbers).map_err(failed)?;
        if is_caught(SIGXFSZ) {
            // A file that may not grow further is an error of `write` then, and is reported.
            let unused = Arc::new(AtomicBool::new(false));
            signal_hook::flag::register(SIGXFSZ, unused).map_err(failed)?;
        }
        let seen = Arc::new(Mutex::<Seen>::default());
        let in_thread = Arc::clone(&seen);
        std::thread::spawn(move || {
            for origin in signals.forever() {
                lock(&in_thread).new.push(Received::new(&origin));
            }
        });
        Ok(Self { seen })
    }

    /// What the signals ask for. While a command runs they are passed on to it, and only a second
    /// one within a second is a request.
    pub(super) fn request(&self, command: Option<u32>) -> EndRequest {
        let mut seen = lock(&self.seen);
        for received in core::mem::take(&mut seen.new) {
            let gap = seen.last.map(|last| received.at.duration_since(last));
            seen.last = Some(received.at);
            if gap.is_some_and(|gap| gap < SAME) {
                continue;
            }
            seen.twice |= gap.is_some_and(|gap| gap <= TWICE);
            match command {
                Some(pid) => received.pass_on(pid),
                None => seen.ends += 1,
            }
        }
        match (command, seen.twice, seen.ends) {
            (_, true, _) | (None, _, 2..) => EndRequest::EndNow,
            (None, _, 1) => EndRequest::End,
            _ => EndRequest::None,
        }
    }
}

impl Received {
    fn new(origin: &Origin) -> Self {
        Self {
            number: origin.signal,
            from_kernel: origin.cause == Cause::Kernel,
            at: Instant::now(),
        }
    }

    /// To a command that has not been waited for.
    fn pass_on(self, pid: u32) {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let signal = CAUGHT.iter().find(|(number, _)| *number == self.number);
        if let (Some(pid), Some((_, signal)), false) = (pid, signal, self.from_kernel) {
            // It may have ended meanwhile.
            let _ = kill_process(pid, *signal);
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The signals that this process ignores, a bit each, from bit 0 for signal 1 (proc(5), `SigIgn`).
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}
