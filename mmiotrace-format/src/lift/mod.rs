//! From records back to what a capture yielded.

mod pending;

use crate::{Annotation, Line, ParseError, Record};
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
    cpu: Option<u32>,
    next_seq: Option<u64>,
    /// The next event's.
    unordered: bool,
    pending: Option<Pending>,
}

impl Lifter {
    /// A lifter at the beginning of a trace.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            cpu: None,
            next_seq: None,
            unordered: false,
            pending: None,
        }
    }

    /// Takes the next record of the trace. The sink gets it at once, but for what waits for the
    /// records after it.
    #[inline]
    pub fn push(&mut self, record: &Record<'_>, sink: &mut (impl EventSink + ?Sized)) {
        if self.pending.is_some() && self.push_pending(record, sink) {
            return;
        }
        match record {
            // Most traces have neither numbers nor CPUs: no copy is made to fill them in.
            Record::Event(event)
                if self.cpu.is_none() && self.next_seq.is_none() && !self.unordered =>
            {
                sink.event(event);
            }
            Record::Event(event) => sink.event(&self.numbered(*event)),
            Record::Marker(marker) => self.push_marker(marker, sink),
            Record::Lost(loss) => sink.lost(loss),
            Record::Header(header) => sink.header(header),
            Record::Other(other) => sink.line(other.as_bytes()),
        }
    }

    /// Takes the next line of the trace. One that does not parse reaches the sink as a line.
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
                self.finish(sink);
                sink.line(line.without_newline());
                Err(error)
            }
        }
    }

    /// Says that no more records follow; what waited for them reaches the sink.
    pub fn finish(&mut self, sink: &mut (impl EventSink + ?Sized)) {
        if let Some(pending) = self.pending.take() {
            self.give_up(pending, sink);
        }
    }

    /// Offers a record to the annotation that waits. Returns whether it took it.
    #[cold]
    fn push_pending(&mut self, record: &Record<'_>, sink: &mut (impl EventSink + ?Sized)) -> bool {
        let Some(mut pending) = self.pending.take() else {
            return false;
        };
        match pending.take_record(record) {
            Taken::More => self.pending = Some(pending),
            Taken::Event(event) => sink.event(&self.numbered(event)),
            Taken::Lost(loss) => sink.lost(&loss),
            Taken::Marker => pending.with_marker(|marker| sink.marker(marker)),
            Taken::No => {
                self.give_up(pending, sink);
                return false;
            }
        }
        true
    }

    fn give_up(&mut self, pending: Pending, sink: &mut (impl EventSink + ?Sized)) {
        sink.marker(&pending.annotation_marker());
        // Pieces of one access share its number.
        let (cpu, seq) = (self.cpu, self.next_seq);
        for event in pending.pieces() {
            let mut event = *event;
            (event.cpu, event.seq) = (cpu, seq);
            event.unordered = self.unordered;
            sink.event(&event);
        }
        if !pending.pieces().is_empty() {
            self.unordered = false;
            self.next_seq = seq.map(|seq| seq.wrapping_add(1));
        }
        pending.markers(|marker| sink.marker(marker));
    }

    fn push_marker(&mut self, marker: &Marker<'_>, sink: &mut (impl EventSink + ?Sized)) {
        if !marker.is_reserved() {
            return sink.marker(marker);
        }
        match Annotation::parse(marker.text).ok().flatten() {
            Some(Annotation::Cpu { cpu }) => self.cpu = cpu,
            Some(Annotation::Seq { seq }) => self.next_seq = seq,
            Some(Annotation::Unordered) => self.unordered = true,
            Some(Annotation::Blind {
                edge,
                page,
                reason,
                code,
            }) => {
                sink.blind(&Blind {
                    time: marker.time,
                    edge,
                    page,
                    reason,
                    code,
                });
            }
            annotation => match annotation.and_then(|known| Pending::new(marker, known)) {
                Some(pending) => self.pending = Some(pending),
                None => sink.marker(marker),
            },
        }
    }

    fn numbered(&mut self, mut event: Event) -> Event {
        event.cpu = self.cpu;
        event.seq = self.next_seq;
        event.unordered = core::mem::take(&mut self.unordered);
        self.next_seq = self.next_seq.map(|seq| seq.wrapping_add(1));
        event
    }
}
