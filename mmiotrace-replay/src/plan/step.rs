//! What a plan does, one thing after the other.

use super::{Place, RegionId};
use core::time::Duration;
use mmiotrace_analysis::blocks::Condition;
use mmiotrace_core::{PhysAddr, Value, Width};

/// How many accesses a step makes at most, a wait by its recorded reads: 2^26, which fill 256 MiB
/// with words of four bytes. A run, a dry one too, has to end.
pub const MAX_STEP_ACCESSES: u64 = 1 << 26;

/// One step of a plan.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// The line of the trace that it comes from; 0 where it was written by hand.
    pub line: u64,
    /// How long after the step before it was recorded. Waited for only where the section's pacing
    /// says so.
    pub after: Duration,
    /// What it does.
    pub action: Action,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// Writes a register.
    Write(Write),
    /// Reads a register, and compares where an expectation is given.
    Read(Read),
    /// Reads a register until a condition holds.
    Poll(Poll),
    /// Writes many values, from a side file.
    Upload(Transfer),
    /// Reads many values, and compares them with a side file.
    Download(Transfer),
    /// Writes one value many times.
    Fill(Fill),
    /// Waits: a pause that the driver made on purpose.
    Delay(Duration),
    /// Puts a marker into what the target records.
    Mark(String),
    /// Does nothing, and says so: here the trace has something that cannot be done again.
    Skip(Skip),
    /// Ends a run on a device unless told to go on: from here on the device needs what the trace
    /// does not have.
    Stop(String),
}

/// One write.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Write {
    /// Where.
    pub place: Place,
    /// What; its width is the access's.
    pub value: Value,
    /// What the value points to, where it is an address.
    pub points: Option<Points>,
}

/// Where an address that is written leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Points {
    /// Into a region of the plan: the value moves with it.
    Region(RegionId),
    /// Into the memory of the recorded machine.
    HostMemory,
    /// To the interrupt controller: the value is the address or data of a message.
    Interrupt,
}

/// One read, or the same a few times.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Read {
    /// Where.
    pub place: Place,
    /// How many bytes.
    pub width: Width,
    /// How often, one after the other.
    pub times: u64,
    /// What it must read.
    pub expect: Option<Expect>,
    /// Whether nothing may be written where it reads something else: it identifies the device or
    /// its state.
    pub must: bool,
}

/// What a read must give.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Expect {
    /// The recorded value.
    pub value: Value,
    /// The bits that count; of the value's width.
    pub mask: Value,
    /// Why some bits do not count.
    pub why: String,
}

/// A wait.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Poll {
    /// Where.
    pub place: Place,
    /// How many bytes, at most 8.
    pub width: Width,
    /// Until when.
    pub until: Condition,
    /// How long it may take.
    pub timeout: Duration,
    /// How long to wait between two reads.
    pub interval: Duration,
    /// How many reads there were when it was recorded.
    pub reads: u64,
    /// Whether the recorded driver waited in vain. Then that is not a fault here either.
    pub timed_out: bool,
    /// What the last read must give besides, where the wait ended as it did when recorded.
    pub expect: Option<Expect>,
}

/// Many accesses with the values in a side file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transfer {
    /// Where the first goes.
    pub place: Place,
    /// How many bytes each.
    pub width: Width,
    /// From one to the next, in bytes; 0 for a port.
    pub stride: i64,
    /// The side file's name.
    pub file: String,
    /// Where in it the first value stands, in bytes.
    pub from: u64,
    /// How many accesses.
    pub count: u64,
}

/// One value many times.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Fill {
    /// Where the first goes.
    pub place: Place,
    /// The value; its width is the accesses'.
    pub value: Value,
    /// From one to the next, in bytes.
    pub stride: i64,
    /// How many.
    pub count: u64,
}

/// Something that cannot be done again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skip {
    /// Where it was, where that is known and in a region.
    pub place: Option<Place>,
    /// How many accesses.
    pub count: u64,
    /// Why.
    pub why: String,
}

impl Step {
    /// A step that is not from a trace.
    #[must_use]
    pub const fn new(action: Action) -> Self {
        Self {
            line: 0,
            after: Duration::ZERO,
            action,
        }
    }

    /// The same with the line that it comes from.
    #[must_use]
    pub const fn at_line(mut self, line: u64) -> Self {
        self.line = line;
        self
    }

    /// The same, so long after the step before.
    #[must_use]
    pub const fn after(mut self, after: Duration) -> Self {
        self.after = after;
        self
    }

    /// How many accesses the step makes, a wait as often as it was recorded.
    #[must_use]
    pub const fn accesses(&self) -> u64 {
        match &self.action {
            Action::Write(_) => 1,
            Action::Read(read) => read.times,
            Action::Poll(poll) => poll.reads,
            Action::Upload(transfer) | Action::Download(transfer) => transfer.count,
            Action::Fill(fill) => fill.count,
            _ => 0,
        }
    }

    /// The first place that it accesses, with the width.
    #[must_use]
    pub const fn place(&self) -> Option<(Place, Width)> {
        match &self.action {
            Action::Write(write) => Some((write.place, write.value.width())),
            Action::Read(read) => Some((read.place, read.width)),
            Action::Poll(poll) => Some((poll.place, poll.width)),
            Action::Upload(transfer) | Action::Download(transfer) => {
                Some((transfer.place, transfer.width))
            }
            Action::Fill(fill) => Some((fill.place, fill.value.width())),
            _ => None,
        }
    }

    /// From one access to the next, in bytes.
    #[must_use]
    pub const fn stride(&self) -> i64 {
        match &self.action {
            Action::Upload(transfer) | Action::Download(transfer) => transfer.stride,
            Action::Fill(fill) => fill.stride,
            _ => 0,
        }
    }

    /// Whether it writes.
    #[must_use]
    pub const fn writes(&self) -> bool {
        matches!(
            self.action,
            Action::Write(_) | Action::Upload(_) | Action::Fill(_)
        )
    }
}

impl Write {
    /// A write of a value that is no address.
    #[must_use]
    pub const fn new(place: Place, value: Value) -> Self {
        Self {
            place,
            value,
            points: None,
        }
    }

    /// The value to write where the regions begin now: an address into one of them moves with it.
    /// `None` where it then does not fit any more.
    #[must_use]
    pub fn relocated(&self, recorded: PhysAddr, now: PhysAddr) -> Option<Value> {
        let address = self.value.to_u64()?;
        let moved = address.wrapping_sub(recorded.0).wrapping_add(now.0);
        Value::from_u64(moved, self.value.width())
    }
}

impl Skip {
    /// Accesses that cannot be made again, for this reason.
    #[must_use]
    pub fn new(place: Option<Place>, count: u64, why: impl Into<String>) -> Self {
        Self {
            place,
            count,
            why: why.into(),
        }
    }
}

impl Read {
    /// One read.
    #[must_use]
    pub const fn new(place: Place, width: Width) -> Self {
        Self {
            place,
            width,
            times: 1,
            expect: None,
            must: false,
        }
    }

    /// The same with an expectation.
    #[must_use]
    pub fn expecting(mut self, expect: Expect) -> Self {
        self.expect = Some(expect);
        self
    }
}

impl Expect {
    /// Exactly this value.
    #[must_use]
    pub fn exactly(value: Value) -> Self {
        Self {
            value,
            mask: all_ones(value.width()),
            why: String::new(),
        }
    }

    /// This value in the bits of `mask`, for the reason given. `None` where the mask is wider
    /// than the value.
    #[must_use]
    pub fn masked(value: Value, mask: u64, why: impl Into<String>) -> Option<Self> {
        let mask = mask & value.width().max_u64().unwrap_or(u64::MAX);
        Some(Self {
            value,
            mask: Value::from_u64(mask, value.width())?,
            why: why.into(),
        })
    }

    /// Whether a value is what is expected.
    #[must_use]
    pub fn holds(&self, actual: &Value) -> bool {
        let bytes = actual
            .as_le_bytes()
            .iter()
            .zip(self.value.as_le_bytes())
            .zip(self.mask.as_le_bytes());
        actual.width() == self.value.width()
            && bytes.into_iter().all(|((a, b), mask)| (a ^ b) & mask == 0)
    }

    /// Whether every bit counts.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.mask.as_le_bytes().iter().all(|byte| *byte == 0xff)
    }
}

/// A value of that width with all bits on.
pub(crate) fn all_ones(width: Width) -> Value {
    let bytes = [0xff; 64];
    match Value::from_le_bytes(bytes.get(..width.as_usize()).unwrap_or(&bytes)) {
        Some(value) => value,
        // A width is 1 to 64.
        None => unreachable!(),
    }
}
