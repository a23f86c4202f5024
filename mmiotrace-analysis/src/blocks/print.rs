//! Blocks as text, one line each.

use super::{
    Block, BlockKind, Evidence, Lines, Location, OtherRecord, Outcome, Poll, Repeat, Transfer,
};
use core::fmt;
use core::time::Duration;
use mmiotrace_core::{AccessKind, EventKind, Value};

/// Gives a place its name, where it has one.
///
/// What prints blocks asks it for every register; a register map is one implementation, the
/// address alone ([`Addresses`]) another.
pub trait Names {
    /// Writes the name of a register.
    ///
    /// # Errors
    /// As the formatter.
    fn location(&self, location: Location, f: &mut dyn fmt::Write) -> fmt::Result;
}

/// Registers by their address and width: `0xfebc0000/4`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Addresses;

impl Names for Addresses {
    fn location(&self, location: Location, f: &mut dyn fmt::Write) -> fmt::Result {
        write!(f, "{location}")
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(&Addresses, f)
    }
}

impl Block {
    /// Writes the block on one line, without newline, registers by these names.
    ///
    /// # Errors
    /// As `out`.
    pub fn print(&self, names: &dyn Names, out: &mut dyn fmt::Write) -> fmt::Result {
        if self.lines != Lines::empty(self.lines.first()) {
            write!(out, "{} ", self.lines)?;
        }
        let mut printer = Printer { names, out };
        printer.kind(&self.kind, self.duration())?;
        if self.continued {
            out.write_str(", goes on")?;
        }
        Ok(())
    }

    /// The lines of a block that has blocks inside: its first turn, each indented by two blanks.
    ///
    /// # Errors
    /// As `out`.
    pub fn print_inside(&self, names: &dyn Names, out: &mut dyn fmt::Write) -> fmt::Result {
        self.inside(names, out, 1)
    }

    fn inside(&self, names: &dyn Names, out: &mut dyn fmt::Write, depth: usize) -> fmt::Result {
        let BlockKind::Repeat(repeat) = &self.kind else {
            return Ok(());
        };
        for (index, block) in repeat.turn(0).iter().enumerate() {
            write!(out, "{:1$}", "", depth * 2)?;
            block.print(names, out)?;
            later_values(repeat, index, out)?;
            out.write_char('\n')?;
            block.inside(names, out, depth + 1)?;
        }
        Ok(())
    }
}

/// Values of later turns that are listed, at most.
const MAX_LISTED: usize = 8;

/// What the block at `index` moved in the turns after the first, if that was not always the same:
/// `; then 0x474, 0x434`.
fn later_values(repeat: &Repeat, index: usize, out: &mut dyn fmt::Write) -> fmt::Result {
    let turns = repeat.blocks.chunks(repeat.period.max(1));
    let values: Vec<_> = turns
        .filter_map(|turn| moved(&turn.get(index)?.kind))
        .collect();
    let Some((first, later)) = values.split_first() else {
        return Ok(());
    };
    if later.iter().all(|value| value == first) {
        return Ok(());
    }
    for (count, value) in later.iter().take(MAX_LISTED).enumerate() {
        write!(out, "{} {value}", if count == 0 { "; then" } else { "," })?;
    }
    match later.len().saturating_sub(MAX_LISTED) {
        0 => Ok(()),
        more => write!(out, ", and {more} more"),
    }
}

/// What a block moved, if that is one value: what was written, or what was read last.
fn moved(kind: &BlockKind) -> Option<Value> {
    match kind {
        BlockKind::Access(access) => access.value,
        BlockKind::Poll(poll) => poll.values.last(),
        BlockKind::Modify(modify) => Some(modify.written),
        BlockKind::Acknowledge(acknowledge) => Some(acknowledge.written),
        BlockKind::Indexed(indexed) => indexed.data.value,
        BlockKind::Fill(fill) => fill.values.first(),
        _ => None,
    }
}

struct Printer<'a> {
    names: &'a dyn Names,
    out: &'a mut dyn fmt::Write,
}

impl Printer<'_> {
    fn kind(&mut self, kind: &BlockKind, took: Duration) -> fmt::Result {
        match kind {
            BlockKind::Access(access) => {
                write!(self.out, "{} ", access.kind)?;
                self.name(Location::of(access))?;
                match access.value {
                    Some(value) => write!(self.out, " {value}"),
                    None => self.out.write_str(" (value not known)"),
                }
            }
            BlockKind::Poll(poll) => self.poll(poll, took),
            BlockKind::Modify(modify) => {
                self.out.write_str("modify ")?;
                self.name(modify.location)?;
                write!(self.out, ": {} -> {}", modify.read, modify.written)?;
                let (changed, written) = (modify.changed(), modify.written.to_u64().unwrap_or(0));
                self.switched(changed & written, changed & !written)
            }
            BlockKind::Acknowledge(ack) => {
                self.out.write_str("acknowledge ")?;
                self.name(ack.location)?;
                if let Some(read) = ack.read {
                    write!(self.out, ": read {read}, wrote")?;
                }
                write!(self.out, " {}", ack.written)
            }
            BlockKind::Upload(transfer) | BlockKind::Download(transfer) => self.transfer(transfer),
            BlockKind::Fill(fill) => {
                self.out.write_str("fill ")?;
                self.range(fill)?;
                match fill.values.first() {
                    Some(value) => write!(self.out, ": {} x {value}", fill.values.len()),
                    None => Ok(()),
                }
            }
            BlockKind::Indexed(indexed) => {
                write!(self.out, "indexed {} ", indexed.data.kind)?;
                self.name(Location::of(&indexed.data))?;
                write!(self.out, "[{}]", indexed.number)?;
                match indexed.data.value {
                    Some(value) => write!(self.out, " {value}"),
                    None => Ok(()),
                }
            }
            BlockKind::Repeat(repeat) => self.repeat(repeat, took),
            BlockKind::Undecoded(undecoded) => write!(
                self.out,
                "undecoded {} x {} (code {:x}), step {}",
                undecoded.count, undecoded.phys, undecoded.code, undecoded.stride
            ),
            BlockKind::Delay(time) => write!(self.out, "delay {}", Micros(*time)),
            BlockKind::Other(other) => self.other(other),
        }
    }

    fn name(&mut self, location: Location) -> fmt::Result {
        self.names.location(location, self.out)
    }

    fn switched(&mut self, on: u64, off: u64) -> fmt::Result {
        match (on, off) {
            (0, 0) => self.out.write_str(" (unchanged)"),
            (on, 0) => write!(self.out, " (+{on:#x})"),
            (0, off) => write!(self.out, " (-{off:#x})"),
            (on, off) => write!(self.out, " (+{on:#x} -{off:#x})"),
        }
    }

    fn poll(&mut self, poll: &Poll, took: Duration) -> fmt::Result {
        self.out.write_str("poll ")?;
        self.name(poll.location)?;
        if let Some(condition) = poll.condition {
            write!(self.out, " until {condition}")?;
        }
        write!(self.out, ": {} x", poll.values.len())?;
        if let Some(last) = poll.values.last() {
            write!(self.out, ", {last}")?;
        }
        write!(self.out, ", {}", Micros(took))?;
        self.out.write_str(match (poll.outcome, poll.evidence) {
            (Outcome::TimedOut, _) => ", not met",
            (Outcome::Met, Evidence::Loop | Evidence::Unchanged) => ", met",
            (Outcome::Met, Evidence::Answer) => ", met at once (answer)",
            (Outcome::Met, Evidence::Effect) => ", met at once (effect)",
        })
    }

    fn transfer(&mut self, transfer: &Transfer) -> fmt::Result {
        self.out.write_str(match transfer.direction {
            AccessKind::Read => "download ",
            AccessKind::Write => "upload ",
        })?;
        self.range(transfer)?;
        write!(self.out, ": {} bytes", transfer.len_bytes())
    }

    fn range(&mut self, transfer: &Transfer) -> fmt::Result {
        self.name(transfer.location)?;
        if transfer.stride == 0 {
            return self.out.write_str(" (port)");
        }
        let steps = i64::try_from(transfer.values.len().saturating_sub(1)).unwrap_or(i64::MAX);
        let last = transfer.location.phys.0;
        let last = last.wrapping_add_signed(transfer.stride.saturating_mul(steps));
        write!(self.out, "..{last:#x}")?;
        if transfer.stride != i64::from(transfer.location.width.bytes()) {
            write!(self.out, " step {}", transfer.stride)?;
        }
        Ok(())
    }

    fn repeat(&mut self, repeat: &Repeat, took: Duration) -> fmt::Result {
        write!(
            self.out,
            "repeat {} x {} {}, {}",
            repeat.count(),
            repeat.period,
            if repeat.period == 1 {
                "block"
            } else {
                "blocks"
            },
            if repeat.is_identical() {
                "same values"
            } else {
                "values differ"
            }
        )?;
        write!(self.out, ", {}", Micros(took))
    }

    fn other(&mut self, other: &OtherRecord) -> fmt::Result {
        match other {
            OtherRecord::Event(event) => match event.kind {
                EventKind::Map(mapping) => {
                    write!(
                        self.out,
                        "map {} {} len {:#x}",
                        mapping.id, mapping.phys, mapping.len
                    )
                }
                EventKind::Unmap(id) => write!(self.out, "unmap {id}"),
                _ => self.out.write_str("event"),
            },
            OtherRecord::Marker(text) => {
                write!(self.out, "marker {:?}", String::from_utf8_lossy(text))
            }
            OtherRecord::Lost(loss) => write!(self.out, "lost {} events", loss.count),
            OtherRecord::Blind(blind) => {
                write!(
                    self.out,
                    "blind {} {} {}",
                    blind.edge.as_str(),
                    blind.page,
                    blind.reason
                )
            }
            OtherRecord::Line => self.out.write_str("line"),
        }
    }
}

/// A time as people read it.
struct Micros(Duration);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_micros() {
            micros @ 0..10_000 => write!(f, "{micros} us"),
            micros => write!(f, "{}.{} ms", micros / 1000, micros % 1000 / 100),
        }
    }
}
