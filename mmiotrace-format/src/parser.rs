//! The push parser: bytes in, records out, no input or output of its own.

use crate::frame::{DEFAULT_MAX_LINE_LEN, Frame, Framer};
use crate::{Line, ParseError, Position, Record};

/// What a push gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[allow(clippy::large_enum_variant)]
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
/// The caller owns the bytes. Each push takes what is there and returns a step and how many bytes
/// at the beginning of the input are done with; the caller drops those and pushes the rest again,
/// with more behind it where the step is [`Step::NeedInput`]. However the input is cut into
/// pieces, the records, errors and positions are the same.
///
/// Works without the standard library and without allocation.
///
/// ```
/// use mmiotrace_format::{Parser, Record, Step};
///
/// let mut input: &[u8] = b"R 4 6.490441 1 0xfeb40008 0x80080783 0x0 0\nMARK 6.5 hel";
/// let mut parser = Parser::new();
/// let (step, used) = parser.push(input, false);
/// let Step::Record(Record::Event(event)) = step else { panic!() };
/// assert_eq!(event.time.to_string(), "6.490441");
///
/// input = &input[used..];
/// assert_eq!(parser.push(input, false), (Step::NeedInput, 0));
/// let whole = [input, b"lo\n"].concat();
/// let (step, _) = parser.push(&whole, true);
/// let Step::Record(Record::Marker(marker)) = step else { panic!() };
/// assert_eq!(marker.text, b"hello");
/// assert_eq!(parser.record_position().line(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct Parser {
    framer: Framer,
    record: Position,
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

    /// The next record, and how many bytes of `input` are done with. `end` says that nothing
    /// follows `input`; without it a last line without newline waits for more.
    #[inline]
    pub fn push<'i>(&mut self, input: &'i [u8], end: bool) -> (Step<'i>, usize) {
        match self.push_line(input, end) {
            (LineStep::Line(line), used) => match line.parse() {
                Ok(record) => (Step::Record(record), used),
                Err(error) => (Step::Invalid(error), used),
            },
            (LineStep::TooLong(error), used) => (Step::Invalid(error), used),
            (LineStep::NeedInput, used) => (Step::NeedInput, used),
            (LineStep::End, used) => (Step::End, used),
        }
    }

    /// The next line, not parsed, and how many bytes of `input` are done with. May be mixed with
    /// [`push`](Self::push).
    pub fn push_line<'i>(&mut self, input: &'i [u8], end: bool) -> (LineStep<'i>, usize) {
        match self.framer.frame(input, end) {
            Frame::Line {
                start,
                end,
                position,
            } => {
                self.record = position;
                let bytes = input.get(start..end).unwrap_or_default();
                (LineStep::Line(Line::new(bytes, position)), end)
            }
            Frame::TooLong { end, error } => {
                self.record = error.line_start();
                (LineStep::TooLong(error), end)
            }
            Frame::NeedInput { end } => (LineStep::NeedInput, end),
            Frame::End { end } => (LineStep::End, end),
        }
    }
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}
