//! A line and its place.

use crate::{LineKind, ParseError, Position, Record};
use crate::{hot, parse};
use core::fmt;
use core::hash::{Hash, Hasher};

/// One line of a trace: its exact bytes, ending included, and where it stands.
///
/// A `PCIDEV` line that a mailer has wrapped is one line here, with newlines inside.
#[derive(Clone, Copy)]
pub struct Line<'a> {
    /// The line, and what of the trace stands behind it in memory: with that the fast way may load
    /// whole words up to the line's end.
    memory: &'a [u8],
    // INVARIANT: at most as long as `memory`.
    len: usize,
    position: Position,
}

impl<'a> Line<'a> {
    /// A line from its bytes, with or without ending, and its place.
    #[must_use]
    pub const fn new(bytes: &'a [u8], position: Position) -> Self {
        Self {
            memory: bytes,
            len: bytes.len(),
            position,
        }
    }

    /// The first `len` bytes of `memory`.
    #[inline]
    pub(crate) const fn of_memory(memory: &'a [u8], len: usize, position: Position) -> Self {
        let len = if len < memory.len() {
            len
        } else {
            memory.len()
        };
        Self {
            memory,
            len,
            position,
        }
    }

    /// Two parts of the line, at the same position; `None` if it is not that long.
    pub(crate) fn split_at(&self, at: usize) -> Option<(Self, Self)> {
        let tail = self.memory.get(at..)?;
        let tail = Self::of_memory(tail, self.len.checked_sub(at)?, self.position);
        Some((
            Self::of_memory(self.memory.get(..at)?, at, self.position),
            tail,
        ))
    }

    /// The exact bytes, ending included. Copying these is lossless, also for lines that do not
    /// parse.
    #[must_use]
    #[inline]
    pub const fn as_bytes(&self) -> &'a [u8] {
        match self.memory.split_at_checked(self.len) {
            Some((line, _)) => line,
            None => self.memory,
        }
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
        match self.as_bytes() {
            [head @ .., b'\n'] => head,
            all => all,
        }
    }

    /// The bytes without line ending: neither newline nor the carriage return before it.
    #[must_use]
    #[inline]
    pub const fn content(&self) -> &'a [u8] {
        match self.as_bytes() {
            [head @ .., b'\r', b'\n'] | [head @ .., b'\n'] => head,
            all => all,
        }
    }

    /// Whether the line ends in a newline. Only the last line of a trace may lack it; the trace
    /// has then probably been cut.
    #[must_use]
    #[inline]
    pub const fn is_terminated(&self) -> bool {
        matches!(self.as_bytes(), [.., b'\n'])
    }

    /// Whether the line ends in carriage return and newline.
    #[must_use]
    pub const fn has_crlf(&self) -> bool {
        matches!(self.as_bytes(), [.., b'\r', b'\n'])
    }

    /// What the line is by its keyword. Cheap; the rest of the line is not looked at.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> LineKind {
        LineKind::of(self.as_bytes())
    }

    /// The columns of the line, each to be looked at alone. For those who need only some.
    #[must_use]
    #[inline]
    pub fn columns(&self) -> crate::Columns<'a> {
        crate::Columns::new(self.as_bytes())
    }

    /// The record that the line holds.
    ///
    /// # Errors
    /// Where the line begins with a keyword and the rest of it is not what belongs to it.
    #[inline]
    pub fn parse(&self) -> Result<Record<'a>, ParseError> {
        match hot::access_line(self.memory, self.len) {
            Some(fields) => Ok(Record::Event(fields.event())),
            None => self.parse_any(),
        }
    }

    /// The same for a line of any kind.
    #[inline(never)]
    fn parse_any(&self) -> Result<Record<'a>, ParseError> {
        if let Some(event) = hot::unknown_line(self.memory, self.len) {
            return Ok(Record::Event(event));
        }
        parse::line(self.without_newline()).map_err(|fault| ParseError::new(self.position, fault))
    }
}

impl PartialEq for Line<'_> {
    /// The same bytes at the same place.
    fn eq(&self, other: &Self) -> bool {
        (self.as_bytes(), self.position) == (other.as_bytes(), other.position)
    }
}

impl Eq for Line<'_> {}

impl Hash for Line<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.as_bytes(), self.position).hash(state);
    }
}

impl fmt::Debug for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Line({}: \"{}\")",
            self.position,
            self.as_bytes().escape_ascii()
        )
    }
}
