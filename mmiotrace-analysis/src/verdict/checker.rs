//! Reads a trace once and says whether it can be trusted.

use super::accesses::{Accesses, suspicion};
use super::capture::{Capture, Evidence};
use super::cause::{Cause, Foreign, NoRecord};
use super::chain::Chain;
use super::groups::{Groups, Tally};
use super::loss::Losses;
use super::sequence::Sequence;
use super::tail::Tail;
use super::{Finding, FindingKind, Verdict};
use crate::live::MAX_LIVE;
use crate::numbering::Origin;
use crate::{Numbering, RecordCounts, fused};
use mmiotrace_core::{
    Access, BlindEdge, Code, Event, EventKind, Header, Loss, Marker, Timestamp, UnknownOpcode,
    Width,
};
use mmiotrace_core::{AccessKind, Blind};
use mmiotrace_format::{Annotation, Line, LineKind, Other, OtherKind, ParseError, Record};

/// The only version of the text format that any kernel prints.
const VERSION: &[u8] = b"20070824";

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
/// let mut reader = Reader::new(trace.as_bytes());
/// while let Some(line) = reader.next_line()? {
///     checker.line(&line);
/// }
/// let verdict = checker.finish();
/// assert!(!verdict.complete);
/// assert_eq!(verdict.lost_events, 12052);
/// assert_eq!((verdict.findings[0].kind, verdict.findings[0].line), (FindingKind::LostEvents, 4));
/// # Ok::<(), mmiotrace_format::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Checker {
    counts: RecordCounts,
    version: Option<String>,
    times: Times,
    pub(super) groups: Groups,
    losses: Losses,
    accesses: Accesses,
    chain: Chain,
    numbering: Numbering,
    sequence: Sequence,
    evidence: Evidence,
    tail: Tail,
    /// What an annotation said of the value of the next access.
    value: Option<(Option<(AccessKind, Width)>, Code)>,
    /// The line of an annotation that told a loss, which the next line tells again.
    annotated_loss: Option<u64>,
    entries: Entries,
    last_line: u64,
    cut: Option<Cause>,
}

#[derive(Debug, Default)]
struct Times {
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

/// What the header of the file `trace` counts, held against what follows it.
#[derive(Debug, Default)]
struct Entries {
    in_buffer: u64,
    found: u64,
    line: Option<u64>,
    missing: u64,
}

impl Checker {
    /// A checker at the beginning of a trace.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next line of the trace.
    #[inline]
    pub fn line(&mut self, line: &Line<'_>) {
        self.counts.add_line(line);
        self.last_line = line.position().line();
        if !line.is_terminated() {
            self.cut = Some(Cause::CutLine);
        }
        match line.parse() {
            Ok(Record::Event(event)) => self.event_line(line, &event),
            Ok(record) => self.rare_record(line, &record),
            Err(error) => self.malformed(line, &error),
        }
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
    fn event_line(&mut self, line: &Line<'_>, event: &Event) {
        if let Some(marker) = self.chain.time_before(line) {
            if self.is_forged(event, marker) {
                return self
                    .groups
                    .add(Cause::Foreign(Foreign::ForgedRecord), self.last_line, 1);
            }
            self.chain.end();
        }
        let origin = self.numbering.event();
        self.event(event, origin);
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
    pub(super) fn event(&mut self, event: &Event, origin: Origin) {
        let line = self.last_line;
        self.entries.found += 1;
        self.time(event.time);
        self.evidence.pid(event.pid);
        self.sequence.event(line, origin.seq);
        match &event.kind {
            EventKind::Access(access) => self.access(event, access),
            EventKind::UnknownOpcode(unknown) => self.unknown(event.time, unknown),
            EventKind::Map(mapping) => {
                self.evidence.mapping(mapping.virt.0);
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
    fn time(&mut self, time: Timestamp) {
        if self.times.last.is_some_and(|last| time < last) {
            self.groups.add(Cause::TimeBackwards, self.last_line, 1);
        }
        self.times.first.get_or_insert(time);
        self.times.last = Some(time);
    }

    fn rare_record(&mut self, line: &Line<'_>, record: &Record<'_>) {
        match record {
            Record::Marker(marker) => self.marker_line(line, marker),
            Record::Lost(loss) => self.lost(loss),
            Record::Header(header) => self.header(header),
            Record::Other(other) => return self.other(line, other),
            _ => {}
        }
        if !matches!(record, Record::Marker(_)) {
            self.chain.end();
        }
    }

    fn marker_line(&mut self, line: &Line<'_>, marker: &Marker<'_>) {
        self.marker(marker);
        self.chain.marker(line, marker);
        for record in fused::records(line) {
            self.groups.add(Cause::Fused, self.last_line, 1);
            match record.parse() {
                Ok(Record::Event(event)) => {
                    self.chain.end();
                    let origin = self.numbering.event();
                    self.event(&event, origin);
                }
                Ok(Record::Marker(marker)) => {
                    self.marker(&marker);
                    self.chain.marker(&record, &marker);
                }
                Ok(Record::Lost(loss)) => self.lost(&loss),
                _ => {}
            }
        }
    }

    pub(super) fn marker(&mut self, marker: &Marker<'_>) {
        self.entries.found += 1;
        self.time(marker.time);
        self.tail.other();
        if !marker.is_reserved() {
            return;
        }
        self.evidence.annotation();
        self.numbering.marker(marker);
        match Annotation::parse(marker.text) {
            Some(Annotation::Value { access, code }) => self.value = Some((access, code)),
            Some(Annotation::Lost { n, .. }) => {
                self.losses.told(self.last_line, n);
                self.annotated_loss = Some(self.last_line);
            }
            Some(Annotation::Blind {
                edge,
                page,
                reason,
                code,
            }) => {
                self.blind(&Blind {
                    time: marker.time,
                    edge,
                    page,
                    reason,
                    code,
                });
            }
            _ => {}
        }
    }

    pub(super) fn blind(&mut self, blind: &Blind) {
        if blind.edge == BlindEdge::Begin {
            self.groups.add(
                Cause::Blind {
                    reason: blind.reason,
                    code: blind.code,
                },
                self.last_line,
                1,
            );
        }
    }

    pub(super) fn lost(&mut self, loss: &Loss) {
        // The annotation in the line before told the same.
        let again = self
            .annotated_loss
            .take()
            .is_some_and(|line| line + 1 == self.last_line);
        if !again {
            self.losses.told(self.last_line, loss.count);
        }
    }

    pub(super) fn header(&mut self, header: &Header<'_>) {
        let Header::Version { version, .. } = header else {
            return;
        };
        self.sequence.restart();
        if self.version.is_none() {
            let text = version.get(..version.len().min(64)).unwrap_or_default();
            self.version = Some(String::from_utf8_lossy(text).into_owned());
        }
        if *version != VERSION && self.cut.is_none() {
            self.groups.add(Cause::UnknownVersion, self.last_line, 1);
        }
    }

    fn other(&mut self, line: &Line<'_>, other: &Other<'_>) {
        let kind = other.kind();
        let cause = match kind {
            OtherKind::Entries { in_buffer, written } => {
                self.entries(in_buffer, written);
                Cause::Foreign(Foreign::Header)
            }
            OtherKind::Comment => Cause::Foreign(Foreign::Header),
            OtherKind::CpuLost { cpu, count } => {
                self.losses.told_by_cpu(self.last_line, cpu, count);
                Cause::Foreign(Foreign::CpuLost)
            }
            OtherKind::LineTooBig => Cause::NoRecord(NoRecord::TooBig),
            OtherKind::CorruptAccess | OtherKind::CorruptMapping => {
                Cause::NoRecord(NoRecord::Corrupt)
            }
            _ if self.chain.explains(line) => Cause::Foreign(Foreign::MarkerTail),
            OtherKind::Blank => Cause::Foreign(Foreign::Blank),
            // What is left of a cut line is no finding of its own.
            _ if self.cut.is_some() => return,
            _ => Cause::NoRecord(NoRecord::Text),
        };
        self.groups.add(cause, self.last_line, 1);
        if !matches!(kind, OtherKind::Blank | OtherKind::Text) {
            self.chain.end();
        }
    }

    /// The header of the file `trace`: what was written and is not in the buffer was overwritten.
    fn entries(&mut self, in_buffer: u64, written: u64) {
        self.end_of_entries();
        self.losses
            .told(self.last_line, written.saturating_sub(in_buffer));
        self.entries.in_buffer = in_buffer;
        self.entries.found = 0;
        self.entries.line.get_or_insert(self.last_line);
    }

    fn end_of_entries(&mut self) {
        if self.entries.line.is_some() {
            self.entries.missing += self.entries.in_buffer.saturating_sub(self.entries.found);
        }
    }

    fn malformed(&mut self, line: &Line<'_>, error: &ParseError) {
        // Of a cut line only that it was cut is worth telling.
        if !line.is_terminated() {
            return;
        }
        if self.chain.explains_error(line, error) {
            return self
                .groups
                .add(Cause::Foreign(Foreign::ForgedRecord), self.last_line, 1);
        }
        self.chain.end();
        self.groups.add(
            Cause::Malformed {
                kind: line.kind(),
                fault: error.kind(),
            },
            self.last_line,
            1,
        );
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

    pub(super) fn other_line(&mut self, line: &Line<'_>, other: &Other<'_>) {
        self.other(line, other);
    }

    /// The verdict.
    #[must_use]
    pub fn finish(mut self) -> Verdict {
        self.end_of_entries();
        let capture = self.evidence.capture();
        let singular = self.singular(capture);
        let lost_events = self.losses.total();
        let complete = self.groups.are_harmless()
            && !singular
                .iter()
                .any(|(cause, _)| cause.kind().makes_incomplete());
        let (found, more) = core::mem::take(&mut self.groups).finish(singular);
        let events = self.counts.events();
        let mut findings: Vec<_> = found
            .into_iter()
            .map(|(cause, tally)| Finding {
                kind: cause.kind(),
                line: tally.line,
                count: tally.count,
                text: cause.text(tally.count),
                advice: cause.advice(capture, events, tally.count),
            })
            .collect();
        findings.extend(more.map(more_finding));
        Verdict {
            complete,
            version: self.version,
            records: self.counts,
            lost_events,
            first_time: self.times.first,
            last_time: self.times.last,
            findings,
            capture,
            not_seen: not_seen(capture, self.accesses.has_overflowed()),
        }
    }

    /// Findings of which there is one or a few, known at the end only.
    fn singular(&mut self, capture: Capture) -> Vec<(Cause, Tally)> {
        let whole = Tally { line: 0, count: 1 };
        let end = Tally {
            line: self.last_line,
            count: 1,
        };
        let mut found = Vec::new();
        found.extend(self.losses.tally().map(|tally| (Cause::Lost, tally)));
        found.extend(core::mem::take(&mut self.sequence).finish(self.losses.total()));
        if self.counts.accesses() == 0 {
            found.push((
                Cause::NoAccesses {
                    lines: self.counts.total() > 0,
                },
                whole,
            ));
        }
        if self.counts.get(LineKind::Version) == 0 {
            found.push((Cause::NoVersion, whole));
        }
        found.extend(self.no_maps());
        found.extend(self.cut.take().map(|cause| (cause, end)));
        if let (Some(line), count @ 1..) = (self.entries.line, self.entries.missing) {
            found.push((Cause::MissingEntries, Tally { line, count }));
        }
        if capture == Capture::Kernel {
            let live = self.accesses.alive();
            if live > 0 && self.tail.is_burst() {
                found.push((Cause::EndsInBurst { live }, end));
            }
            for (cause, tally) in core::mem::take(&mut self.accesses.untraced).finish() {
                self.groups.add(cause, tally.line, tally.count);
            }
        }
        found
    }

    /// Where the trace has no MAP at all, that is what is told, and not every access.
    fn no_maps(&mut self) -> Option<(Cause, Tally)> {
        if self.counts.get(LineKind::Map) > 0 {
            return None;
        }
        let unmapped =
            |cause: &Cause| matches!(cause, Cause::NotMapped { .. } | Cause::UnmapUnlisted { .. });
        let taken = self.groups.take(unmapped);
        let line = taken.iter().map(|(_, tally)| tally.line).min()?;
        let count = taken.iter().map(|(_, tally)| tally.count).sum();
        Some((Cause::NoMaps, Tally { line, count }))
    }
}

fn more_finding(tally: Tally) -> Finding {
    Finding {
        kind: FindingKind::More,
        line: tally.line,
        count: tally.count,
        text: format!(
            "{} findings more, of causes that are not listed",
            tally.count
        ),
        advice: "mend what is listed first, or cut the trace into parts and check them".to_owned(),
    }
}

fn not_seen(capture: Capture, overflowed: bool) -> Vec<String> {
    let mut list: Vec<_> = capture
        .not_seen()
        .iter()
        .map(|&what| what.to_owned())
        .collect();
    if overflowed {
        list.push(format!("more than {MAX_LIVE} mappings were alive at once: accesses through those beyond were not checked"));
    }
    list
}
