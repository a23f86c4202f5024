//! Several traces on one clock.
//!
//! ```
//! use mmiotrace_analysis::merge::{Merge, Shift};
//!
//! let driver = "VERSION 20070824\nW 4 6.000001 1 0xfebc0000 0x1 0x0 0\nR 4 6.000009 1 0xfebc0008 0x3 0x0 0\n";
//! let device = "VERSION 20070824\nW 4 2.000005 1 0xfebc0000 0x1 0x0 0\n";
//! let mut merge = Merge::new();
//! merge.add("driver", Shift::default(), driver.as_bytes());
//! merge.add("device", Shift::from_nanos(4_000_000_000), device.as_bytes());
//! let mut merged = Vec::new();
//! while merge.next(&mut merged)? {}
//! let merged = String::from_utf8_lossy(&merged);
//! let last: Vec<&str> = merged.lines().skip(3).collect();
//! assert_eq!(last, [
//!     "W 4 6.000001 1 0xfebc0000 0x1 0x0 0",
//!     "W 4 6.000005 1000001 0xfebc0000 0x1 0x0 0",
//!     "R 4 6.000009 1 0xfebc0008 0x3 0x0 0",
//! ]);
//! # Ok::<(), mmiotrace_analysis::merge::MergeError>(())
//! ```
//!
//! # What becomes of each line
//! Every line of every source comes out once, in the order of its source, and between sources in
//! the order of time; where times are equal, the earlier source is first. A line without a time
//! follows the one before it. An annotation stays with the records that it speaks of. Changed are
//! only times (by the source's shift, rounded to microseconds where only these can be read; 0 stays 0,
//! because it means none) and, but for the first
//! source, map ids: source `n` has its own plus `(n - 1) * 1_000_000`, so that they tell the
//! source. `VERSION` and `PCIDEV` lines that are equal to one before come once.
//!
//! # What is added
//! After `VERSION`, a marker for each source: `merge: source 2 is device, times +4.000000 s, map
//! ids +1000000`. Before a marker, or what else has no map id (or -1), of another source than the first:
//! the annotation `mmiotrace1 source n=2`. Where the source changes, the annotations `cpu` and
//! `seq`, so that each event keeps its own. Sequence numbers of one source only are kept as such
//! (the first that has some), because a trace can have only one count; those of others stand in
//! `mmiotrace1 source n=2 seq=77`. If a source promises an end, `mmiotrace1 derived by=merge`.
//!
//! # What was merged before
//! A source that begins with such markers is merged itself. Its sources count as sources of their
//! own, with their names, map ids and, added up, shifts: as if all had been merged at once.

mod head;
mod origin;
mod rewrite;
mod source;

pub use rewrite::{InvalidShift, Shift};

pub(crate) use head::source_of;
use head::{annotation, event_of, lines, marker_text, see};
use mmiotrace_core::Timestamp;
use mmiotrace_format::{Annotation, Context, Error, Line, LineKind, ParseError, Position};
pub(crate) use origin::{Announcement, Origin};
use rewrite::rewrite;
use source::{Failed, Source};
use std::collections::{HashMap, HashSet};
use std::io::{self, Read};

/// Map ids of a source are that much higher than those of the source before.
pub const MAP_ID_STEP: i32 = 1_000_000;

/// More sources than map ids can tell apart: there are none.
pub(crate) const MAX_SOURCES: usize = (i32::MAX / MAP_ID_STEP) as usize + 1;

/// At most so many `PCIDEV` lines are remembered: as many places as there are.
const MAX_DEVICES: usize = 65_536;

/// Merges traces. [`add`](Self::add) them all, then take lines with [`next`](Self::next).
///
/// Its memory does not grow with the traces.
#[derive(Debug, Default)]
pub struct Merge<R> {
    sources: Vec<Source<R>>,
    begun: bool,
    /// The `VERSION` line that was written.
    version: Option<Vec<u8>>,
    /// The `PCIDEV` lines that were written, and by which source those of each place.
    devices: HashSet<Vec<u8>>,
    places: HashMap<Vec<u8>, usize>,
    /// What the lines written say of the next event.
    written: Context,
    /// The source whose sequence numbers are kept.
    numbered: Option<usize>,
    next_error: Option<MergeError>,
    /// The merged trace says that it is one.
    says_derived: bool,
}

/// What is wrong with a line of a source. But for those that [`is_fatal`](Self::is_fatal) names,
/// merging goes on with the next call.
#[derive(Debug, thiserror::Error)]
#[error("source {source_number}, line {line}: {kind}")]
#[non_exhaustive]
pub struct MergeError {
    /// The number of the source, from 1 in the order in which they were added.
    pub source_number: usize,
    /// The line in it, counted from 1; 0 where it is not about a line.
    pub line: u64,
    /// What it is.
    #[source]
    pub kind: MergeErrorKind,
}

/// What can be wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeErrorKind {
    /// A line does not parse. It is written as it is, or, where it is too long to be kept, as a
    /// loss of one event.
    #[error(transparent)]
    Line(ParseError),
    /// The source cannot be read further. What was read of it is merged.
    #[error(transparent)]
    Read(io::Error),
    /// Shifted, the time would be before 0.
    #[error("its time would be before 0")]
    BeforeZero,
    /// The map id is so high that it would be taken for one of the next source.
    #[error("its map id would be taken for one of the next source")]
    MapId,
    /// Another source has another device at this place: names and offsets of one of them are wrong
    /// from here on.
    #[error("another source has another PCI device at that place")]
    Device,
}

impl MergeError {
    /// Whether the line could not be written: the merged trace would not be true.
    #[must_use]
    pub const fn is_fatal(&self) -> bool {
        matches!(
            self.kind,
            MergeErrorKind::BeforeZero | MergeErrorKind::MapId
        )
    }
}

impl<R: Read> Merge<R> {
    /// Nothing to merge yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            sources: Vec::new(),
            begun: false,
            version: None,
            devices: HashSet::new(),
            places: HashMap::new(),
            written: Context::new(),
            says_derived: false,
            numbered: None,
            next_error: None,
        }
    }

    /// Adds a source: the name that the merged trace calls it by, how far its times are shifted, and
    /// its text.
    pub fn add(&mut self, name: &str, shift: Shift, trace: R) {
        self.sources.push(Source::new(name, shift, trace));
    }

    /// Appends the next lines to `out`. Returns whether there were any.
    ///
    /// # Errors
    /// What is wrong with a line. Unless it is fatal, the next call goes on.
    pub fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, MergeError> {
        if let Some(error) = self.next_error.take() {
            return Err(error);
        }
        self.fill()?;
        if !core::mem::replace(&mut self.begun, true) {
            self.begin(out);
            return Ok(true);
        }
        let time = |source: &Source<R>| source.head_time();
        let waiting = self
            .sources
            .iter()
            .enumerate()
            .filter(|(_, source)| source.has_head());
        let Some((at, _)) = waiting.min_by_key(|(at, source)| (time(source), *at)) else {
            return Ok(false);
        };
        let Some(source) = self.sources.get_mut(at) else {
            return Ok(false);
        };
        let head = source.take_head();
        self.write(at, &head, out)?;
        Ok(true)
    }

    /// Every source has its next lines ready, or has none.
    fn fill(&mut self) -> Result<(), MergeError> {
        for (at, source) in self.sources.iter_mut().enumerate() {
            let filled = match self.begun {
                true => source.fill(),
                false => source.begin(),
            };
            if let Err(Failed { line, error }) = filled {
                let kind = match error {
                    Error::Parse(error) => MergeErrorKind::Line(error),
                    Error::Io(error) => MergeErrorKind::Read(error),
                    other => MergeErrorKind::Read(io::Error::other(other)),
                };
                return Err(MergeError {
                    source_number: at + 1,
                    line,
                    kind,
                });
            }
        }
        Ok(())
    }

    /// The version, and where everything comes from.
    fn begin(&mut self, out: &mut Vec<u8>) {
        let mut base = 0;
        for source in &mut self.sources {
            source.base = base;
            base += source.count();
        }
        let versions = self
            .sources
            .iter()
            .filter_map(|source| source.version.as_ref());
        self.version = versions.clone().next().cloned();
        out.extend_from_slice(self.version.as_deref().unwrap_or_default());
        for source in &self.sources {
            out.extend_from_slice(source.provenance().as_bytes());
        }
        for source in &self.sources {
            let other = source
                .version
                .as_ref()
                .filter(|_| source.version != self.version);
            let Some(version) = other else { continue };
            let announcement = Announcement {
                source: source.base,
                seq: None,
            };
            out.extend_from_slice(&announcement.line(Timestamp::ZERO));
            out.extend_from_slice(version);
        }
    }

    fn write(&mut self, at: usize, head: &[u8], out: &mut Vec<u8>) -> Result<(), MergeError> {
        let Some(source) = self.sources.get(at) else {
            return Ok(());
        };
        let (base, shift) = (source.base, source.shift);
        let time = shift.apply(source.time_of_head()).unwrap_or_default();
        let (announced, lines_before, head) = source.announced(head);
        let mut whose = announced.unwrap_or(Announcement {
            source: 0,
            seq: None,
        });
        whose.source += base;
        if head.is_empty() {
            out.extend_from_slice(&whose.line(time));
            return Ok(());
        }
        if self.was_told(at, head) {
            return Ok(());
        }
        self.say_derived(head, time, out);
        let event = event_of(head);
        self.number(at, head, event.is_some(), time, out);
        if self.tells_seq(at, head, whose, time, out) {
            return Ok(());
        }
        let Some(source) = self.sources.get_mut(at) else {
            return Ok(());
        };
        if let (Some(id), Some(seq)) = (event, source.seq_of_next) {
            let of_id = id.map(|id| Announcement {
                source: base + source_of(id).unwrap_or_default(),
                seq: None,
            });
            let mut whose = of_id.unwrap_or(whose);
            whose.seq = Some(Some(seq));
            out.extend_from_slice(&whose.line(time));
            source.seq_of_next = None;
        }
        let tells = matches!(event, Some(Some(_)));
        if !tells && (whose.source > 0 || announced.is_some()) {
            out.extend_from_slice(&whose.line(time));
        }
        let (first, count) = (source.line_of_head() + lines_before, source.count());
        let begin = out.len();
        for (line, number) in lines(head).zip(first..) {
            rewrite(&line, shift, (base, count), out).map_err(|kind| MergeError {
                source_number: at + 1,
                line: number,
                kind,
            })?;
        }
        see(&mut self.written, out.get(begin..).unwrap_or_default());
        Ok(())
    }

    /// What the lines say of the events after them is about this source; its events keep their
    /// numbers.
    fn number(
        &mut self,
        at: usize,
        head: &[u8],
        has_event: bool,
        time: Timestamp,
        out: &mut Vec<u8>,
    ) {
        let Some(source) = self.sources.get_mut(at) else {
            return;
        };
        let before = (source.context.cpu(), source.context.next_seq());
        see(&mut source.context, head);
        if let (None, Some(_)) = (self.numbered, source.context.next_seq()) {
            self.numbered = Some(at);
        }
        if has_event {
            let seq = before.1.filter(|_| self.numbered == Some(at));
            self.renumber(before.0, seq, time, out);
        }
    }

    /// If a source promises an end, the merged trace says that it is no capture: it has more than is
    /// counted there.
    fn say_derived(&mut self, head: &[u8], time: Timestamp, out: &mut Vec<u8>) {
        if self.says_derived {
            return;
        }
        match annotation(head) {
            Some(Annotation::Derived { by: b"merge" }) => self.says_derived = true,
            Some(Annotation::Capture {
                end_promised: true, ..
            }) => {
                out.extend_from_slice(&Annotation::Derived { by: b"merge" }.to_line(time));
                self.says_derived = true;
            }
            _ => {}
        }
    }

    /// Whether the lines tell a sequence number that is not kept as such: that is done with them.
    fn tells_seq(
        &mut self,
        at: usize,
        head: &[u8],
        mut whose: Announcement,
        time: Timestamp,
        out: &mut Vec<u8>,
    ) -> bool {
        let Some(Annotation::Seq { seq }) = annotation(head).filter(|_| self.numbered != Some(at))
        else {
            return false;
        };
        match self.sources.get_mut(at) {
            // Which of its sources the event is of, the event says.
            Some(source) if source.is_merged() => source.seq_of_next = seq,
            _ => {
                whose.seq = Some(seq);
                out.extend_from_slice(&whose.line(time));
            }
        }
        true
    }

    /// Whether this is a `VERSION` or `PCIDEV` line that was written before.
    fn was_told(&mut self, at: usize, head: &[u8]) -> bool {
        let line = Line::new(head, Position::START);
        match line.kind() {
            LineKind::Version => self.version.as_deref() == Some(head),
            LineKind::PciDev => {
                if self.devices.contains(head) {
                    return true;
                }
                let place = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
                let place = place
                    .split(|byte| *byte == b'\t')
                    .next()
                    .unwrap_or_default();
                let owner = *self.places.entry(place.to_vec()).or_insert(at);
                if owner != at {
                    self.next_error = Some(MergeError {
                        source_number: at + 1,
                        line: self.sources.get(at).map_or(0, Source::line_of_head),
                        kind: MergeErrorKind::Device,
                    });
                }
                if self.devices.len() < MAX_DEVICES {
                    self.devices.insert(head.to_vec());
                }
                false
            }
            _ => false,
        }
    }

    /// Says which CPU and sequence number the next event has, where the lines before say something
    /// else.
    fn renumber(&mut self, cpu: Option<u32>, seq: Option<u64>, time: Timestamp, out: &mut Vec<u8>) {
        let changed = [
            (self.written.cpu() != cpu).then_some(Annotation::Cpu { cpu }),
            (self.written.next_seq() != seq).then_some(Annotation::Seq { seq }),
        ];
        for annotation in changed.into_iter().flatten() {
            let line = annotation.to_line(time);
            see(&mut self.written, &line);
            out.extend_from_slice(&line);
        }
    }
}
