//! Blocks straight from a trace.

use super::{Block, Folder, Lines, Record, Registers};
use mmiotrace_core::{Blind, Event, EventSink, Header, Loss, Marker};
use mmiotrace_format::{Error, Lifter, Reader};
use std::io::Read;

/// Reads a trace and gives its blocks. A line that does not parse is passed through as a line;
/// how many there were, [`malformed`](Self::malformed) says.
///
/// ```
/// use mmiotrace_analysis::blocks::Blocks;
/// use mmiotrace_format::Reader;
///
/// let trace = "R 4 1.000000 1 0xfebc0000 0x140240 0x0 0\n\
///              W 4 1.000010 1 0xfebc0000 0x140241 0x0 0\n";
/// let mut blocks = Blocks::new(Reader::new(trace.as_bytes()));
/// let block = blocks.next().unwrap()?;
/// assert_eq!(block.to_string(), "1-2 modify 0xfebc0000/4: 0x140240 -> 0x140241 (+0x1)");
/// # Ok::<(), mmiotrace_format::Error>(())
/// ```
#[derive(Debug)]
pub struct Blocks<R> {
    reader: Reader<R>,
    lifter: Lifter,
    folder: Folder,
    lines: LineCounter,
    ended: bool,
    malformed: u64,
}

/// Takes what the lifter gives and puts it into a folder with its lines.
#[derive(Debug)]
struct LineCounter {
    /// The first line that no record has taken yet.
    next: u64,
    held: Vec<Held>,
}

/// A record that the lifter gave, owned: which lines are its own is known only afterwards.
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
    fn header(&mut self, _: &Header<'_>) {
        self.held.push(Held::Line);
    }
}

impl LineCounter {
    /// Gives what is held to the folder; the lines up to `end` (not included) are theirs.
    ///
    /// An annotation and the records that it joins come as one. Where they did not fit together
    /// they come one by one, each with its own line, the last with what is left.
    fn give(&mut self, end: u64, folder: &mut Folder) {
        let count = self.held.len() as u64;
        for (i, held) in self.held.drain(..).enumerate() {
            let last = i as u64 + 1 == count;
            let to = if last { end } else { (self.next + 1).min(end) };
            let lines = Lines::empty(self.next).to(Lines::empty(to));
            self.next = to;
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
    }
}

impl<R: Read> Blocks<R> {
    /// The blocks of a trace.
    pub fn new(reader: Reader<R>) -> Self {
        Self::with_folder(reader, Folder::new())
    }

    /// The blocks of a trace, by a folder with other options.
    pub fn with_folder(reader: Reader<R>, folder: Folder) -> Self {
        Self {
            lines: LineCounter {
                next: reader.position().line(),
                held: Vec::new(),
            },
            reader,
            lifter: Lifter::new(),
            folder,
            ended: false,
            malformed: 0,
        }
    }

    /// How many lines so far began like a record and were none.
    #[must_use]
    pub const fn malformed(&self) -> u64 {
        self.malformed
    }

    /// What is known of the registers so far: all of it once the blocks have ended.
    #[must_use]
    pub const fn registers(&self) -> &Registers {
        self.folder.registers()
    }

    /// What is known of the registers, for keeping.
    #[must_use]
    pub fn into_registers(self) -> Registers {
        self.folder.into_registers()
    }

    /// Reads one line; `false` at the end.
    fn read_line(&mut self) -> Result<bool, std::io::Error> {
        match self.reader.next_line() {
            Ok(Some(line)) => {
                let bad = self.lifter.push_line(&line, &mut self.lines).is_err();
                self.malformed += u64::from(bad);
            }
            Ok(None) => {
                self.lifter.finish(&mut self.lines);
                let end = self.reader.position().line();
                self.lines.give(end, &mut self.folder);
                // Annotations at the very end, to which nothing belongs.
                if self.lines.next < end {
                    self.lines.line(&[]);
                    self.lines.give(end, &mut self.folder);
                }
                self.folder.finish();
                return Ok(false);
            }
            Err(Error::Io(error)) => return Err(error),
            // Too long: a line like any other that cannot be read.
            Err(_) => {
                self.lifter.finish(&mut self.lines);
                self.lines.line(&[]);
                self.malformed += 1;
            }
        }
        self.lines
            .give(self.reader.position().line(), &mut self.folder);
        Ok(true)
    }
}

impl<R: Read> Iterator for Blocks<R> {
    type Item = Result<Block, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(block) = self.folder.pop() {
                return Some(Ok(block));
            }
            if self.ended {
                return None;
            }
            match self.read_line() {
                Ok(more) => self.ended = !more,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error.into()));
                }
            }
        }
    }
}
