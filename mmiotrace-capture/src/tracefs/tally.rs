//! Counting what is in a trace that comes in pieces.

use super::lines::each_line;
use mmiotrace_core::Timestamp;
use mmiotrace_format::{Line, LineKind, Parser, Record};

/// What has gone by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Lines.
    pub(super) lines: u64,
    /// Records that were an entry of the kernel's ring: accesses, mappings, markers.
    pub(super) entries: u64,
    /// Events that the kernel's `MARK 0.000000 Lost n events.` lines call lost.
    pub(super) announced: u64,
}

impl Tally {
    fn add(&mut self, line: &Line<'_>) {
        self.lines += 1;
        match LineKind::of(line.as_bytes()) {
            LineKind::Read
            | LineKind::Write
            | LineKind::Map
            | LineKind::Unmap
            | LineKind::Unknown => self.entries += 1,
            LineKind::Mark => match line.parse() {
                // A person's marker has a time.
                Ok(Record::Lost(loss)) if loss.time == Timestamp::ZERO => {
                    self.announced += loss.count;
                }
                _ => self.entries += 1,
            },
            _ => {}
        }
    }
}

/// Counts the lines of a trace that comes in whole lines.
#[derive(Debug, Default)]
pub(super) struct Counter {
    parser: Parser,
    pub(super) tally: Tally,
}

impl Counter {
    /// Takes whole lines. A line whose end is missing is not counted.
    pub(super) fn take(&mut self, lines: &[u8]) {
        each_line(&mut self.parser, lines, |line| self.tally.add(line));
    }
}
