//! The push parser: bytes in, records out, no input or output of its own.

use crate::frame::{DEFAULT_MAX_LINE_LEN, Frame, Framer};
use crate::hot;
use crate::{Line, ParseError, Position, Record};
use mmiotrace_core::Event;

/// What a push gave.
///
/// A record has 160 bytes. Where every nanosecond counts, match on a reference to the step: moving
/// the record out of it costs a quarter of what parsing it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[allow(clippy::large_enum_variant, reason = "a record is the usual step")]
pub enum Step<'i> {
    /// A record; [`Parser::record_position`] says where it stands.
    Record(Record<'i>),
    /// A line that begins like a record and is none. The next push goes on after it.
    Invalid(ParseError),
    /// Push again, with more input.
    NeedInput,
    /// The trace is at its end.
    End,
}

/// What a push for lines gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum LineStep<'i> {
    /// A line with its exact bytes.
    Line(Line<'i>),
    /// A line over the limit. All of it is skipped; the next push goes on after it.
    TooLong(ParseError),
    /// Push again, with more input.
    NeedInput,
    /// The trace is at its end.
    End,
}

/// Takes a trace in pieces of any size and gives its records.
///
/// The caller owns the bytes. Each push takes what is there, returns a step, and moves the input
/// past the bytes that are done with; the caller keeps the rest and pushes it again, with more
/// behind it where the step is [`Step::NeedInput`]. However the input is cut into pieces, the
/// records, errors and positions are the same.
///
/// Works without the standard library and without allocation.
///
/// ```
/// use mmiotrace_format::{Parser, Record, Step};
///
/// let mut input: &[u8] = b"R 4 6.490441 1 0xfeb40008 0x80080783 0x0 0\nMARK 6.5 hel";
/// let mut parser = Parser::new();
/// let Step::Record(Record::Event(event)) = parser.push(&mut input, false) else { panic!() };
/// assert_eq!(event.time.to_string(), "6.490441");
///
/// assert_eq!(parser.push(&mut input, false), Step::NeedInput);
/// let more = [input, b"lo\n"].concat();
/// let mut input = &more[..];
/// let Step::Record(Record::Marker(marker)) = parser.push(&mut input, true) else { panic!() };
/// assert_eq!(marker.text, b"hello");
/// assert_eq!(parser.record_position().line(), 2);
/// assert_eq!(parser.push(&mut input, true), Step::End);
/// ```
#[derive(Clone, Debug)]
pub struct Parser {
    framer: Framer,
    record: Position,
    memo: hot::Memo,
}

impl Parser {
    /// A parser at the beginning of a trace, with a line limit of 1 MiB
    /// ([`DEFAULT_MAX_LINE_LEN`]).
    #[must_use]
    pub const fn new() -> Self {
        Self::with_max_line_len(DEFAULT_MAX_LINE_LEN)
    }

    /// A parser that takes a line over `limit` bytes, ending not counted, for an error.
    #[must_use]
    pub const fn with_max_line_len(limit: usize) -> Self {
        Self::at(Position::START, limit)
    }

    /// A parser for input that begins a line at `start` of the trace.
    #[must_use]
    pub const fn at(start: Position, max_line_len: usize) -> Self {
        Self {
            framer: Framer::new(max_line_len, start),
            record: start,
            memo: hot::Memo::new(),
        }
    }

    /// Where the next byte of input that is not done with stands.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.framer.position()
    }

    /// Where the line of the last record, line or error begins.
    #[must_use]
    pub const fn record_position(&self) -> Position {
        self.record
    }

    /// The next record. `input` is moved past the bytes that are done with. `end` says that
    /// nothing follows `input`; without it a last line without newline waits for more.
    #[inline(always)]
    pub fn push<'i>(&mut self, input: &mut &'i [u8], end: bool) -> Step<'i> {
        if let Some(fields) = self.take_access(input) {
            *input = input.get(fields.len..).unwrap_or_default();
            return Step::Record(Record::Event(fields.event()));
        }
        self.push_any(input, end)
    }

    /// The same for a line of any kind.
    #[inline(never)]
    fn push_any<'i>(&mut self, input: &mut &'i [u8], end: bool) -> Step<'i> {
        if let Some((event, len)) = self.take_unknown(input) {
            *input = input.get(len..).unwrap_or_default();
            return Step::Record(Record::Event(event));
        }
        match self.push_line(input, end) {
            LineStep::Line(line) => match line.parse() {
                Ok(record) => Step::Record(record),
                Err(error) => Step::Invalid(error),
            },
            LineStep::TooLong(error) => Step::Invalid(error),
            LineStep::NeedInput => Step::NeedInput,
            LineStep::End => Step::End,
        }
    }

    /// Takes an access that begins the input, where its line has the kernel's form.
    #[inline(always)]
    pub(crate) fn take_access(&mut self, input: &[u8]) -> Option<hot::Fields> {
        if !self.framer.at_line_start() {
            return None;
        }
        let fields = hot::access(&mut self.memo, input)?;
        self.take(fields.len)?;
        Some(fields)
    }

    /// The same for an access that the kernel did not decode. Returns the length of its line.
    pub(crate) fn take_unknown(&mut self, input: &[u8]) -> Option<(Event, usize)> {
        if !self.framer.at_line_start() {
            return None;
        }
        let (event, len) = hot::unknown(&mut self.memo, input)?;
        self.take(len)?;
        Some((event, len))
    }

    #[inline(always)]
    fn take(&mut self, len: usize) -> Option<()> {
        if len > self.framer.limit() {
            return None;
        }
        self.record = self.framer.position();
        self.framer.took_line(len);
        Some(())
    }

    /// The next line, as a place in the input.
    pub(crate) fn frame(&mut self, input: &[u8], end: bool) -> Frame {
        let frame = self.framer.frame(input, end);
        self.note(frame)
    }

    /// As many lines as there are, as a place in the input.
    #[cfg(feature = "std")]
    pub(crate) fn frame_block(&mut self, input: &[u8], end: bool) -> Frame {
        let frame = self.framer.frame_block(input, end);
        self.note(frame)
    }

    #[inline]
    fn note(&mut self, frame: Frame) -> Frame {
        match frame {
            Frame::Line { position, .. } => self.record = position,
            Frame::TooLong { error, .. } => self.record = error.line_start(),
            Frame::NeedInput { .. } | Frame::End { .. } => {}
        }
        frame
    }

    /// The longest line, in bytes without its ending.
    #[cfg(feature = "std")]
    pub(crate) const fn max_line_len(&self) -> usize {
        self.framer.limit()
    }

    /// Whether the next input begins within a line that was too long.
    #[cfg(feature = "std")]
    pub(crate) const fn is_skipping(&self) -> bool {
        !self.framer.at_line_start()
    }

    /// The next line, not parsed. `input` is moved past the bytes that are done with. May be
    /// mixed with [`push`](Self::push).
    pub fn push_line<'i>(&mut self, input: &mut &'i [u8], end: bool) -> LineStep<'i> {
        let bytes = *input;
        let frame = self.frame(bytes, end);
        *input = bytes.get(frame.end()..).unwrap_or_default();
        match frame {
            Frame::Line {
                start,
                end,
                position,
            } => {
                let memory = bytes.get(start..).unwrap_or_default();
                LineStep::Line(Line::of_memory(memory, end - start, position))
            }
            Frame::TooLong { error, .. } => LineStep::TooLong(error),
            Frame::NeedInput { .. } => LineStep::NeedInput,
            Frame::End { .. } => LineStep::End,
        }
    }
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}
