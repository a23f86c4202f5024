//! From the records at the front of the window to the next block.

use super::poll;
use super::window::{Entry, EntryKind, Seen, Window};
use super::{
    Acknowledge, Block, BlockKind, Indexed, Lines, Location, Modify, Registers, Transfer,
    Undecoded, Values,
};
use core::time::Duration;
use mmiotrace_core::{Access, AccessKind, Timestamp};

/// A window of fewer accesses is not worth a block.
const MIN_WINDOW: u64 = 4;
/// Nor is a port of fewer.
const MIN_PORT: u64 = 8;
/// The longest run that is held in one block.
pub(super) const MAX_RUN: usize = 4096;

/// Takes the next block off the window.
pub(super) fn next(window: &mut Window, registers: &Registers) -> Option<Block> {
    match &window.get(0)?.kind {
        EntryKind::Other(_) => passed(window),
        EntryKind::Undecoded(_) => undecoded(window),
        EntryKind::Access(seen) if seen.number().is_none() => single(window),
        EntryKind::Access(seen) => match seen.access.kind {
            AccessKind::Read => read(window, registers),
            AccessKind::Write => write(window, registers),
        },
    }
}

fn read(window: &mut Window, registers: &Registers) -> Option<Block> {
    let run = Run::at_front(window)?;
    if run.is_port_data(window) {
        return run.take(window, BlockKind::Download);
    }
    if let Some(block) = poll::take(window, registers) {
        return Some(block);
    }
    if run.stride != 0 && run.accesses >= MIN_WINDOW {
        return run.take(window, BlockKind::Download);
    }
    read_then_write(window, registers).or_else(|| single(window))
}

fn write(window: &mut Window, registers: &Registers) -> Option<Block> {
    let run = Run::at_front(window)?;
    if run.is_fill(window) {
        return run.take(window, BlockKind::Fill);
    }
    let enough = if run.stride == 0 {
        MIN_PORT
    } else {
        MIN_WINDOW
    };
    if run.accesses >= enough && (run.stride != 0 || run.is_port_data(window)) {
        return run.take(window, BlockKind::Upload);
    }
    indexed(window, registers)
        .or_else(|| late_acknowledge(window, registers))
        .or_else(|| single(window))
}

/// A row of entries of one kind whose addresses rise (or fall) evenly.
struct Run {
    entries: usize,
    accesses: u64,
    stride: i64,
}

impl Run {
    fn at_front(window: &Window) -> Option<Self> {
        let (entry, first) = window.access(0)?;
        let mut run = Self {
            entries: 1,
            accesses: entry.repeat,
            stride: 0,
        };
        let mut last = first.access.phys.0;
        let mut repeats = entry.repeat > 1;
        while run.entries < MAX_RUN {
            let Some((entry, seen)) = window.access(run.entries) else {
                break;
            };
            let step = i64::from_ne_bytes(seen.access.phys.0.wrapping_sub(last).to_ne_bytes());
            let fits = seen.number().is_some()
                && seen.access.kind == first.access.kind
                && seen.access.width == first.access.width
                && seen.access.map_id == first.access.map_id
                && (run.entries == 1 || step == run.stride);
            // A row of equal accesses is a port; it does not move on.
            repeats |= entry.repeat > 1;
            if !fits || (repeats && step != 0) || step.unsigned_abs() > 0x1000 {
                break;
            }
            run.stride = step;
            last = seen.access.phys.0;
            run.entries += 1;
            run.accesses += entry.repeat;
        }
        Some(run)
    }

    /// Whether all values are one, in a window or often enough in a port.
    fn is_fill(&self, window: &Window) -> bool {
        let first = window.access(0).and_then(|(_, seen)| seen.number());
        let all = (1..self.entries)
            .all(|i| window.access(i).and_then(|(_, seen)| seen.number()) == first);
        let enough = if self.stride == 0 {
            MIN_PORT
        } else {
            MIN_WINDOW
        };
        all && self.accesses >= enough
    }

    /// Whether a port's values look like data and not like a status or a rising number.
    fn is_port_data(&self, window: &Window) -> bool {
        if self.stride != 0 || self.accesses < MIN_PORT {
            return false;
        }
        let numbers =
            (0..self.entries).filter_map(|i| window.access(i).and_then(|(_, seen)| seen.number()));
        let numbers: Vec<u64> = numbers.collect();
        let rising = numbers
            .windows(2)
            .all(|two| two[1].wrapping_sub(two[0]) <= 16);
        let mut distinct = numbers;
        distinct.sort_unstable();
        distinct.dedup();
        !rising && distinct.len() >= 3 && distinct.len() as u64 * 4 >= self.accesses
    }

    fn take(self, window: &mut Window, kind: fn(Transfer) -> BlockKind) -> Option<Block> {
        let mut values = Values::default();
        let mut parts = Parts::default();
        let mut head: Option<Access> = None;
        for _ in 0..self.entries {
            let entry = window.pop()?;
            let access = entry.seen()?.access;
            values.push(access.value?, entry.repeat);
            head.get_or_insert(access);
            parts.add(&entry);
        }
        let head = head?;
        let transfer = Transfer {
            direction: head.kind,
            location: Location::of(&head),
            stride: self.stride,
            values,
        };
        let mut block = parts.block(kind(transfer))?;
        block.continued = self.entries == MAX_RUN;
        Some(block)
    }
}

/// Read, and at once written.
fn read_then_write(window: &mut Window, registers: &Registers) -> Option<Block> {
    let (entry, read) = window.access(0)?;
    let (after, write) = window.access(1)?;
    let same = write.access.kind == AccessKind::Write && write.location() == read.location();
    let before = read.number()?;
    write.number()?;
    if !same || entry.repeat > 1 || after.repeat > 1 {
        return None;
    }
    let at = read.location();
    let (read, value) = (read.access.value?, write.access.value?);
    let kind = if acknowledges(registers, write, before) {
        BlockKind::Acknowledge(Acknowledge {
            location: at,
            read: Some(read),
            written: value,
        })
    } else {
        BlockKind::Modify(Modify {
            location: at,
            read,
            written: value,
        })
    };
    take(window, 2, kind)
}

/// Whether this write acknowledged, of a register that had read `before`.
fn acknowledges(registers: &Registers, write: &Seen, before: u64) -> bool {
    let told = registers
        .get(write.location())
        .zip(write.number())
        .zip(write.next_read);
    told.is_some_and(|((facts, written), next)| facts.acknowledges(before, written, next))
}

/// Written back some accesses after it was read.
fn late_acknowledge(window: &mut Window, registers: &Registers) -> Option<Block> {
    let (entry, write) = window.access(0)?;
    let prior = write.prior.filter(|prior| prior.by_read)?;
    if entry.repeat > 1 || !acknowledges(registers, write, prior.value) {
        return None;
    }
    let kind = BlockKind::Acknowledge(Acknowledge {
        location: write.location(),
        read: None,
        written: write.access.value?,
    });
    take(window, 1, kind)
}

fn indexed(window: &mut Window, registers: &Registers) -> Option<Block> {
    let (entry, index) = window.access(0)?;
    let (after, data) = window.access(1)?;
    let known = registers.get(data.location())?.pair()?.index()?;
    if known != index.location() || entry.repeat > 1 || after.repeat > 1 {
        return None;
    }
    let kind = BlockKind::Indexed(Indexed {
        index: index.location(),
        number: index.access.value?,
        data: data.access,
    });
    take(window, 2, kind)
}

fn undecoded(window: &mut Window) -> Option<Block> {
    let of = |window: &Window, i| match window.get(i).map(|entry| &entry.kind) {
        Some(EntryKind::Undecoded(unknown)) => Some(*unknown),
        _ => None,
    };
    let first = of(window, 0)?;
    let (mut count, mut stride, mut last) = (1, 0, first.phys.0);
    while count < MAX_RUN {
        let Some(unknown) = of(window, count) else {
            break;
        };
        let step = i64::from_ne_bytes(unknown.phys.0.wrapping_sub(last).to_ne_bytes());
        if unknown.map_id != first.map_id
            || unknown.code != first.code
            || (count > 1 && step != stride)
        {
            break;
        }
        (stride, last) = (step, unknown.phys.0);
        count += 1;
    }
    // Two accesses always have some distance.
    if count == 2 {
        count = 1;
    }
    let kind = BlockKind::Undecoded(Undecoded {
        map_id: first.map_id,
        phys: first.phys,
        stride: if count == 1 { 0 } else { stride },
        count: count as u64,
        code: first.code,
    });
    let mut block = take(window, count, kind)?;
    block.continued = count == MAX_RUN;
    Some(block)
}

fn single(window: &mut Window) -> Option<Block> {
    let entry = window.pop_part(1)?;
    let access = entry.seen()?.access;
    let mut parts = Parts::default();
    parts.add(&entry);
    parts.block(BlockKind::Access(access))
}

fn passed(window: &mut Window) -> Option<Block> {
    let entry = window.pop()?;
    let mut parts = Parts::default();
    parts.add(&entry);
    match entry.kind {
        EntryKind::Other(other) => parts.block(BlockKind::Other(other)),
        _ => None,
    }
}

fn take(window: &mut Window, entries: usize, kind: BlockKind) -> Option<Block> {
    let mut parts = Parts::default();
    for _ in 0..entries {
        parts.add(&window.pop()?);
    }
    parts.block(kind)
}

/// Lines and times of the entries that go into one block.
#[derive(Debug, Default)]
pub(super) struct Parts(Option<(Lines, Timestamp, Timestamp, Duration)>);

impl Parts {
    pub(super) fn add(&mut self, entry: &Entry) {
        self.0 = Some(match self.0 {
            None => (entry.lines, entry.start, entry.end, entry.gap),
            Some((lines, start, _, gap)) => (lines.to(entry.lines), start, entry.end, gap),
        });
    }

    pub(super) fn block(self, kind: BlockKind) -> Option<Block> {
        let (lines, start, end, gap) = self.0?;
        Some(Block {
            lines,
            start,
            end,
            gap,
            continued: false,
            kind,
        })
    }
}
