//! Reads a trace once and says whether it can be trusted.

use super::accesses::{Accesses, suspicion};
use super::cause::{Cause, Foreign};
use super::chain::Chain;
use super::damage::Damage;
use super::end::End;
use super::evidence::Evidence;
use super::groups::Groups;
use super::loss::Losses;
use super::sequence::Sequence;
use super::tail::Tail;
use crate::RecordCounts;
use mmiotrace_core::{Access, AccessKind, Code, Event, EventKind, Timestamp, UnknownOpcode, Width};
use mmiotrace_format::{Context, Entry, Line, LineKind, ParseError, Record};

/// Reads a trace once, line by line, and says at the end whether it can be trusted.
///
/// Its memory does not grow with the trace: at most 1,000 causes and 65,536 living mappings are
/// told apart.
///
/// ```
/// use mmiotrace_analysis::{Checker, FindingKind};
/// use mmiotrace_format::Reader;
///
/// let trace = "VERSION 20070824\n\
///              MAP 6.060175 1 0xfebc0000 0xffa0000000500000 0x20000 0x0 0\n\
///              R 4 6.063646 1 0xfebc0008 0x80080783 0x0 0\n\
///              MARK 0.000000 Lost 12052 events.\n\
///              CPU:0 [LOST 12052 EVENTS]\n\
///              UNMAP 9.000000 1 0x0 0\n";
/// let mut checker = Checker::new();
/// let mut entries = Reader::new(trace.as_bytes()).entries();
/// while let Some(entry) = entries.next_entry()? {
///     checker.entry(&entry);
/// }
/// let verdict = checker.finish();
/// assert!(!verdict.complete);
/// assert_eq!(verdict.lost_events, 12052);
/// assert_eq!((verdict.findings[0].kind, verdict.findings[0].line), (FindingKind::LostEvents, 4));
/// # Ok::<(), mmiotrace_format::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Checker {
    pub(super) counts: RecordCounts,
    pub(super) version: Option<String>,
    pub(super) times: Times,
    pub(super) groups: Groups,
    pub(super) losses: Losses,
    pub(super) accesses: Accesses,
    pub(super) chain: Chain,
    /// Of lines and of what a capture yields; entries have theirs.
    pub(super) context: Context,
    pub(super) sequence: Sequence,
    pub(super) evidence: Evidence,
    pub(super) tail: Tail,
    /// What an annotation said of the value of the next access.
    pub(super) value: Option<(Option<(AccessKind, Width)>, Code)>,
    /// An annotation reported a loss, which the next record reports again.
    pub(super) is_loss_counted: bool,
    pub(super) damage: Damage,
    pub(super) end: End,
    pub(super) entries: Entries,
    pub(super) last_line: u64,
    pub(super) cut: Option<Cause>,
}

#[derive(Debug, Default)]
pub(super) struct Times {
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
}

/// What the header of the file `trace` counts, held against what follows it.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) in_buffer: u64,
    pub(super) found: u64,
    pub(super) line: Option<u64>,
    pub(super) missing: u64,
}

impl Checker {
    /// A checker at the beginning of a trace.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next entry of the trace.
    #[inline]
    pub fn entry(&mut self, entry: &Entry<'_>) {
        let line = entry.line();
        if entry.is_fused() {
            self.groups.add(Cause::Fused, self.last_line, 1);
        } else {
            self.counts.add_line(line);
            self.last_line = line.position().line();
        }
        if entry.ends_line() && !line.is_terminated() {
            self.cut = Some(Cause::CutLine);
        }
        if entry.breaks_annotation() {
            self.damage.unmet(self.last_line);
            (self.value, self.is_loss_counted) = (None, false);
        }
        self.damage.is_awaiting = entry.awaits_next();
        match entry.record() {
            Ok(Record::Event(event)) => self.event_line(entry, event),
            Ok(record) => self.rare_record(entry, record),
            Err(error) => self.malformed(line, &error),
        }
        self.end.line(line);
    }

    /// Takes the next line of the trace: one entry, or several that are fused. (A checker takes
    /// either lines or entries.)
    pub fn line(&mut self, line: &Line<'_>) {
        let mut context = core::mem::take(&mut self.context);
        for entry in context.entries(*line) {
            self.entry(&entry);
        }
        self.context = context;
    }

    /// Takes the place of a line that the reader could not give because it is too long.
    pub fn invalid(&mut self, error: &ParseError) {
        self.counts.add(LineKind::Other);
        self.last_line = error.position().line();
        self.groups.add(
            Cause::Malformed {
                kind: LineKind::Other,
                fault: error.kind(),
            },
            self.last_line,
            1,
        );
        self.chain.end();
    }

    /// Says that the trace could not be read to its end: what was shown is a part of it.
    pub fn cut_off(&mut self) {
        self.cut = Some(Cause::CutCompression);
    }

    #[inline]
    fn event_line(&mut self, entry: &Entry<'_>, event: &Event) {
        if let Some(marker) = self.chain.time_before(entry.line()) {
            if self.is_forged(event, marker) {
                return self
                    .groups
                    .add(Cause::Foreign(Foreign::ForgedRecord), self.last_line, 1);
            }
            self.chain.end();
        }
        self.event(event, entry.origin().seq);
    }

    /// An access that the kernel cannot have printed behind a marker of that time.
    fn is_forged(&mut self, event: &Event, marker: Timestamp) -> bool {
        let (map_id, phys) = match &event.kind {
            EventKind::Access(access) => (access.map_id, access.phys),
            EventKind::UnknownOpcode(unknown) => (unknown.map_id, unknown.phys),
            _ => return false,
        };
        event.time < marker && !self.accesses.is_mapped(map_id, phys)
    }

    /// Takes an event, wherever it comes from.
    #[inline]
    pub(super) fn event(&mut self, event: &Event, seq: Option<u64>) {
        let line = self.last_line;
        self.entries.found += 1;
        self.time(event.time);
        self.evidence.event(event);
        self.sequence.event(line, seq);
        self.end.event(line);
        match &event.kind {
            EventKind::Access(access) => self.access(event, access),
            EventKind::UnknownOpcode(unknown) => self.unknown(event.time, unknown),
            EventKind::Map(mapping) => {
                self.accesses.map(line, mapping);
                self.tail.other();
            }
            EventKind::Unmap(id) => {
                self.accesses.unmap(line, *id, &mut self.groups);
                self.tail.other();
            }
            _ => {}
        }
    }

    #[inline]
    fn access(&mut self, event: &Event, access: &Access) {
        self.accesses
            .access(self.last_line, access.map_id, access.phys, &mut self.groups);
        self.tail.access(event.time);
        if access.value.is_none() {
            let kind = Some((access.kind, access.width));
            let cause = Cause::Unknown {
                map_id: access.map_id,
                code: event.code,
                access: kind,
            };
            self.groups.add(cause, self.last_line, 1);
        } else if let Some(suspicion) = suspicion(access) {
            self.groups.add(
                Cause::Suspicious {
                    map_id: access.map_id,
                    suspicion,
                },
                self.last_line,
                1,
            );
        }
    }

    fn unknown(&mut self, time: Timestamp, unknown: &UnknownOpcode) {
        self.accesses.access(
            self.last_line,
            unknown.map_id,
            unknown.phys,
            &mut self.groups,
        );
        self.tail.access(time);
        let (access, code) = self.value.take().unwrap_or((None, unknown.code));
        self.groups.add(
            Cause::Unknown {
                map_id: unknown.map_id,
                code,
                access,
            },
            self.last_line,
            1,
        );
    }

    #[inline]
    pub(super) fn time(&mut self, time: Timestamp) {
        if self.times.last.is_some_and(|last| time < last) {
            self.groups.add(Cause::TimeBackwards, self.last_line, 1);
        }
        self.times.first.get_or_insert(time);
        self.times.last = Some(time);
    }

    /// The next line of a capture that is not read from a file.
    pub(super) const fn next_line(&mut self) {
        self.last_line += 1;
    }

    pub(super) const fn counts(&mut self) -> &mut RecordCounts {
        &mut self.counts
    }

    pub(super) const fn evidence(&mut self) -> &mut Evidence {
        &mut self.evidence
    }

    pub(super) const fn chain(&mut self) -> &mut Chain {
        &mut self.chain
    }

    pub(super) const fn last_line(&self) -> u64 {
        self.last_line
    }
}
