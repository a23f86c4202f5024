//! Blocks from lines.

use super::{Block, Folder, Lines, Record, Registers};
use crate::Devices;
use mmiotrace_core::{Blind, Event, EventSink, Header, Loss, Marker};
use mmiotrace_format::{Context, Entry, Lifter, Line, ParseError};

/// Takes the lines of a trace and gives its blocks: a [`Folder`] for those who have lines.
///
/// Lines may be left out (a filter has been there); blocks then have gaps between them. A line
/// that does not parse is passed through as a line.
///
/// ```
/// use mmiotrace_analysis::blocks::LineFolder;
/// use mmiotrace_format::Reader;
///
/// let trace = "R 4 1.000000 1 0xfebc0000 0x140240 0x0 0\n\
///              W 4 1.000010 1 0xfebc0000 0x140241 0x0 0\n";
/// let (mut reader, mut folder) = (Reader::new(trace.as_bytes()), LineFolder::new());
/// while let Some(line) = reader.next_line()? {
///     let _ = folder.push_line(&line);
/// }
/// folder.finish();
/// assert!(folder.pop().unwrap().to_string().starts_with("1-2 modify"));
/// # Ok::<(), mmiotrace_format::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct LineFolder {
    /// Of lines; entries have theirs.
    context: Context,
    lifter: Lifter,
    folder: Folder,
    lines: LineCounter,
    malformed: u64,
}

/// Takes what the lifter gives, until it is known which lines are whose.
#[derive(Debug, Default)]
struct LineCounter {
    /// The first line that no record has taken yet.
    first: Option<u64>,
    held: Vec<Held>,
    devices: Devices,
}

/// A record that the lifter gave, owned.
#[derive(Debug)]
enum Held {
    Event(Event),
    Marker(mmiotrace_core::Timestamp, Vec<u8>),
    Lost(Loss),
    Blind(Blind),
    Line,
}

impl EventSink for LineCounter {
    fn event(&mut self, event: &Event) {
        self.held.push(Held::Event(*event));
    }
    fn marker(&mut self, marker: &Marker<'_>) {
        self.held
            .push(Held::Marker(marker.time, marker.text.to_vec()));
    }
    fn lost(&mut self, loss: &Loss) {
        self.held.push(Held::Lost(*loss));
    }
    fn blind(&mut self, blind: &Blind) {
        self.held.push(Held::Blind(*blind));
    }
    fn line(&mut self, _: &[u8]) {
        self.held.push(Held::Line);
    }
    fn header(&mut self, header: &Header<'_>) {
        self.devices.apply(header);
        self.held.push(Held::Line);
    }
}

impl LineCounter {
    /// Gives what is held to the folder; the lines before `end` are theirs.
    ///
    /// An annotation and the records that it joins come as one. Where they did not fit together
    /// they come one by one, each with its own line, the last with what is left.
    fn give(&mut self, end: u64, folder: &mut Folder) {
        let count = self.held.len();
        for (i, held) in self.held.drain(..).enumerate() {
            let first = self.first.unwrap_or(end);
            let to = if i + 1 == count {
                end
            } else {
                (first + 1).min(end)
            };
            self.first = Some(to);
            let lines = Lines::empty(first).to(Lines::empty(to));
            match &held {
                Held::Event(event) => folder.push(lines, Record::Event(event)),
                Held::Marker(time, text) => {
                    let marker = Marker { time: *time, text };
                    folder.push(lines, Record::Marker(&marker));
                }
                Held::Lost(loss) => folder.push(lines, Record::Lost(loss)),
                Held::Blind(blind) => folder.push(lines, Record::Blind(blind)),
                Held::Line => folder.push(lines, Record::Line),
            }
        }
        if count > 0 {
            self.first = None;
        }
    }
}

impl LineFolder {
    /// A folder with default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One that folds with this folder.
    #[must_use]
    pub fn with_folder(folder: Folder) -> Self {
        Self {
            folder,
            ..Self::default()
        }
    }

    /// Takes the next line. (A folder takes either lines or entries.)
    ///
    /// # Errors
    /// If the line begins like a record and is none; it is passed through as a line.
    pub fn push_line(&mut self, line: &Line<'_>) -> Result<(), ParseError> {
        let mut context = core::mem::take(&mut self.context);
        let result = context
            .entries(*line)
            .try_for_each(|entry| self.push_entry(&entry));
        self.context = context;
        result
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// If its line begins like a record and is none; it is passed through as a line.
    pub fn push_entry(&mut self, entry: &Entry<'_>) -> Result<(), ParseError> {
        let line = entry.line();
        let newlines = line
            .as_bytes()
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        let first = line.position().line();
        // Of records that are fused, the last has the line.
        let end = match entry.ends_line() {
            true => first + newlines.max(1) as u64,
            false => first,
        };
        self.lines.first.get_or_insert(first);
        self.lifter.push_entry(entry, &mut self.lines);
        let result = entry.record().map(|_| ());
        self.malformed += u64::from(result.is_err());
        self.lines.give(end, &mut self.folder);
        result
    }

    /// Takes a line that could not be read, as one over the limit.
    pub fn push_unreadable(&mut self, line: u64) {
        self.lifter.finish(&mut self.lines);
        self.lines.give(line, &mut self.folder);
        self.lines.first.get_or_insert(line);
        self.lines.line(&[]);
        self.malformed += 1;
        self.lines.give(line + 1, &mut self.folder);
    }

    /// Says that no more comes before line `end`, the one after the last.
    pub fn finish_at(&mut self, end: u64) {
        self.lifter.finish(&mut self.lines);
        self.lines.give(end, &mut self.folder);
        // Annotations at the very end, to which nothing belongs.
        if self.lines.first.is_some_and(|first| first < end) {
            self.lines.line(&[]);
            self.lines.give(end, &mut self.folder);
        }
        self.folder.finish();
    }

    /// Says that no more comes.
    pub fn finish(&mut self) {
        let end = self.lines.first.map_or(1, |first| first + 1);
        self.finish_at(end);
    }

    /// The next block that is ready.
    pub fn pop(&mut self) -> Option<Block> {
        self.folder.pop()
    }

    /// How many lines so far began like a record and were none.
    #[must_use]
    pub const fn malformed(&self) -> u64 {
        self.malformed
    }

    /// The PCI devices that the lines named so far.
    #[must_use]
    pub const fn devices(&self) -> &Devices {
        &self.lines.devices
    }

    /// What is known of the registers so far: all of it once the blocks have ended.
    #[must_use]
    pub const fn registers(&self) -> &Registers {
        self.folder.registers()
    }
}
