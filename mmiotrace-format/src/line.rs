//! A line and its place.

use crate::{LineKind, ParseError, Position, Record};
use crate::{hot, parse};

/// One line of a trace: its exact bytes, ending included, and where it stands.
///
/// A `PCIDEV` line that a mailer has wrapped is one line here, with newlines inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Line<'a> {
    bytes: &'a [u8],
    position: Position,
}

impl<'a> Line<'a> {
    /// A line from its bytes, with or without ending, and its place.
    #[must_use]
    pub const fn new(bytes: &'a [u8], position: Position) -> Self {
        Self { bytes, position }
    }

    /// The exact bytes, ending included. Copying these is lossless, also for lines that do not
    /// parse.
    #[must_use]
    #[inline]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Where the line begins.
    #[must_use]
    #[inline]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// The bytes without the newline; a carriage return before it stays.
    #[must_use]
    #[inline]
    pub const fn without_newline(&self) -> &'a [u8] {
        match self.bytes {
            [head @ .., b'\n'] => head,
            all => all,
        }
    }

    /// The bytes without line ending: neither newline nor the carriage return before it.
    #[must_use]
    #[inline]
    pub const fn content(&self) -> &'a [u8] {
        match self.bytes {
            [head @ .., b'\r', b'\n'] | [head @ .., b'\n'] => head,
            all => all,
        }
    }

    /// Whether the line ends in a newline. Only the last line of a trace may lack it; the trace
    /// has then probably been cut.
    #[must_use]
    #[inline]
    pub const fn is_terminated(&self) -> bool {
        matches!(self.bytes, [.., b'\n'])
    }

    /// Whether the line ends in carriage return and newline.
    #[must_use]
    pub const fn has_crlf(&self) -> bool {
        matches!(self.bytes, [.., b'\r', b'\n'])
    }

    /// What the line is by its keyword. Cheap; the rest of the line is not looked at.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> LineKind {
        LineKind::of(self.bytes)
    }

    /// The columns of the line, each to be looked at alone. For those who need only some.
    #[must_use]
    #[inline]
    pub fn columns(&self) -> crate::Columns<'a> {
        crate::Columns::new(self.bytes)
    }

    /// The record that the line holds.
    ///
    /// # Errors
    /// Where the line begins with a keyword and the rest of it is not what belongs to it.
    pub fn parse(&self) -> Result<Record<'a>, ParseError> {
        if let Some(event) = hot::line(self.without_newline()) {
            return Ok(Record::Event(event));
        }
        parse::line(self.without_newline()).map_err(|fault| ParseError::new(self.position, fault))
    }
}
