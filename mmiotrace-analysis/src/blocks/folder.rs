//! The streaming pass.

use super::classify::{self, MAX_RUN};
use super::delay::Delays;
use super::repeat::Repeats;
use super::window::{Entry, EntryKind, Window};
use super::{Block, BlockKind, Lines, OtherRecord, Registers};
use core::time::Duration;
use mmiotrace_core::{Access, Blind, Event, EventKind, Loss, Marker, Timestamp};
use std::collections::VecDeque;

/// One record of a trace, as the folder takes it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Record<'a> {
    /// An access, a mapping, its end, an undecoded access.
    Event(&'a Event),
    /// A marker.
    Marker(&'a Marker<'a>),
    /// Events are missing here.
    Lost(&'a Loss),
    /// A page went blind, or sees again.
    Blind(&'a Blind),
    /// A header, or a line that is no record.
    Line,
}

/// Turns the records of a trace into blocks, in one pass and with bounded memory (some megabytes,
/// whatever the length of the trace).
///
/// Blocks come some thousand records late: what a register did later tells what an access was.
/// A trace shorter than that is judged as a whole.
///
/// ```
/// use mmiotrace_analysis::blocks::{BlockKind, Folder, Lines, Record};
/// use mmiotrace_core::{Access, AccessKind, Event, EventKind, MapId, PhysAddr, Timestamp, Value, Width};
///
/// let mut folder = Folder::new();
/// for (line, status) in [0x81, 0x81, 0x81, 0x80].into_iter().enumerate() {
///     let access = Access {
///         kind: AccessKind::Read,
///         width: Width::W4,
///         map_id: MapId(1),
///         phys: PhysAddr(0xfea0_0020),
///         value: Value::from_u64(status, Width::W4),
///     };
///     let line = line as u64 + 1;
///     let time = Timestamp::from_micros(line * 10).unwrap_or_default();
///     folder.push(Lines::new(line, line), Record::Event(&Event::new(time, EventKind::Access(access))));
/// }
/// folder.finish();
/// let block = folder.pop().unwrap();
/// let BlockKind::Poll(poll) = &block.kind else { panic!("{block:?}") };
/// assert_eq!(poll.condition.unwrap().to_string(), "& 0x1 == 0x0");
/// assert_eq!((block.lines.to_string().as_str(), poll.values.len()), ("1-4", 4));
/// ```
#[derive(Debug)]
pub struct Folder {
    registers: Registers,
    window: Window,
    inner: Repeats,
    outer: Repeats,
    delays: Delays,
    ready: VecDeque<Block>,
    last_time: Option<Timestamp>,
    last_line: u64,
}

/// How many entries stay in the window, so that later accesses tell what the first one was.
const LOOKAHEAD: usize = 2 * MAX_RUN;

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Folder {
    /// A folder that finds out by itself which pauses are delays.
    #[must_use]
    pub fn new() -> Self {
        Self::with_delays(None)
    }

    /// A folder for which a pause is a delay from `shortest` on. With `None` it is one from 16
    /// times the usual distance of two records on.
    #[must_use]
    pub fn with_delays(shortest: Option<Duration>) -> Self {
        Self {
            registers: Registers::new(),
            window: Window::default(),
            // A word is shifted out in short turns; words follow each other in long ones.
            inner: Repeats::new(8),
            outer: Repeats::new(48),
            delays: Delays::new(shortest),
            ready: VecDeque::new(),
            last_time: None,
            last_line: 0,
        }
    }

    /// Takes the next record, which stands in these lines: several where one access is wider than
    /// a line holds. Lines are given in order and without gaps, or blocks will have gaps too.
    pub fn push(&mut self, lines: Lines, record: Record<'_>) {
        let time = self.time_of(&record);
        let gap = match self.last_time {
            Some(last) => time.since(last).unwrap_or_default(),
            None => Duration::ZERO,
        };
        // Headers, and marks that a tool put in before the first record, have the time 0: the clock
        // may have begun days before.
        if time != Timestamp::ZERO || matches!(record, Record::Event(_)) {
            self.last_time = Some(time);
        }
        self.last_line = lines.last().unwrap_or(self.last_line);
        if let Record::Event(Event {
            kind: EventKind::Access(access),
            ..
        }) = record
        {
            self.delays.learn(gap);
            if self.extend_row(lines, time, access) {
                return;
            }
        }
        let kind = self.entry_kind(&record);
        self.window.push(Entry {
            lines,
            start: time,
            end: time,
            gap,
            repeat: 1,
            kind,
        });
        while self.window.len() > LOOKAHEAD {
            self.classify();
        }
    }

    /// Says that no more comes; [`pop`](Self::pop) gives all that is left.
    pub fn finish(&mut self) {
        while self.window.len() > 0 {
            self.classify();
        }
        let (delays, ready, outer) = (&self.delays, &mut self.ready, &mut self.outer);
        self.inner
            .finish(&mut |block| outer.push(block, &mut |b| give(delays, ready, b)));
        outer.finish(&mut |block| give(delays, ready, block));
    }

    /// The next block that is ready.
    pub fn pop(&mut self) -> Option<Block> {
        self.ready.pop_front()
    }

    /// What is known of the registers so far.
    #[must_use]
    pub const fn registers(&self) -> &Registers {
        &self.registers
    }

    /// What is known of the registers, for keeping.
    #[must_use]
    pub fn into_registers(self) -> Registers {
        self.registers
    }

    /// Whether the access is the same as the one before: then it joins that one's row.
    fn extend_row(&mut self, lines: Lines, time: Timestamp, access: &Access) -> bool {
        let Some(entry) = self.window.back_mut() else {
            return false;
        };
        let same = entry
            .seen()
            .is_some_and(|seen| seen.access == *access && seen.number().is_some());
        if !same || lines.len() != 1 || entry.lines.len() != entry.repeat {
            return false;
        }
        entry.repeat += 1;
        entry.lines = entry.lines.to(lines);
        entry.end = time;
        self.registers.take_again(access, 1);
        true
    }

    fn time_of(&self, record: &Record<'_>) -> Timestamp {
        let last = self.last_time.unwrap_or_default();
        match record {
            Record::Event(event) => event.time,
            Record::Marker(marker) => marker.time,
            Record::Blind(blind) => blind.time,
            // The kernel prints losses at time 0.
            Record::Lost(_) | Record::Line => last,
        }
    }

    fn entry_kind(&mut self, record: &Record<'_>) -> EntryKind {
        let other = match record {
            Record::Event(event) => match &event.kind {
                EventKind::Access(access) => {
                    return EntryKind::Access(self.registers.take(access));
                }
                EventKind::UnknownOpcode(unknown) => return EntryKind::Undecoded(*unknown),
                _ => OtherRecord::Event(**event),
            },
            Record::Marker(marker) => OtherRecord::Marker(marker.text.to_vec()),
            Record::Lost(loss) => OtherRecord::Lost(**loss),
            Record::Blind(blind) => OtherRecord::Blind(**blind),
            Record::Line => OtherRecord::Line,
        };
        EntryKind::Other(other)
    }

    fn classify(&mut self) {
        let Some(block) = classify::next(&mut self.window, &self.registers) else {
            return;
        };
        let (delays, ready, outer) = (&self.delays, &mut self.ready, &mut self.outer);
        self.inner.push(block, &mut |block| {
            outer.push(block, &mut |block| give(delays, ready, block));
        });
    }
}

/// Hands a block out, with the delay before it.
fn give(delays: &Delays, ready: &mut VecDeque<Block>, block: Block) {
    if block.accesses() > 0 && block.gap >= delays.threshold() {
        let before = block.start.as_nanos().saturating_sub(gap_nanos(&block));
        ready.push_back(Block {
            lines: Lines::empty(block.lines.first()),
            start: Timestamp::from_nanos(before),
            end: block.start,
            gap: Duration::ZERO,
            continued: false,
            kind: BlockKind::Delay(block.gap),
        });
    }
    ready.push_back(block);
}

fn gap_nanos(block: &Block) -> u64 {
    u64::try_from(block.gap.as_nanos()).unwrap_or(u64::MAX)
}
