//! Lines that are no events: markers, losses, headers, and what is no record.

use super::Checker;
use super::cause::{Cause, Damaged, Foreign, NoRecord};
use mmiotrace_core::{Blind, BlindEdge, Header, Loss, Marker, Timestamp};
use mmiotrace_format::{
    Annotation, AnnotationError, Entry, Line, Other, OtherKind, ParseError, Record,
};

/// The only version of the text format that any kernel prints.
const VERSION: &[u8] = b"20070824";

impl Checker {
    pub(super) fn rare_record(&mut self, entry: &Entry<'_>, record: &Record<'_>) {
        let line = entry.line();
        match record {
            Record::Marker(marker) => {
                self.marker(marker, entry.annotation());
                return self.chain.marker(line, marker);
            }
            Record::Lost(loss) => self.lost(loss),
            Record::Header(header) => self.header(header),
            Record::Other(other) => {
                self.evidence.line();
                return self.other(line, other);
            }
            _ => {}
        }
        self.evidence.line();
        self.chain.end();
    }

    pub(super) fn marker(
        &mut self,
        marker: &Marker<'_>,
        annotation: Option<&Result<Annotation<'_>, AnnotationError>>,
    ) {
        self.entries.found += 1;
        // What was added to a trace and happened at no time has 0.
        if marker.time != Timestamp::ZERO {
            self.time(marker.time);
        }
        self.tail.other();
        match annotation {
            None => self.evidence.marker(marker.text),
            Some(Ok(annotation)) => {
                self.evidence.annotation(annotation);
                self.annotation(marker, annotation);
            }
            Some(Err(error)) => {
                self.evidence.damaged_annotation();
                self.groups
                    .add(Cause::Damaged(Damaged::Text(*error)), self.last_line, 1);
            }
        }
    }

    fn annotation(&mut self, marker: &Marker<'_>, annotation: &Annotation<'_>) {
        match *annotation {
            Annotation::Value { access, code } => self.value = Some((access, code)),
            Annotation::Lost { n, .. } => {
                self.losses.reported(self.last_line, n);
                self.is_loss_counted = true;
            }
            Annotation::Blind {
                edge,
                page,
                reason,
                code,
            } => {
                self.blind(&Blind {
                    time: marker.time,
                    edge,
                    page,
                    reason,
                    code,
                });
            }
            Annotation::Unordered => self.unordered(),
            Annotation::Capture { end_promised, .. } => {
                self.end.capture(end_promised, self.last_line);
            }
            Annotation::End(end) => {
                if let Some(differs) = self.end.ends(&end) {
                    let cause = Cause::EndDiffers { differs };
                    self.groups.add(cause, self.last_line, 1);
                }
            }
            Annotation::Derived { by } => self.end.derived(short(by), self.last_line),
            Annotation::Untraced { reason, text } => {
                let cause = Cause::NotTraced {
                    reason: short(reason),
                    text: short(text),
                };
                self.groups.add(cause, self.last_line, 1);
            }
            _ => {}
        }
    }

    pub(super) fn unordered(&mut self) {
        self.groups.add(Cause::Unordered, self.last_line, 1);
    }

    pub(super) fn blind(&mut self, blind: &Blind) {
        self.damage.blind(blind, self.last_line);
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
        self.evidence.lost();
        // The annotation before it reported the same.
        if !core::mem::take(&mut self.is_loss_counted) {
            self.losses.reported(self.last_line, loss.count);
        }
    }

    pub(super) fn header(&mut self, header: &Header<'_>) {
        let Header::Version { version, .. } = header else {
            return;
        };
        self.sequence.restart();
        if self.end.version() {
            self.groups
                .add(Cause::NoEnd, self.last_line.saturating_sub(1), 1);
        }
        if self.version.is_none() {
            let text = version.get(..version.len().min(64)).unwrap_or_default();
            self.version = Some(String::from_utf8_lossy(text).into_owned());
        }
        if *version != VERSION && self.cut.is_none() {
            self.groups.add(Cause::UnknownVersion, self.last_line, 1);
        }
    }

    pub(super) fn other(&mut self, line: &Line<'_>, other: &Other<'_>) {
        let kind = other.kind();
        let cause = match kind {
            OtherKind::Entries { in_buffer, written } => {
                self.entries(in_buffer, written);
                Cause::Foreign(Foreign::Header)
            }
            OtherKind::Comment => Cause::Foreign(Foreign::Header),
            OtherKind::CpuLost { count, .. } => {
                self.losses.reported_by_cpu(self.last_line, count);
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
            .reported(self.last_line, written.saturating_sub(in_buffer));
        self.entries.in_buffer = in_buffer;
        self.entries.found = 0;
        self.entries.line.get_or_insert(self.last_line);
    }

    pub(super) fn end_of_entries(&mut self) {
        if self.entries.line.is_some() {
            self.entries.missing += self.entries.in_buffer.saturating_sub(self.entries.found);
        }
    }

    pub(super) fn malformed(&mut self, line: &Line<'_>, error: &ParseError) {
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
}

/// As much of a text as a finding has room for.
fn short(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text.get(..text.len().min(200)).unwrap_or_default());
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(plain).collect()
}
