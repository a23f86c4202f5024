//! What annotations say of the records after them.

use super::{Entry, Origin, fused};
use crate::{Annotation, AnnotationError, Line, ParseError, Record};
use mmiotrace_core::{
    Access, AccessKind, Event, EventKind, MapId, Marker, PhysAddr, Timestamp, VirtAddr,
};

/// Follows the annotations of a trace from line to line.
///
/// Lines can be parsed in any order, on several threads; the context is what must see all of them
/// in their order.
///
/// ```
/// use mmiotrace_format::{Context, Line, Position};
///
/// let lines = ["MARK 1.000000 mmiotrace1 cpu cpu=3", "R 4 1.000001 1 0xfebc0008 0x1 0x0 9"];
/// let mut context = Context::new();
/// let mut cpu = None;
/// for line in lines {
///     for entry in context.entries(Line::new(line.as_bytes(), Position::START)) {
///         cpu = entry.origin().cpu;
///     }
/// }
/// assert_eq!(cpu, Some(3));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Context {
    cpu: Option<u32>,
    next_seq: Option<u64>,
    /// Of the next event.
    unordered: bool,
    /// Of the next record.
    source: Option<u32>,
    awaited: Awaited,
}

/// What the last annotation describes.
#[derive(Clone, Debug, Default)]
enum Awaited {
    #[default]
    Nothing,
    /// The pieces of a wide access.
    Pieces {
        left: u8,
        taken: u8,
        bytes: u8,
        last: Option<Piece>,
    },
    UnknownOpcode,
    Loss(u64),
    /// Markers of that time, none of which is an annotation.
    Markers {
        left: u32,
        time: Timestamp,
    },
}

/// What the pieces of one access have in common, and the address after the last of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    kind: AccessKind,
    map_id: MapId,
    next: PhysAddr,
    time: Timestamp,
    pc: VirtAddr,
    pid: i32,
}

impl Context {
    /// At the beginning of a trace.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            cpu: None,
            next_seq: None,
            unordered: false,
            source: None,
            awaited: Awaited::Nothing,
        }
    }

    /// The entries of the next line of the trace: one, or several that are fused.
    pub const fn entries<'c, 'a>(&'c mut self, line: Line<'a>) -> LineEntries<'c, 'a> {
        LineEntries {
            context: self,
            rest: Some(line),
            is_fused: false,
        }
    }

    /// The entry of the next record of the trace, of which nothing is fused.
    pub fn entry<'a>(
        &mut self,
        line: Line<'a>,
        record: Result<Record<'a>, ParseError>,
    ) -> Entry<'a> {
        match record {
            Ok(Record::Event(event)) => self.event_entry(line, event),
            record => self.other_entry(line, record),
        }
    }

    /// The CPU of the events that follow.
    #[must_use]
    pub const fn cpu(&self) -> Option<u32> {
        self.cpu
    }

    /// The sequence number of the next event.
    #[must_use]
    pub const fn next_seq(&self) -> Option<u64> {
        self.next_seq
    }

    /// Whether the next marker is the text that it is, whatever it looks like.
    const fn next_is_literal(&self) -> bool {
        matches!(self.awaited, Awaited::Markers { .. })
    }

    /// Whether events have neither number nor CPU, and nothing else is said of the next one.
    #[inline]
    pub(crate) const fn is_silent(&self) -> bool {
        matches!(self.awaited, Awaited::Nothing)
            && self.cpu.is_none()
            && self.next_seq.is_none()
            && !self.unordered
            && self.source.is_none()
    }

    #[inline]
    pub(crate) fn event_entry<'a>(&mut self, line: Line<'a>, event: Event) -> Entry<'a> {
        let (origin, breaks_annotation) = if self.is_silent() {
            (Origin::default(), false)
        } else {
            self.origin(&event)
        };
        Entry {
            line,
            record: Ok(Record::Event(event)),
            annotation: None,
            origin,
            is_fused: false,
            ends_line: true,
            breaks_annotation,
            awaits_next: !matches!(self.awaited, Awaited::Nothing),
        }
    }

    #[inline(never)]
    fn origin(&mut self, event: &Event) -> (Origin, bool) {
        let fit = self.awaited.take_event(event);
        if fit == Fit::Breaks {
            self.end_of_pieces();
        }
        let origin = Origin {
            cpu: self.cpu,
            seq: self.next_seq,
            piece: match fit {
                Fit::Piece(index) | Fit::LastPiece(index) => index,
                Fit::Takes | Fit::Breaks => 0,
            },
            unordered: core::mem::take(&mut self.unordered),
            source: self.source.take(),
        };
        match fit {
            Fit::Piece(_) => {}
            Fit::LastPiece(_) => self.end_of_pieces(),
            Fit::Takes | Fit::Breaks => self.count(),
        }
        (origin, fit == Fit::Breaks)
    }

    /// Pieces share one number, also if some are missing.
    fn end_of_pieces(&mut self) {
        if let Awaited::Pieces { taken: 1.., .. } = core::mem::take(&mut self.awaited) {
            self.count();
        }
    }

    const fn count(&mut self) {
        if let Some(seq) = self.next_seq {
            self.next_seq = Some(seq.wrapping_add(1));
        }
    }

    #[inline(never)]
    fn other_entry<'a>(
        &mut self,
        line: Line<'a>,
        record: Result<Record<'a>, ParseError>,
    ) -> Entry<'a> {
        let literal = self.next_is_literal();
        let (taken, breaks_annotation) = match &record {
            Ok(record) => self.awaited.take_other(record),
            Err(_) => (false, !matches!(self.awaited, Awaited::Nothing)),
        };
        if breaks_annotation {
            self.end_of_pieces();
        }
        let mut origin = Origin::default();
        let annotation = match &record {
            Ok(Record::Marker(marker)) if !(literal && taken) => self.annotation(marker),
            _ => None,
        };
        let is_about_next =
            matches!(&annotation, Some(Ok(annotation)) if is_about_next(annotation));
        if !is_about_next {
            origin.source = self.source.take();
        }
        Entry {
            line,
            record,
            annotation,
            origin,
            is_fused: false,
            ends_line: true,
            breaks_annotation,
            awaits_next: !matches!(self.awaited, Awaited::Nothing),
        }
    }

    fn annotation<'a>(
        &mut self,
        marker: &Marker<'a>,
    ) -> Option<Result<Annotation<'a>, AnnotationError>> {
        let annotation = match Annotation::parse(marker.text) {
            Ok(annotation) => annotation?,
            Err(error) => return Some(Err(error)),
        };
        match annotation {
            Annotation::Cpu { cpu } => self.cpu = cpu,
            Annotation::Seq { seq } => self.next_seq = seq,
            Annotation::Unordered => self.unordered = true,
            Annotation::Source { n, .. } => self.source = Some(n),
            _ => self.awaited = Awaited::by(&annotation, marker.time),
        }
        Some(Ok(annotation))
    }
}

/// Whether an annotation describes a record after it.
const fn is_about_next(annotation: &Annotation<'_>) -> bool {
    matches!(
        annotation,
        Annotation::Cpu { .. }
            | Annotation::Seq { .. }
            | Annotation::Unordered
            | Annotation::Wide { .. }
            | Annotation::Value { .. }
            | Annotation::Lost { .. }
            | Annotation::Lines { .. }
            | Annotation::Source { .. }
    )
}

/// What an event is to the annotation that awaits something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    /// What it awaits, or nothing is awaited.
    Takes,
    /// A piece of the access that it announces, with its index.
    Piece(u8),
    LastPiece(u8),
    /// Something else than it awaits.
    Breaks,
}

impl Awaited {
    const fn by(annotation: &Annotation<'_>, time: Timestamp) -> Self {
        match *annotation {
            Annotation::Wide { n, .. } if n > 0 => Self::Pieces {
                left: n,
                taken: 0,
                bytes: 0,
                last: None,
            },
            Annotation::Value { .. } => Self::UnknownOpcode,
            Annotation::Lost { n, .. } => Self::Loss(n),
            Annotation::Lines { n } if n > 0 => Self::Markers { left: n, time },
            _ => Self::Nothing,
        }
    }

    fn take_event(&mut self, event: &Event) -> Fit {
        match self {
            Self::Nothing => Fit::Takes,
            Self::UnknownOpcode if matches!(event.kind, EventKind::UnknownOpcode(_)) => {
                *self = Self::Nothing;
                Fit::Takes
            }
            Self::Pieces {
                left,
                taken,
                bytes,
                last,
            } => {
                let Some((piece, len)) = piece(event, *last, *bytes) else {
                    return Fit::Breaks;
                };
                let index = *taken;
                (*left, *taken, *bytes, *last) = (*left - 1, index + 1, *bytes + len, Some(piece));
                match *left {
                    0 => Fit::LastPiece(index),
                    _ => Fit::Piece(index),
                }
            }
            // The end of pieces takes it away.
            _ => Fit::Breaks,
        }
    }

    /// Whether this takes the record, and whether the record is another than was awaited.
    fn take_other(&mut self, record: &Record<'_>) -> (bool, bool) {
        match (&mut *self, record) {
            (Self::Nothing, _) => return (false, false),
            (Self::Loss(n), Record::Lost(loss)) if loss.count == *n => {}
            (Self::Markers { left, time }, Record::Marker(marker)) if marker.time == *time => {
                *left -= 1;
                if *left > 0 {
                    return (true, false);
                }
            }
            _ => return (false, true),
        }
        *self = Self::Nothing;
        (true, false)
    }
}

/// The piece that an event is and its length in bytes, if it continues the one before it: made by
/// the same instruction, at the next address.
fn piece(event: &Event, last: Option<Piece>, bytes: u8) -> Option<(Piece, u8)> {
    let access: &Access = event.as_access()?;
    let len = access.value?.width().bytes();
    let piece = Piece {
        kind: access.kind,
        map_id: access.map_id,
        next: access.phys,
        time: event.time,
        pc: event.pc,
        pid: event.pid,
    };
    let fits = !access.is_suspicious()
        && last.is_none_or(|last| last == piece)
        && bytes.saturating_add(len) <= 64;
    let width = access.width.bytes();
    let next = PhysAddr(access.phys.0.wrapping_add(width.into()));
    fits.then_some((Piece { next, ..piece }, len))
}

/// The entries of one line.
#[derive(Debug)]
pub struct LineEntries<'c, 'a> {
    context: &'c mut Context,
    rest: Option<Line<'a>>,
    is_fused: bool,
}

impl<'a> LineEntries<'_, 'a> {
    /// The next entry, of which the caller knows whether there is a rest of its line.
    pub(crate) fn with_rest(
        context: &mut Context,
        line: Line<'a>,
        is_fused: bool,
    ) -> (Entry<'a>, Option<Line<'a>>) {
        let record = line.parse();
        let split = match &record {
            Ok(Record::Marker(marker)) if !context.next_is_literal() => {
                fused::split(&line, marker).and_then(|at| line.split_at(at))
            }
            _ => None,
        };
        let (mut entry, rest) = match split {
            None => (context.entry(line, record), None),
            Some((own, rest)) => (context.entry(own, own.parse()), Some(rest)),
        };
        (entry.is_fused, entry.ends_line) = (is_fused, rest.is_none());
        (entry, rest)
    }
}

impl<'a> Iterator for LineEntries<'_, 'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let (entry, rest) = Self::with_rest(self.context, self.rest?, self.is_fused);
        (self.rest, self.is_fused) = (rest, true);
        Some(entry)
    }
}
