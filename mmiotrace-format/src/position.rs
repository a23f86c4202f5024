//! Places in a trace.

use core::fmt;

/// A place in a trace: a line, and a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    line: u64,
    byte: u64,
}

impl Position {
    /// The first byte of a trace: line 1, byte 0.
    pub const START: Self = Self { line: 1, byte: 0 };

    /// A place from its line, counted from 1, and its byte, counted from 0 at the beginning of
    /// the trace.
    #[must_use]
    pub const fn new(line: u64, byte: u64) -> Self {
        Self { line, byte }
    }

    /// The line, counted from 1.
    #[must_use]
    pub const fn line(self) -> u64 {
        self.line
    }

    /// The byte, counted from 0 at the beginning of the trace.
    #[must_use]
    pub const fn byte(self) -> u64 {
        self.byte
    }

    /// The place `lines` further down and `bytes` further on. Begins again after 2^64.
    #[must_use]
    #[inline]
    pub const fn advanced_by(self, lines: u64, bytes: u64) -> Self {
        Self {
            line: self.line.wrapping_add(lines),
            byte: self.byte.wrapping_add(bytes),
        }
    }
}

impl Default for Position {
    fn default() -> Self {
        Self::START
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, byte {}", self.line, self.byte)
    }
}
