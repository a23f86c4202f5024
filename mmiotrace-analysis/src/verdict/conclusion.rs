//! From what was seen to the verdict.

use super::capture::Capture;
use super::cause::Cause;
use super::evidence::MergedSource;
use super::groups::Tally;
use super::{Checker, Finding, FindingKind, Verdict};
use crate::live::MAX_LIVE;
use mmiotrace_core::MapId;
use mmiotrace_format::LineKind;

impl Checker {
    /// The verdict.
    #[must_use]
    pub fn finish(mut self) -> Verdict {
        self.end_of_entries();
        let capture = self.evidence.capture();
        let sources = self.evidence.sources();
        let singular = self.singular(capture, &sources);
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
                advice: cause.advice(&capture, events, tally.count),
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
            not_seen: not_seen(capture, &sources, self.accesses.has_overflowed()),
            capture,
            sources,
        }
    }

    /// Findings of which there is one or a few, known at the end only.
    fn singular(&mut self, capture: Capture, sources: &[MergedSource]) -> Vec<(Cause, Tally)> {
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
        found.extend(self.no_maps(capture));
        let cut = self.cut.take();
        let ends_whole = cut.is_none();
        found.extend(cut.map(|cause| (cause, end)));
        if let (Some(line), count @ 1..) = (self.entries.line, self.entries.missing) {
            found.push((Cause::MissingEntries, Tally { line, count }));
        }
        let end_of_capture = core::mem::take(&mut self.end);
        if capture == Capture::Kernel && !end_of_capture.has_ended() {
            let live = self.accesses.alive();
            if ends_whole && live > 0 && self.tail.is_burst() {
                found.push((Cause::EndsInBurst { live }, end));
            }
        }
        let by_kernel = |source: usize| {
            let source = sources.get(source).map_or(capture, |source| source.capture);
            source == Capture::Kernel
        };
        for (cause, tally) in core::mem::take(&mut self.accesses.untraced).finish(by_kernel) {
            self.groups.add(cause, tally.line, tally.count);
        }
        if !end_of_capture.is_derived() {
            found.extend(core::mem::take(&mut self.damage).finish(self.last_line));
        }
        found.extend(end_of_capture.finish(self.last_line));
        found
    }

    /// If the trace has no MAP at all, that is the finding, and not every access. A log of another
    /// tool may have a MAP for its ports alone; its accesses to memory belong to no mapping.
    fn no_maps(&mut self, capture: Capture) -> Option<(Cause, Tally)> {
        let tally = match self.counts.get(LineKind::Map) {
            0 => self.groups.take(FindingKind::UnmappedAccess),
            _ if capture == Capture::Imported => {
                let map_id = MapId(0);
                self.groups.take_cause(&Cause::NotMapped { map_id })
            }
            _ => None,
        };
        tally.map(|tally| (Cause::NoMaps, tally))
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

fn not_seen(capture: Capture, sources: &[MergedSource], overflowed: bool) -> Vec<String> {
    let mut list: Vec<_> = capture
        .not_seen()
        .iter()
        .map(|&what| what.to_owned())
        .collect();
    for source in sources {
        let own = source.capture.not_seen().iter();
        let more = own.filter(|what| !capture.not_seen().contains(what));
        list.extend(more.map(|what| format!("source {}: {what}", source.number)));
    }
    if overflowed {
        list.push(format!("more than {MAX_LIVE} mappings were alive at once: accesses through those beyond were not checked"));
    }
    list
}
