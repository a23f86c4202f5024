//! One of the traces, some lines at a time.

use super::rewrite::Shift;
use super::{Announcement, MAX_SOURCES, Origin, annotation, marker_text};
use mmiotrace_core::Timestamp;
use mmiotrace_format::{Annotation, Context, Entries, Entry, Error, Field, Line, Reader};
use std::io::Read;

/// Lines that belong together are kept together up to so many bytes.
const MAX_HEAD: usize = 1 << 20;

/// A trace being merged.
#[derive(Debug)]
pub(super) struct Source<R> {
    name: String,
    pub(super) shift: Shift,
    /// The index of its first source in the merged trace.
    pub(super) base: usize,
    /// What it says of its sources, where it is a merged trace itself.
    origins: Vec<Origin>,
    /// The `VERSION` line that it begins with.
    pub(super) version: Option<Vec<u8>>,
    /// The number of the next event, where it is told by an announcement of that event's source.
    pub(super) seq_of_next: Option<u64>,
    entries: Entries<R>,
    /// What the lines taken say of the next event.
    pub(super) context: Context,
    /// The next lines: one, or an annotation with what it speaks of.
    head: Vec<u8>,
    line_of_head: u64,
    lines: u64,
    time: Timestamp,
    ended: bool,
}

/// A line of a source cannot be had.
pub(super) struct Failed {
    pub(super) line: u64,
    pub(super) error: Error,
}

impl<R: Read> Source<R> {
    pub(super) fn new(name: &str, shift: Shift, trace: R) -> Self {
        Self {
            name: name.to_owned(),
            shift,
            base: 0,
            origins: Vec::new(),
            version: None,
            seq_of_next: None,
            entries: Reader::new(trace).entries(),
            context: Context::new(),
            head: Vec::new(),
            line_of_head: 0,
            lines: 0,
            time: Timestamp::ZERO,
            ended: false,
        }
    }

    /// Takes off the version and what a merged trace says of its sources, and reads the lines behind
    /// it.
    pub(super) fn begin(&mut self) -> Result<(), Failed> {
        loop {
            self.fill()?;
            let next = self.origins.len() + 1;
            if next == 1 && self.version.is_none() && self.head.starts_with(b"VERSION ") {
                self.version = Some(self.take_head());
                continue;
            }
            match marker_text(&self.head, Origin::parse) {
                Some((number, mut origin)) if number == next && number <= MAX_SOURCES => {
                    origin.shift = origin.shift.and(self.shift);
                    self.origins.push(origin);
                    self.take_head();
                }
                _ => return Ok(()),
            }
        }
    }

    pub(super) fn is_merged(&self) -> bool {
        !self.origins.is_empty()
    }

    /// How many sources it is in the merged trace.
    pub(super) fn count(&self) -> usize {
        self.origins.len().max(1)
    }

    /// What is said of them.
    pub(super) fn provenance(&self) -> String {
        if !self.is_merged() {
            return Origin::new(&self.name, self.shift).line(self.base);
        }
        let lines = self.origins.iter().zip(self.base..);
        lines.map(|(origin, index)| origin.line(index)).collect()
    }

    /// Where it is merged, what a line announces.
    pub(super) fn announcement(&self, line: &[u8]) -> Option<Announcement> {
        let parsed = self
            .is_merged()
            .then(|| Announcement::of(&annotation(line)?));
        parsed.flatten()
    }

    /// Whose the lines are, where that is announced before them; how many lines do so; the rest.
    pub(super) fn announced<'h>(&self, head: &'h [u8]) -> (Option<Announcement>, u64, &'h [u8]) {
        let (mut announced, mut lines, mut rest) = (None, 0, head);
        loop {
            let len = rest.iter().position(|byte| *byte == b'\n');
            let (first, behind) = rest.split_at(len.map_or(rest.len(), |len| len + 1));
            let Some(found) = self.announcement(first) else {
                return (announced, lines, rest);
            };
            (announced, lines, rest) = (Some(found), lines + 1, behind);
        }
    }

    /// Reads the next lines, unless they are there already.
    pub(super) fn fill(&mut self) -> Result<(), Failed> {
        if self.has_head() {
            return Ok(());
        }
        self.line_of_head = self.lines + 1;
        let merged = self.is_merged();
        while !self.ended {
            let entry = match self.entries.next_entry() {
                Ok(Some(entry)) => entry,
                Ok(None) => {
                    self.ended = true;
                    break;
                }
                Err(error) => return Err(self.failed(error)),
            };
            let line = entry.line();
            if !entry.is_fused() {
                let folded = line.content().iter().filter(|byte| **byte == b'\n').count();
                self.lines = line.position().line() + folded as u64;
            }
            if self.head.is_empty() {
                self.time = time_of(line).unwrap_or(self.time);
            }
            self.head.extend_from_slice(line.as_bytes());
            if entry.ends_line() && !self.head.ends_with(b"\n") {
                self.head.push(b'\n');
            }
            if let Err(error) = entry.record() {
                return Err(Failed {
                    line: self.lines,
                    error: Error::Parse(error),
                });
            }
            if !goes_on(&entry, merged) || self.head.len() > MAX_HEAD {
                break;
            }
        }
        Ok(())
    }

    fn failed(&mut self, error: Error) -> Failed {
        let line = match &error {
            Error::Parse(error) => {
                // A line too long to be kept was an event, for all that is known.
                let loss = format!("MARK {} Lost 1 events.\n", self.time);
                self.head.extend_from_slice(loss.as_bytes());
                self.lines = error.line_start().line();
                self.lines
            }
            _ => {
                self.entries.finish();
                0
            }
        };
        Failed { line, error }
    }

    pub(super) fn has_head(&self) -> bool {
        !self.head.is_empty()
    }

    pub(super) fn take_head(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.head)
    }

    pub(super) const fn line_of_head(&self) -> u64 {
        self.line_of_head
    }

    /// The time of the next lines, or of the last that had one.
    pub(super) const fn time_of_head(&self) -> Timestamp {
        self.time
    }

    /// The same on the common clock.
    pub(super) fn head_time(&self) -> Timestamp {
        self.shift.apply(self.time).unwrap_or_default()
    }
}

/// Whether what follows an entry stays with it: what it annotates, and, in a merged source, the
/// record whose source it says.
const fn goes_on(entry: &Entry<'_>, merged: bool) -> bool {
    let is_about_next = match entry.annotation() {
        Some(Ok(Annotation::Unordered)) => true,
        Some(Ok(Annotation::Source { seq: None, .. })) => merged,
        _ => false,
    };
    is_about_next || entry.awaits_next() || !entry.ends_line()
}

/// The time of a line that has one; 0 is none.
fn time_of(line: &Line<'_>) -> Option<Timestamp> {
    line.columns().get(Field::Time)?;
    line.columns()
        .time()
        .filter(|time| *time != Timestamp::ZERO)
}
