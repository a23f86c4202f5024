//! What can be wrong with a line.

use crate::{Field, Position};

/// A line that begins like a record and is none, or that is too long. The next line is not
/// touched by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{position}: {kind}")]
pub struct ParseError {
    position: Position,
    column: u32,
    kind: ParseErrorKind,
}

impl ParseError {
    pub(crate) const fn new(line: Position, fault: Fault) -> Self {
        Self {
            position: line.advanced_by(0, fault.column as u64),
            column: fault.column,
            kind: fault.kind,
        }
    }

    /// Where the fault is: its line, and the first byte of the field that is wrong or the byte
    /// at which a field is missing.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Where the line begins.
    #[must_use]
    pub const fn line_start(&self) -> Position {
        Position::new(
            self.position.line(),
            self.position.byte().wrapping_sub(self.column as u64),
        )
    }

    /// How many bytes of the line stand before the fault.
    #[must_use]
    pub const fn column(&self) -> u32 {
        self.column
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> ParseErrorKind {
        self.kind
    }

    /// The field that is wrong or missing, where it is a field.
    #[must_use]
    pub const fn field(&self) -> Option<Field> {
        match self.kind {
            ParseErrorKind::MissingField(field) | ParseErrorKind::InvalidField(field) => {
                Some(field)
            }
            ParseErrorKind::TrailingBytes | ParseErrorKind::LineTooLong { .. } => None,
        }
    }
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// The line ends before this field.
    #[error("no {0}")]
    MissingField(Field),
    /// The field is there and is not what the format has in its place.
    #[error("invalid {0}")]
    InvalidField(Field),
    /// The record is followed by more on the same line.
    #[error("something follows the record")]
    TrailingBytes,
    /// The line is longer than the limit. All of it is skipped.
    #[error("line longer than {limit} bytes")]
    LineTooLong {
        /// The limit in bytes, line ending not counted.
        limit: usize,
    },
}

/// A fault within a line, before it is known where the line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) column: u32,
    pub(crate) kind: ParseErrorKind,
}

/// Why a reader could not give the next line or record.
#[cfg(feature = "std")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The source failed. What it gave before has been handed out; a later call asks it again.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A line is wrong. The next call goes on with the next line.
    #[error(transparent)]
    Parse(#[from] ParseError),
}
