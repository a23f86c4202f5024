//! One step on a target.

use super::{Divergence, Outcome, RunOptions, SkipReason};
use crate::plan::{
    Action, Expect, Fill, Pacing, Place, Plan, Poll, Read, SideFiles, Step, Transfer, moved,
};
use crate::target::Target;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use mmiotrace_core::{PhysAddr, Value, Width};
use std::time::Instant;

/// The shortest pause between two reads of a wait: time must pass, or no time-out comes.
const MIN_INTERVAL: Duration = Duration::from_micros(1);

/// How long a pause may go on before somebody is asked whether the run is to be broken off.
const BREATH: Duration = Duration::from_millis(50);

/// Does steps, and counts accesses.
pub(super) struct Executor<'a, T> {
    pub(super) target: &'a mut T,
    pub(super) plan: &'a Plan,
    pub(super) files: &'a SideFiles,
    pub(super) bases: Vec<PhysAddr>,
    pub(super) reads: u64,
    pub(super) writes: u64,
    pub(super) max_timeout: Option<Duration>,
    pub(super) abort: Option<&'a AtomicBool>,
    begun: Instant,
    /// When the last step was done.
    last: Duration,
}

impl<'a, T: Target> Executor<'a, T> {
    pub(super) fn new(
        target: &'a mut T,
        plan: &'a Plan,
        files: &'a SideFiles,
        options: &'a RunOptions,
    ) -> Self {
        Self {
            target,
            plan,
            files,
            bases: Vec::new(),
            reads: 0,
            writes: 0,
            max_timeout: options.max_timeout,
            abort: options.abort.as_deref(),
            begun: Instant::now(),
            last: Duration::ZERO,
        }
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.abort
            .is_some_and(|abort| abort.load(Ordering::Relaxed))
    }

    fn now(&self) -> Duration {
        self.target.clock().unwrap_or_else(|| self.begun.elapsed())
    }

    /// Waits until it is time for a step.
    pub(super) fn pace(&mut self, step: &Step, pacing: Pacing) {
        let factor = match pacing {
            Pacing::Recorded => 1.0,
            Pacing::Scaled(factor) => factor,
            Pacing::Delays | Pacing::None => return,
        };
        let due = self.last.saturating_add(scaled(step.after, factor));
        if let Some(rest) = due.checked_sub(self.now()) {
            self.pause(rest);
        }
    }

    /// Lets time pass, in pieces: a run can be broken off in the middle of a long pause.
    fn pause(&mut self, time: Duration) {
        let mut rest = time;
        while !rest.is_zero() && !self.is_aborted() {
            // A clock of the target's own takes no time: it is asked afterwards.
            let piece = match self.target.clock() {
                Some(_) => rest,
                None => rest.min(BREATH),
            };
            self.target.delay(piece);
            rest -= piece;
        }
    }

    /// Notes that a step was done: the next one's time counts from here.
    pub(super) fn done(&mut self, pacing: Pacing) {
        if matches!(pacing, Pacing::Recorded | Pacing::Scaled(_)) {
            self.last = self.now();
        }
    }

    pub(super) fn perform(
        &mut self,
        index: usize,
        step: &Step,
        pacing: Pacing,
    ) -> Result<Outcome, T::Error> {
        match &step.action {
            Action::Write(write) => {
                let Some(value) = moved(write, self.plan, &self.bases) else {
                    return Ok(Outcome::Skipped(SkipReason::NotInTrace));
                };
                self.write(write.place, &value)?;
                Ok(Outcome::Done)
            }
            Action::Read(read) => self.read_and_compare(index, step.line, read),
            Action::Poll(poll) => self.poll(index, step.line, poll),
            Action::Upload(transfer) => self.upload(transfer),
            Action::Download(transfer) => self.download(index, step.line, transfer),
            Action::Fill(fill) => self.fill(fill),
            Action::Delay(time) => {
                match pacing {
                    Pacing::None => {}
                    Pacing::Scaled(factor) => self.pause(scaled(*time, factor)),
                    Pacing::Recorded | Pacing::Delays => self.pause(*time),
                }
                Ok(Outcome::Done)
            }
            Action::Mark(text) => {
                self.target.mark(text);
                Ok(Outcome::Done)
            }
            Action::Skip(_) => Ok(Outcome::Skipped(SkipReason::NotInTrace)),
            Action::Stop(_) => Ok(Outcome::Skipped(SkipReason::StopPassed)),
        }
    }

    fn write(&mut self, at: Place, value: &Value) -> Result<(), T::Error> {
        self.target.write(at, value)?;
        self.writes += 1;
        Ok(())
    }

    fn read(&mut self, at: Place, width: Width) -> Result<Value, T::Error> {
        let value = self.target.read(at, width)?;
        self.reads += 1;
        Ok(value)
    }

    pub(super) fn read_and_compare(
        &mut self,
        index: usize,
        line: u64,
        read: &Read,
    ) -> Result<Outcome, T::Error> {
        let mut outcome = Outcome::Done;
        for _ in 0..read.times {
            let value = self.read(read.place, read.width)?;
            let this = compare(
                index,
                line,
                (read.place, read.width),
                value,
                read.expect.as_ref(),
            );
            // The worst of several counts.
            if rank(&this) > rank(&outcome) {
                outcome = this;
            }
            if self.is_aborted() {
                break;
            }
        }
        Ok(outcome)
    }

    fn poll(&mut self, index: usize, line: u64, poll: &Poll) -> Result<Outcome, T::Error> {
        let timeout = self
            .max_timeout
            .map_or(poll.timeout, |max| poll.timeout.min(max));
        let begun = self.now();
        let mut reads = 0;
        loop {
            let value = self.read(poll.place, poll.width)?;
            reads += 1;
            let took = self.now().saturating_sub(begun);
            let met = value.to_u64().is_some_and(|read| poll.until.holds(read));
            let enough = if poll.timed_out {
                reads >= poll.reads
            } else {
                took >= timeout
            };
            if !met && !enough && !self.is_aborted() {
                self.pause(poll.interval.max(MIN_INTERVAL));
                continue;
            }
            let as_recorded = poll.timed_out;
            let compared = compare(
                index,
                line,
                (poll.place, poll.width),
                value,
                poll.expect.as_ref(),
            );
            return Ok(match compared {
                // Over otherwise than recorded: then the last value is another, too.
                _ if !met && !as_recorded => Outcome::TimedOut {
                    value,
                    reads,
                    as_recorded,
                },
                _ if met && as_recorded => Outcome::Met { value, reads, took },
                Outcome::Masked(_) | Outcome::Mismatched(_) => compared,
                _ if met => Outcome::Met { value, reads, took },
                _ => Outcome::TimedOut {
                    value,
                    reads,
                    as_recorded,
                },
            });
        }
    }

    fn upload(&mut self, transfer: &Transfer) -> Result<Outcome, T::Error> {
        let mut place = Some(transfer.place);
        for number in 0..transfer.count {
            let (Some(at), Some(value)) = (place, self.files.value(transfer, number)) else {
                return Ok(Outcome::Skipped(SkipReason::NotInTrace));
            };
            self.write(at, &value)?;
            if self.is_aborted() {
                break;
            }
            place = at.checked_add(transfer.stride);
        }
        Ok(Outcome::Done)
    }

    fn download(
        &mut self,
        index: usize,
        line: u64,
        transfer: &Transfer,
    ) -> Result<Outcome, T::Error> {
        let (mut place, mut outcome) = (Some(transfer.place), Outcome::Done);
        for number in 0..transfer.count {
            let (Some(at), Some(expected)) = (place, self.files.value(transfer, number)) else {
                return Ok(Outcome::Skipped(SkipReason::NotInTrace));
            };
            let value = self.read(at, transfer.width)?;
            let expect = Expect::exactly(expected);
            let this = compare(index, line, (at, transfer.width), value, Some(&expect));
            if rank(&this) > rank(&outcome) {
                outcome = this;
            }
            if self.is_aborted() {
                break;
            }
            place = at.checked_add(transfer.stride);
        }
        Ok(outcome)
    }

    fn fill(&mut self, fill: &Fill) -> Result<Outcome, T::Error> {
        let mut place = Some(fill.place);
        for _ in 0..fill.count {
            let Some(at) = place else { break };
            self.write(at, &fill.value)?;
            if self.is_aborted() {
                break;
            }
            place = at.checked_add(fill.stride);
        }
        Ok(Outcome::Done)
    }
}

/// A time, so many times as long; the longest if that is longer.
fn scaled(time: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(time.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

/// How bad an outcome is, where several are told as one.
const fn rank(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Done => 0,
        Outcome::Read { .. } | Outcome::Matched { .. } => 1,
        Outcome::Masked(_) => 2,
        _ => 3,
    }
}

fn compare(
    step: usize,
    line: u64,
    (place, width): (Place, Width),
    value: Value,
    expect: Option<&Expect>,
) -> Outcome {
    let Some(expect) = expect else {
        return Outcome::Read { value };
    };
    if value == expect.value {
        return Outcome::Matched { value };
    }
    let (expected, mask, actual) = (expect.value, expect.mask, value);
    let divergence = Divergence {
        step,
        line,
        place,
        width,
        expected,
        mask,
        actual,
    };
    if expect.holds(&value) {
        Outcome::Masked(divergence)
    } else {
        Outcome::Mismatched(divergence)
    }
}
