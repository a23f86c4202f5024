//! Traces that are in memory, whole or in blocks.

use crate::frame::DEFAULT_MAX_LINE_LEN;
use crate::{Line, LineStep, ParseError, Parser, Position, Record, Step};

/// Whole lines of a trace that are in memory, and where they stand in it.
///
/// ```
/// use mmiotrace_format::{Block, LineKind};
///
/// let trace = Block::new(b"VERSION 20070824\nMARK 1.000000 here\nR 4 nonsense\n");
/// assert_eq!(trace.lines().count(), 3);
/// let bad: Vec<_> = trace.records().filter_map(Result::err).collect();
/// assert_eq!(bad[0].to_string(), "line 3, byte 40: invalid time");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    bytes: &'a [u8],
    position: Position,
    max_line_len: usize,
    before: Option<ParseError>,
}

impl<'a> Block<'a> {
    /// A whole trace, with a line limit of 1 MiB ([`DEFAULT_MAX_LINE_LEN`]).
    #[must_use]
    pub const fn new(trace: &'a [u8]) -> Self {
        Self::at(Position::START, trace, DEFAULT_MAX_LINE_LEN)
    }

    /// Lines of a trace whose first stands at `position`.
    #[must_use]
    pub const fn at(position: Position, lines: &'a [u8], max_line_len: usize) -> Self {
        Self {
            bytes: lines,
            position,
            max_line_len,
            before: None,
        }
    }

    /// No lines; a line over the limit that was left out instead.
    #[cfg(feature = "parallel")]
    pub(crate) const fn left_out(error: ParseError) -> Self {
        let position = error.line_start();
        Self {
            bytes: &[],
            position,
            max_line_len: 0,
            before: Some(error),
        }
    }

    /// The lines with their exact bytes. A line over the limit that was left out is not among
    /// them.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Where the first line begins.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// The longest line, in bytes without its ending.
    #[must_use]
    pub const fn max_line_len(&self) -> usize {
        self.max_line_len
    }

    /// The lines one after the other; an error for each that is over the limit.
    #[must_use]
    pub const fn lines(&self) -> Lines<'a> {
        Lines {
            rest: self.bytes,
            parser: self.parser(),
            before: self.before,
        }
    }

    /// The records one after the other; an error for each line that does not parse.
    #[must_use]
    pub const fn records(&self) -> Records<'a> {
        Records {
            rest: self.bytes,
            parser: self.parser(),
            before: self.before,
        }
    }

    const fn parser(&self) -> Parser {
        Parser::at(self.position, self.max_line_len)
    }
}

/// The lines of a [`Block`].
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    rest: &'a [u8],
    parser: Parser,
    before: Option<ParseError>,
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<Line<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.before.take() {
            return Some(Err(error));
        }
        match self.parser.push_line(&mut self.rest, true) {
            LineStep::Line(line) => Some(Ok(line)),
            LineStep::TooLong(error) => Some(Err(error)),
            LineStep::NeedInput | LineStep::End => None,
        }
    }
}

/// The records of a [`Block`].
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
    parser: Parser,
    before: Option<ParseError>,
}

impl Records<'_> {
    /// Where the line of the last item begins.
    #[must_use]
    pub const fn record_position(&self) -> Position {
        self.parser.record_position()
    }

    /// Where the line of the next item begins.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.parser.position()
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, ParseError>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.before.is_none()
            && let Some(fields) = self.parser.take_access(self.rest)
        {
            self.rest = self.rest.get(fields.len..).unwrap_or_default();
            return Some(Ok(Record::Event(fields.event())));
        }
        self.next_of_any_kind()
    }
}

impl<'a> Records<'a> {
    #[inline(never)]
    fn next_of_any_kind(&mut self) -> Option<Result<Record<'a>, ParseError>> {
        if let Some(error) = self.before.take() {
            return Some(Err(error));
        }
        match self.parser.push(&mut self.rest, true) {
            Step::Record(record) => Some(Ok(record)),
            Step::Invalid(error) => Some(Err(error)),
            Step::NeedInput | Step::End => None,
        }
    }
}
