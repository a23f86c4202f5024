//! The blocks themselves.

use super::{Condition, Lines, Location, Values};
use core::time::Duration;
use mmiotrace_core::{
    Access, AccessKind, Blind, Code, Event, EventKind, Loss, MapId, PhysAddr, Timestamp,
    UnknownOpcode, Value,
};

/// One thing that the driver did, with the lines of the trace that it is made of.
///
/// The lines of successive blocks follow each other without gap or overlap, and
/// [`unfold`](Self::unfold) gives back every record of the block in order: nothing is lost by
/// folding but times, program counters and thread ids within a block, and those stand in the
/// lines.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Block {
    /// The lines it stands for.
    pub lines: Lines,
    /// The time of its first record.
    pub start: Timestamp,
    /// The time of its last record.
    pub end: Timestamp,
    /// The time from the record before to its first record.
    pub gap: Duration,
    /// Whether it goes on in the next block: a run longer than what is held in memory.
    pub continued: bool,
    /// What it is.
    pub kind: BlockKind,
}

/// What a block is.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum BlockKind {
    /// A read or write that is part of nothing larger.
    Access(Access),
    /// A register read until it said what was waited for.
    Poll(Poll),
    /// A register read, and written again at once.
    Modify(Modify),
    /// Bits of a status register written back as they were read, and off after it.
    Acknowledge(Acknowledge),
    /// Data moved to the device, through one register or into a window.
    Upload(Transfer),
    /// Data moved from the device.
    Download(Transfer),
    /// One value written all over a range, or many times into one register.
    Fill(Transfer),
    /// A number written to an index register, and the access of what it numbers.
    Indexed(Indexed),
    /// A sequence of blocks of one shape, again and again.
    Repeat(Repeat),
    /// Accesses that the tracer could not decode, in a row.
    Undecoded(Undecoded),
    /// No record: the driver let time pass.
    Delay(Duration),
    /// Anything that is no access.
    Other(OtherRecord),
}

/// Reads of one register, waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Poll {
    /// The register.
    pub location: Location,
    /// What was read.
    pub values: Values,
    /// What was waited for, as far as the trace shows; narrowed by all waits for this register so
    /// far. `None` where nothing changed and no other wait for it is known.
    pub condition: Option<Condition>,
    /// How it ended.
    pub outcome: Outcome,
    /// How it is known to be a wait.
    pub evidence: Evidence,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Outcome {
    /// The condition held at the end.
    Met,
    /// It did not: the driver gave up, or did not wait at all.
    TimedOut,
}

/// Why something is taken for a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Evidence {
    /// It was read several times, and changed.
    Loop,
    /// It was read several times, and did not change.
    Unchanged,
    /// A command was written to the register itself, and bits of it came back otherwise. The
    /// device was quick: it may have been read only once.
    Answer,
    /// Another register was written, and this one had changed when it was read after it.
    Effect,
}

/// Read, then written at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Modify {
    /// The register.
    pub location: Location,
    /// What was read.
    pub read: Value,
    /// What was written.
    pub written: Value,
}

impl Modify {
    /// The bits that were switched; 0 where the value was written back as it was, or where it is
    /// wider than eight bytes.
    #[must_use]
    pub fn changed(&self) -> u64 {
        self.read.to_u64().unwrap_or(0) ^ self.written.to_u64().unwrap_or(0)
    }
}

/// Status bits written back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Acknowledge {
    /// The register.
    pub location: Location,
    /// What was read just before, where that is part of the block; the read may also stand
    /// further up.
    pub read: Option<Value>,
    /// What was written.
    pub written: Value,
}

/// A run of accesses of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Transfer {
    /// Which way.
    pub direction: AccessKind,
    /// The first access's place.
    pub location: Location,
    /// From one access's address to the next's, in bytes: 0 for one register, the width for a
    /// window, more for the same register of many units. Negative where the window is run down.
    pub stride: i64,
    /// What was moved.
    pub values: Values,
}

/// An index written, and what it stands for accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Indexed {
    /// The index register.
    pub index: Location,
    /// What was written to it.
    pub number: Value,
    /// The access of the data register.
    pub data: Access,
}

/// A sequence again and again.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Repeat {
    /// How many blocks one turn has.
    pub period: usize,
    /// The blocks of all turns, one after the other.
    pub blocks: Vec<Block>,
}

impl Repeat {
    /// How many turns.
    #[must_use]
    pub fn count(&self) -> usize {
        self.blocks.len() / self.period.max(1)
    }

    /// The blocks of one turn, counted from 0.
    #[must_use]
    pub fn turn(&self, turn: usize) -> &[Block] {
        let from = turn.saturating_mul(self.period);
        let to = from.saturating_add(self.period);
        self.blocks.get(from..to).unwrap_or(&[])
    }

    /// Whether all turns have the same values.
    #[must_use]
    pub fn is_identical(&self) -> bool {
        let (first, rest) = self.blocks.split_at(self.period.min(self.blocks.len()));
        let first = unfold_all(first);
        rest.chunks(self.period.max(1))
            .all(|turn| unfold_all(turn) == first)
    }
}

fn unfold_all(blocks: &[Block]) -> Vec<Unfolded<'_>> {
    let mut all = Vec::new();
    for block in blocks {
        block.unfold(&mut |item| all.push(item));
    }
    all
}

/// Undecoded accesses in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Undecoded {
    /// The mapping.
    pub map_id: MapId,
    /// Where the first went.
    pub phys: PhysAddr,
    /// From one address to the next, in bytes.
    pub stride: i64,
    /// How many.
    pub count: u64,
    /// The instruction's first bytes, the same for all.
    pub code: Code,
}

/// A record that is no access.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum OtherRecord {
    /// A map or unmap event.
    Event(Event),
    /// A marker's text.
    Marker(Vec<u8>),
    /// Events that are missing here.
    Lost(Loss),
    /// A page went blind, or sees again.
    Blind(Blind),
    /// A header, or a line that is no record. Its text stands in the line.
    Line,
}

/// A record of a block, as [`Block::unfold`] gives it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Unfolded<'a> {
    /// A decoded access.
    Access(Access),
    /// One that the tracer could not decode.
    Undecoded(UnknownOpcode),
    /// Anything else.
    Other(&'a OtherRecord),
}

impl Block {
    /// Gives the records that the block was made of, in their order.
    pub fn unfold<'a>(&'a self, give: &mut dyn FnMut(Unfolded<'a>)) {
        match &self.kind {
            BlockKind::Access(access) => give(Unfolded::Access(*access)),
            BlockKind::Poll(poll) => {
                for value in poll.values.iter() {
                    give(access(AccessKind::Read, poll.location, value));
                }
            }
            BlockKind::Modify(modify) => {
                give(access(AccessKind::Read, modify.location, modify.read));
                give(access(AccessKind::Write, modify.location, modify.written));
            }
            BlockKind::Acknowledge(acknowledge) => {
                if let Some(read) = acknowledge.read {
                    give(access(AccessKind::Read, acknowledge.location, read));
                }
                give(access(
                    AccessKind::Write,
                    acknowledge.location,
                    acknowledge.written,
                ));
            }
            BlockKind::Upload(t) | BlockKind::Download(t) | BlockKind::Fill(t) => {
                t.each(&mut |access| give(Unfolded::Access(access)));
            }
            BlockKind::Indexed(indexed) => {
                give(access(AccessKind::Write, indexed.index, indexed.number));
                give(Unfolded::Access(indexed.data));
            }
            BlockKind::Repeat(repeat) => repeat.blocks.iter().for_each(|b| b.unfold(give)),
            BlockKind::Undecoded(undecoded) => {
                undecoded.each(&mut |u| give(Unfolded::Undecoded(u)))
            }
            BlockKind::Delay(_) => {}
            BlockKind::Other(other) => give(Unfolded::Other(other)),
        }
    }

    /// How long it took from its first record to its last.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.end.since(self.start).unwrap_or_default()
    }

    /// How many accesses it holds, undecoded ones counted.
    #[must_use]
    pub fn accesses(&self) -> u64 {
        match &self.kind {
            BlockKind::Access(_) => 1,
            BlockKind::Poll(poll) => poll.values.len(),
            BlockKind::Modify(_) | BlockKind::Indexed(_) => 2,
            BlockKind::Acknowledge(acknowledge) => 1 + u64::from(acknowledge.read.is_some()),
            BlockKind::Upload(t) | BlockKind::Download(t) | BlockKind::Fill(t) => t.values.len(),
            BlockKind::Repeat(repeat) => repeat.blocks.iter().map(Self::accesses).sum(),
            BlockKind::Undecoded(undecoded) => undecoded.count,
            BlockKind::Delay(_) | BlockKind::Other(_) => 0,
        }
    }
}

fn access<'a>(kind: AccessKind, at: Location, value: Value) -> Unfolded<'a> {
    Unfolded::Access(access_at(kind, at, at.phys, value))
}

const fn access_at(kind: AccessKind, at: Location, phys: PhysAddr, value: Value) -> Access {
    Access {
        kind,
        width: at.width,
        map_id: at.map_id,
        phys,
        value: Some(value),
    }
}

impl Transfer {
    /// Gives every access of it.
    pub fn each(&self, give: &mut dyn FnMut(Access)) {
        let mut phys = self.location.phys;
        for value in self.values.iter() {
            give(access_at(self.direction, self.location, phys, value));
            phys = PhysAddr(phys.0.wrapping_add_signed(self.stride));
        }
    }

    /// How many bytes were moved.
    #[must_use]
    pub fn len_bytes(&self) -> u64 {
        self.values
            .len()
            .saturating_mul(u64::from(self.location.width.bytes()))
    }
}

impl Undecoded {
    fn each(&self, give: &mut dyn FnMut(UnknownOpcode)) {
        let mut phys = self.phys;
        for _ in 0..self.count {
            give(UnknownOpcode {
                map_id: self.map_id,
                phys,
                code: self.code,
            });
            phys = PhysAddr(phys.0.wrapping_add_signed(self.stride));
        }
    }
}

impl OtherRecord {
    /// The mapping that begins here, if one does.
    #[must_use]
    pub const fn mapping(&self) -> Option<&mmiotrace_core::Mapping> {
        match self {
            Self::Event(Event {
                kind: EventKind::Map(mapping),
                ..
            }) => Some(mapping),
            _ => None,
        }
    }
}
