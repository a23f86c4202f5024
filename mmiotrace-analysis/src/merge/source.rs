//! One of the traces, some lines at a time.

use super::rewrite::Shift;
use super::{MAP_ID_STEP, annotation};
use crate::Numbering;
use mmiotrace_core::Timestamp;
use mmiotrace_format::{Annotation, Error, Field, Line, Reader};
use std::io::Read;

/// Lines that belong together are kept together up to so many bytes.
const MAX_HEAD: usize = 1 << 20;

/// A trace being merged.
#[derive(Debug)]
pub(super) struct Source<R> {
    name: String,
    number: usize,
    pub(super) shift: Shift,
    reader: Reader<R>,
    /// What the lines taken say of the next event.
    pub(super) numbering: Numbering,
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
    pub(super) fn new(name: &str, number: usize, shift: Shift, trace: R) -> Self {
        Self {
            name: name.to_owned(),
            number,
            shift,
            reader: Reader::new(trace),
            numbering: Numbering::new(),
            head: Vec::new(),
            line_of_head: 0,
            lines: 0,
            time: Timestamp::ZERO,
            ended: false,
        }
    }

    /// Reads the next lines, unless they are there already.
    pub(super) fn fill(&mut self) -> Result<(), Failed> {
        if self.has_head() {
            return Ok(());
        }
        self.line_of_head = self.lines + 1;
        // So many more records belong to the annotation that was read; of the lines of a marker,
        // none is an annotation.
        let (mut wanted, mut literal) = (0_u32, false);
        while !self.ended {
            let line = match self.reader.next_line() {
                Ok(Some(line)) => line,
                Ok(None) => {
                    self.ended = true;
                    break;
                }
                Err(error) => return Err(self.failed(error)),
            };
            self.lines = line.position().line();
            if line.content().contains(&b'\n') {
                let folded = line.content().iter().filter(|byte| **byte == b'\n').count();
                self.lines += folded as u64;
            }
            if self.head.is_empty() {
                self.time = time_of(&line).unwrap_or(self.time);
            }
            self.head.extend_from_slice(line.as_bytes());
            if !self.head.ends_with(b"\n") {
                self.head.push(b'\n');
            }
            let parsed = line.parse().map(|_| ());
            wanted = wanted.saturating_sub(1);
            if !literal {
                let (more, is_literal) = match annotation(line.as_bytes()) {
                    Some(Annotation::Wide { n, .. }) => (n.into(), false),
                    Some(Annotation::Value { .. } | Annotation::Lost { .. }) => (1, false),
                    Some(Annotation::Lines { n }) => (n, true),
                    _ => (0, false),
                };
                wanted = wanted.max(more);
                literal = is_literal;
            }
            if let Err(error) = parsed {
                return Err(Failed {
                    line: self.lines,
                    error: Error::Parse(error),
                });
            }
            if wanted == 0 || self.head.len() > MAX_HEAD {
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
                self.reader.finish();
                0
            }
        };
        Failed { line, error }
    }

    pub(super) fn has_head(&self) -> bool {
        !self.head.is_empty()
    }

    pub(super) fn head(&self) -> &[u8] {
        &self.head
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

    /// `MARK 0.000000 merge: source 2 is log.txt, times +1.500000 s, map ids +1000000`.
    pub(super) fn provenance(&self) -> String {
        let name: String = self
            .name
            .chars()
            .map(|c| if c.is_control() { '\u{fffd}' } else { c })
            .collect();
        let number = self.number + 1;
        let mut text = format!("MARK 0.000000 merge: source {number} is {name}");
        if self.shift != Shift::default() {
            text += &format!(", times {} s", self.shift);
        }
        if self.number > 0 {
            text += &format!(", map ids +{}", self.number as u64 * MAP_ID_STEP as u64);
        }
        text + "\n"
    }
}

/// The time of a line that has one; 0 is none.
fn time_of(line: &Line<'_>) -> Option<Timestamp> {
    line.columns().get(Field::Time)?;
    line.columns()
        .time()
        .filter(|time| *time != Timestamp::ZERO)
}
