//! From records back to what a capture yielded.

mod pending;

use crate::{Annotation, Context, Entry, Line, Origin, ParseError, Position, Record};
use mmiotrace_core::{Blind, Event, EventSink, Marker};
use pending::{Pending, Taken};

/// Turns records into the calls of an [`EventSink`], and annotations ([`Annotation`]) back into
/// what they stand for: accesses wider than eight bytes, values that were not learnt, blind
/// intervals, CPUs, sequence numbers.
///
/// An annotation that does not fit the records after it (a filter or an editor has been there) is
/// handed on as the marker that it is, and the records as they are: nothing is lost, and nothing
/// is made up.
///
/// ```
/// use mmiotrace_core::{Blind, Event, EventSink, Loss, Marker};
/// use mmiotrace_format::{Lifter, Reader};
///
/// #[derive(Default)]
/// struct Widths(Vec<u8>);
/// impl EventSink for Widths {
///     fn event(&mut self, event: &Event) {
///         self.0.extend(event.as_access().map(|access| access.width.bytes()));
///     }
///     fn marker(&mut self, _: &Marker<'_>) {}
///     fn lost(&mut self, _: &Loss) {}
///     fn blind(&mut self, _: &Blind) {}
///     fn line(&mut self, _: &[u8]) {}
/// }
///
/// let trace = "MARK 1.000000 mmiotrace1 wide n=2 width=16\n\
///              W 8 1.000000 1 0xfd000000 0x1 0x0 0\n\
///              W 8 1.000000 1 0xfd000008 0x2 0x0 0\n";
/// let (mut reader, mut lifter, mut widths) = (Reader::new(trace.as_bytes()), Lifter::new(), Widths::default());
/// while let Some(record) = reader.next_record()? {
///     lifter.push(&record, &mut widths);
/// }
/// lifter.finish(&mut widths);
/// assert_eq!(widths.0, [16]);
/// # Ok::<(), mmiotrace_format::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Lifter {
    /// Of records and lines; entries have theirs.
    context: Context,
    pending: Option<Pending>,
}

impl Lifter {
    /// A lifter at the beginning of a trace.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            context: Context::new(),
            pending: None,
        }
    }

    /// Takes the next record of the trace. The sink gets it at once, unless it waits for the
    /// records after it.
    #[inline]
    pub fn push(&mut self, record: &Record<'_>, sink: &mut (impl EventSink + ?Sized)) {
        // Most traces have neither numbers nor CPUs: no copy is made to fill them in.
        match record {
            Record::Event(event) if self.pending.is_none() && self.context.is_silent() => {
                sink.event(event);
            }
            _ => self.push_in_context(Line::new(&[], Position::START), Ok(*record), sink),
        }
    }

    /// Takes the next line of the trace, as one record. One that does not parse reaches the sink as
    /// a line.
    ///
    /// # Errors
    /// As [`Line::parse`].
    pub fn push_line(
        &mut self,
        line: &Line<'_>,
        sink: &mut (impl EventSink + ?Sized),
    ) -> Result<(), ParseError> {
        match line.parse() {
            Ok(record) => {
                self.push(&record, sink);
                Ok(())
            }
            Err(error) => {
                self.push_in_context(*line, Err(error), sink);
                Err(error)
            }
        }
    }

    #[inline(never)]
    fn push_in_context(
        &mut self,
        line: Line<'_>,
        record: Result<Record<'_>, ParseError>,
        sink: &mut (impl EventSink + ?Sized),
    ) {
        let entry = self.context.entry(line, record);
        self.push_entry(&entry, sink);
    }

    /// Takes the next entry of the trace. One that does not parse reaches the sink as a line. (A
    /// lifter takes either entries, or records and lines.)
    #[inline]
    pub fn push_entry(&mut self, entry: &Entry<'_>, sink: &mut (impl EventSink + ?Sized)) {
        match entry.event() {
            Some(event) if self.pending.is_none() && entry.origin() == Origin::default() => {
                sink.event(event);
            }
            _ => self.push_any_entry(entry, sink),
        }
    }

    #[inline(never)]
    fn push_any_entry(&mut self, entry: &Entry<'_>, sink: &mut (impl EventSink + ?Sized)) {
        if entry.breaks_annotation() {
            self.finish(sink);
        }
        let Ok(record) = entry.record() else {
            self.finish(sink);
            return sink.line(entry.line().without_newline());
        };
        let numbered = match record {
            Record::Event(event) => Record::Event(numbered(event, &entry.origin())),
            other => *other,
        };
        if let Some(pending) = self.pending.take() {
            return self.push_pending(pending, &numbered, entry, sink);
        }
        match &numbered {
            Record::Event(event) => sink.event(event),
            Record::Marker(marker) => self.push_marker(marker, entry, sink),
            Record::Lost(loss) => sink.lost(loss),
            Record::Header(header) => sink.header(header),
            Record::Other(other) => sink.line(other.as_bytes()),
        }
    }

    /// Says that no more records follow; what waited for them reaches the sink.
    pub fn finish(&mut self, sink: &mut (impl EventSink + ?Sized)) {
        if let Some(pending) = self.pending.take() {
            give_up(&pending, sink);
        }
    }

    /// A record that belongs to the annotation that waits.
    #[cold]
    fn push_pending(
        &mut self,
        mut pending: Pending,
        record: &Record<'_>,
        entry: &Entry<'_>,
        sink: &mut (impl EventSink + ?Sized),
    ) {
        match pending.take_record(record, entry.awaits_next()) {
            Taken::More => self.pending = Some(pending),
            Taken::Event(event) => sink.event(&event),
            Taken::Lost(loss) => sink.lost(&loss),
            Taken::Marker => pending.with_marker(|marker| sink.marker(marker)),
            Taken::No => {
                give_up(&pending, sink);
                if let Record::Marker(marker) = record {
                    sink.marker(marker);
                }
            }
        }
    }

    fn push_marker(
        &mut self,
        marker: &Marker<'_>,
        entry: &Entry<'_>,
        sink: &mut (impl EventSink + ?Sized),
    ) {
        let Some(Ok(annotation)) = entry.annotation() else {
            return sink.marker(marker);
        };
        match *annotation {
            Annotation::Cpu { .. } | Annotation::Seq { .. } | Annotation::Unordered => {}
            Annotation::Blind {
                edge,
                page,
                reason,
                code,
            } => {
                sink.blind(&Blind {
                    time: marker.time,
                    edge,
                    page,
                    reason,
                    code,
                });
            }
            annotation => match Pending::new(marker, annotation) {
                Some(pending) => self.pending = Some(pending),
                None => sink.marker(marker),
            },
        }
    }
}

fn give_up(pending: &Pending, sink: &mut (impl EventSink + ?Sized)) {
    sink.marker(&pending.annotation_marker());
    pending.pieces().iter().for_each(|event| sink.event(event));
    pending.markers(|marker| sink.marker(marker));
}

fn numbered(event: &Event, origin: &Origin) -> Event {
    let mut event = *event;
    (event.cpu, event.seq) = (origin.cpu, origin.seq);
    event.unordered = origin.unordered;
    event
}
