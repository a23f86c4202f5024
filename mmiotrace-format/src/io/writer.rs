//! Records to any sink of bytes.

use super::Totals;
use crate::encode::{Text, needs_pieces, push_annotation, push_event_line, push_lost_line};
use crate::wrap::is_begun;
use crate::{Annotation, Line, LineKind, Position, Record};
use mmiotrace_core::{
    Access, Blind, Event, EventKind, EventSink, Header, Loss, Marker, PhysAddr,
    RESERVED_MARKER_PREFIX, Timestamp, Value,
};
use std::boxed::Box;
use std::format;
use std::io::{self, Write};
use std::vec::Vec;

/// Bytes gathered before they go to the sink.
const CAPACITY: usize = 64 * 1024;

/// After how many events the sequence number is told again though it is the expected one: a reader
/// counts the events between, and so notices where lines have been taken out of the text.
const SEQ_EVERY: u32 = 1024;

/// Writes lines, records and events as 20070824 text. Does its own buffering;
/// [`flush`](Self::flush) or [`into_inner`](Self::into_inner) hands on what is left.
///
/// # Three ways in
/// - [`write_line`](Self::write_line): exact bytes.
/// - [`write_record`](Self::write_record): what was parsed. For every line that the kernel prints
///   the bytes are the same again.
/// - [`write_event`](Self::write_event) and the rest of [`EventSink`]: what a capture yields. What
///   the format has no column for goes into annotations ([`Annotation`]), which the lifter turns
///   back into the same events.
///
/// # As a sink
/// [`EventSink`] has no errors: the writer keeps the first one, writes nothing after it, and
/// returns it from [`flush`](Self::flush), [`error`](Self::error) or `into_inner`.
///
/// # A whole capture
/// A writer made by [`capture`](Self::capture) announces the backend and promises an end in the
/// header; [`end`](Self::end) keeps the promise. A trace whose recorder was killed, or whose copy
/// was cut, has the promise and not the end, or other [`Totals`].
#[derive(Debug)]
pub struct Writer<W: Write> {
    inner: W,
    pending: Vec<u8>,
    /// Where short lines are made. What it holds between two lines means nothing.
    text: Text,
    /// The kind of the first error, and its number in the system: nothing is written after it.
    failed: Option<(io::ErrorKind, Option<i32>)>,
    error: Option<io::Error>,
    /// The CPU that a reader takes the next event to have.
    cpu: Option<u32>,
    /// The number that a reader takes the next event to have.
    next_seq: Option<u64>,
    /// How many events ago it was told the number.
    since_seq: u32,
    /// The last line that came as a line is the beginning of a record that a mailer may have wrapped.
    unfinished: bool,
    /// The last byte that the sink was given is not a newline.
    open: bool,
    /// `None`: a text that promises nothing, or whose end is written.
    totals: Option<Box<Totals>>,
    /// The line that announces the capture, until the first record after the header.
    announcement: Option<Box<[u8]>>,
}

impl<W: Write> Writer<W> {
    /// A writer at the beginning of a trace.
    pub const fn new(inner: W) -> Self {
        Self {
            inner,
            pending: Vec::new(),
            text: Text::new(),
            failed: None,
            error: None,
            cpu: None,
            next_seq: None,
            since_seq: 0,
            unfinished: false,
            open: false,
            totals: None,
            announcement: None,
        }
    }

    /// A writer at the beginning of a capture: after the header (lines `VERSION`, `PCIDEV`,
    /// `LSPCI`) it announces the backend by its
    /// [name](mmiotrace_core::CaptureBackend::name), and promises an end.
    pub fn capture(inner: W, backend: &str) -> Self {
        let prefix = RESERVED_MARKER_PREFIX.escape_ascii();
        let line = format!("MARK 0.000000 {prefix}capture backend={backend} end=promised\n");
        Self {
            totals: Some(Box::default()),
            announcement: Some(line.into_bytes().into()),
            ..Self::new(inner)
        }
    }

    /// A writer that continues a capture, of which the sink holds what `totals` counts.
    pub fn resume(inner: W, totals: Totals) -> Self {
        Self {
            totals: Some(Box::new(totals)),
            ..Self::new(inner)
        }
    }

    /// Ends a capture: writes its last line, and flushes the sink. Without a promised end, or when
    /// it is written already, only flushes.
    ///
    /// # Errors
    /// As [`flush`](Self::flush); the trace has no end then.
    pub fn end(&mut self) -> io::Result<()> {
        self.announce();
        self.hand_on();
        if self.open {
            self.put(b"\n");
            self.hand_on();
        }
        if let Some(totals) = self.totals.take() {
            let prefix = RESERVED_MARKER_PREFIX.escape_ascii();
            self.put(format!("MARK 0.000000 {prefix}end {totals}\n").as_bytes());
        }
        self.flush()
    }

    /// Writes a line with its exact bytes.
    ///
    /// # Errors
    /// What the sink says; then nothing more is written.
    pub fn write_line(&mut self, line: &Line<'_>) -> io::Result<()> {
        self.before_line(line.as_bytes());
        self.put(line.as_bytes());
        self.check()
    }

    /// Writes a record as the kernel prints it. Sequence number and CPU of an event are not
    /// written.
    ///
    /// # Errors
    /// As [`write_line`](Self::write_line).
    pub fn write_record(&mut self, record: &Record<'_>) -> io::Result<()> {
        match record {
            Record::Event(event) => {
                self.announce();
                self.next_seq = self.next_seq.map(|seq| seq.wrapping_add(1));
                self.put_event(event);
            }
            Record::Marker(marker) => {
                self.announce();
                self.put_marker(marker.time, marker.text);
            }
            Record::Lost(loss) => {
                self.announce();
                self.put_rare(|text| push_lost_line(text, loss));
            }
            Record::Header(header) => self.put_with_newline(header.as_bytes()),
            Record::Other(other) => {
                self.before_line(other.as_bytes());
                self.put_with_newline(other.as_bytes());
            }
        }
        self.check()
    }

    /// Writes an event with the annotations that it needs.
    ///
    /// # Errors
    /// As [`write_line`](Self::write_line).
    pub fn write_event(&mut self, event: &Event) -> io::Result<()> {
        self.announce();
        self.put_numbers(event);
        self.put_event(event);
        self.check()
    }

    /// Writes an annotation.
    ///
    /// # Errors
    /// As [`write_line`](Self::write_line).
    pub fn write_annotation(
        &mut self,
        time: Timestamp,
        annotation: &Annotation<'_>,
    ) -> io::Result<()> {
        self.announce();
        self.put_annotation(time, annotation);
        self.check()
    }

    /// Hands on everything written so far, and flushes the sink.
    ///
    /// # Errors
    /// The first error, also one that was kept from the methods of [`EventSink`]. Later calls say
    /// it again: what was written after it is lost.
    pub fn flush(&mut self) -> io::Result<()> {
        self.hand_on();
        self.check()?;
        self.inner.flush()
    }

    /// The first error, until it is given by another method.
    pub const fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }

    /// The sink, after everything is handed on.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn into_inner(mut self) -> io::Result<W> {
        self.flush()?;
        Ok(self.inner)
    }

    /// The sink. What is buffered has not reached it.
    pub const fn get_ref(&self) -> &W {
        &self.inner
    }

    /// What was written of a capture, except for what is buffered; `None` where no end was promised, or
    /// it is written.
    #[must_use]
    pub fn totals(&self) -> Option<&Totals> {
        self.totals.as_deref()
    }

    /// The sink, to take out what has reached it. What is buffered has not.
    pub const fn get_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    #[inline]
    fn check(&mut self) -> io::Result<()> {
        match self.failed {
            None => Ok(()),
            Some((kind, code)) => Err(self.error.take().unwrap_or_else(|| match code {
                Some(code) => io::Error::from_raw_os_error(code),
                None => kind.into(),
            })),
        }
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= CAPACITY {
            self.hand_on();
        }
    }

    #[cold]
    fn hand_on(&mut self) {
        self.open = match self.pending.last() {
            Some(last) => *last != b'\n',
            None => self.open,
        };
        if self.failed.is_none() {
            if let Some(totals) = &mut self.totals {
                totals.add_bytes(&self.pending);
            }
            self.error = self.inner.write_all(&self.pending).err();
            let error = self.error.as_ref();
            self.failed = error.map(|error| (error.kind(), error.raw_os_error()));
        }
        self.pending.clear();
    }

    /// Announces the capture, unless that is done.
    #[inline]
    fn announce(&mut self) {
        if self.announcement.is_some() {
            self.announce_now();
        }
    }

    #[cold]
    fn announce_now(&mut self) {
        if let Some(line) = self.announcement.take() {
            self.put(&line);
        }
    }

    /// Before a line whose text comes from elsewhere: it is counted by what it begins with.
    fn before_line(&mut self, line: &[u8]) {
        if !matches!(
            LineKind::of(line),
            LineKind::Version | LineKind::PciDev | LineKind::Lspci
        ) {
            self.announce();
        }
        self.count(line);
    }

    /// Counts a line that is not an event of ours.
    fn count(&mut self, line: &[u8]) {
        if let Some(totals) = &mut self.totals {
            totals.add_line(&Line::new(line, Position::START));
        }
    }

    #[inline]
    fn put_text(&mut self, make: impl FnOnce(&mut Text)) {
        self.text.clear();
        make(&mut self.text);
        self.pending.extend_from_slice(self.text.as_bytes());
        if self.pending.len() >= CAPACITY {
            self.hand_on();
        }
    }

    /// A line that is not an event's.
    fn put_rare(&mut self, make: impl FnOnce(&mut Text)) {
        self.put_text(make);
        if let Some(totals) = &mut self.totals {
            totals.add_line(&Line::new(self.text.as_bytes(), Position::START));
        }
    }

    fn put_annotation(&mut self, time: Timestamp, annotation: &Annotation<'_>) {
        self.text.clear();
        let tail = push_annotation(&mut self.text, time, annotation);
        if tail.is_empty() {
            self.text.push(b"\n");
            self.pending.extend_from_slice(self.text.as_bytes());
            if let Some(totals) = &mut self.totals {
                totals.add_line(&Line::new(self.text.as_bytes(), Position::START));
            }
            return self.put(b"");
        }
        let mut line = self.text.as_bytes().to_vec();
        for (number, part) in tail.split(|byte| *byte == b'\n').enumerate() {
            // As the kernel prints a newline in a path.
            line.extend_from_slice(if number == 0 { b"" } else { b"\\012" });
            line.extend_from_slice(part);
        }
        line.push(b'\n');
        self.count(&line);
        self.put(&line);
    }

    fn put_with_newline(&mut self, line: &[u8]) {
        self.put(line);
        self.put(b"\n");
    }

    fn put_marker(&mut self, time: Timestamp, text: &[u8]) {
        self.text.clear();
        self.text.push(b"MARK ").time(time).push(b" ");
        let line = [self.text.as_bytes(), text, b"\n"].concat();
        self.count(&line);
        self.put(&line);
    }

    /// What a reader must know of the next event and would not guess.
    fn put_numbers(&mut self, event: &Event) {
        if self.cpu != event.cpu {
            self.cpu = event.cpu;
            self.put_annotation(event.time, &Annotation::Cpu { cpu: event.cpu });
        }
        self.since_seq = self.since_seq.saturating_add(1);
        let told_long_ago = event.seq.is_some() && self.since_seq >= SEQ_EVERY;
        if self.next_seq != event.seq || told_long_ago {
            self.put_annotation(event.time, &Annotation::Seq { seq: event.seq });
            self.since_seq = 0;
        }
        self.next_seq = event.seq.map(|seq| seq.wrapping_add(1));
        if event.unordered {
            self.put_annotation(event.time, &Annotation::Unordered);
        }
    }

    fn put_event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Access(access) => match &access.value {
                Some(value) if needs_pieces(access, value) => {
                    return self.put_pieces(event, access, value);
                }
                Some(_) => {}
                None => {
                    let access = Some((access.kind, access.width));
                    let annotation = Annotation::Value {
                        access,
                        code: event.code,
                    };
                    self.put_annotation(event.time, &annotation);
                }
            },
            // The record has room for three bytes, no more and no fewer.
            EventKind::UnknownOpcode(unknown) if unknown.code.as_bytes().len() != 3 => {
                let annotation = Annotation::Value {
                    access: None,
                    code: unknown.code,
                };
                self.put_annotation(event.time, &annotation);
            }
            _ => {}
        }
        self.put_event_line(event);
    }

    fn put_event_line(&mut self, event: &Event) {
        if let Some(totals) = &mut self.totals {
            totals.add_event();
        }
        self.put_text(|text| push_event_line(text, event));
    }

    fn put_pieces(&mut self, event: &Event, access: &Access, value: &Value) {
        let n = u8::try_from(value.pieces().count()).unwrap_or(u8::MAX);
        self.put_annotation(
            event.time,
            &Annotation::Wide {
                n,
                width: access.width,
            },
        );
        for (offset, piece) in value.pieces() {
            // Past the end of the address space there is no device; the pieces wrap as the
            // addresses do.
            let phys = PhysAddr(access.phys.0.wrapping_add(offset.into()));
            let piece = Access {
                phys,
                width: piece.width(),
                value: Some(piece),
                ..*access
            };
            let mut record = *event;
            record.kind = EventKind::Access(piece);
            self.put_event_line(&record);
        }
    }
}

impl<W: Write> EventSink for Writer<W> {
    fn event(&mut self, event: &Event) {
        self.announce();
        self.put_numbers(event);
        self.put_event(event);
    }

    fn marker(&mut self, marker: &Marker<'_>) {
        self.announce();
        let lines = marker.text.split(|byte| *byte == b'\n').count();
        // What looks like an annotation and came as a marker shall come back as a marker.
        let is_lifted =
            matches!(Annotation::parse(marker.text), Ok(Some(known)) if known.is_lifted());
        if lines > 1 || is_lifted {
            let n = u32::try_from(lines).unwrap_or(u32::MAX);
            self.put_annotation(marker.time, &Annotation::Lines { n });
        }
        for line in marker.text.split(|byte| *byte == b'\n') {
            self.put_marker(marker.time, line);
        }
    }

    fn lost(&mut self, loss: &Loss) {
        self.announce();
        if loss.seq.is_some() || loss.cpu.is_some() {
            let annotation = Annotation::Lost {
                n: loss.count,
                seq: loss.seq,
                cpu: loss.cpu,
            };
            self.put_annotation(loss.time, &annotation);
        }
        self.put_rare(|text| push_lost_line(text, loss));
    }

    fn blind(&mut self, blind: &Blind) {
        self.announce();
        self.put_annotation(blind.time, &Annotation::from(blind));
    }

    fn line(&mut self, line: &[u8]) {
        // An annotation may have stood between the two and be gone, as it changed nothing. Now that
        // they follow each other, a reader could take them for one wrapped record.
        if self.unfinished {
            let same = Annotation::Cpu { cpu: self.cpu };
            self.put_annotation(Timestamp::ZERO, &same);
        }
        self.unfinished = is_begun(line);
        self.before_line(line);
        self.put_with_newline(line);
    }

    fn header(&mut self, header: &Header<'_>) {
        self.put_with_newline(header.as_bytes());
    }
}
