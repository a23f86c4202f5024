//! Where one line ends and the next begins.

#[cfg(feature = "std")]
use crate::blocks::{self, Cut};
use crate::error::Fault;
use crate::{ParseError, ParseErrorKind, Position, wrap};
use memchr::memchr;
#[cfg(feature = "std")]
use memchr::memchr_iter;

/// The longest line that is read unless another limit is set: 1 MiB. The kernel's longest is a
/// marker of 4096 bytes (`kernel/trace/trace.c`).
pub const DEFAULT_MAX_LINE_LEN: usize = 1 << 20;

/// What the beginning of the input is. All lengths are in bytes from the beginning of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A line from `start` to `end`, ending included, where it stands in the trace.
    Line {
        start: usize,
        end: usize,
        position: Position,
    },
    /// A line over the limit. Everything up to `end` is done with.
    TooLong { end: usize, error: ParseError },
    /// No whole line. Everything up to `end` is done with; the rest is wanted again, with more.
    NeedInput { end: usize },
    /// The trace is at its end; all input is done with.
    End { end: usize },
}

impl Frame {
    /// The same, where the input begins `by` bytes earlier.
    const fn moved_by(self, by: usize) -> Self {
        match self {
            Self::Line {
                start,
                end,
                position,
            } => Self::Line {
                start: start + by,
                end: end + by,
                position,
            },
            Self::TooLong { end, error } => Self::TooLong {
                end: end + by,
                error,
            },
            Self::NeedInput { end } => Self::NeedInput { end: end + by },
            Self::End { end } => Self::End { end: end + by },
        }
    }

    /// How many bytes of the input are done with.
    pub(crate) const fn end(&self) -> usize {
        match *self {
            Self::Line { end, .. }
            | Self::TooLong { end, .. }
            | Self::NeedInput { end }
            | Self::End { end } => end,
        }
    }
}

/// Finds line after line in input that comes in pieces. Never looks twice at a byte for a newline.
#[derive(Clone, Debug)]
pub(crate) struct Framer {
    next: Position,
    limit: usize,
    /// How many bytes at the beginning of the next input are known to hold no newline.
    scanned: usize,
    /// Whether the input begins within a line over the limit that has been reported.
    skipping: bool,
}

impl Framer {
    pub(crate) const fn new(limit: usize, start: Position) -> Self {
        Self {
            next: start,
            limit,
            scanned: 0,
            skipping: false,
        }
    }

    /// Where the next line begins.
    pub(crate) const fn position(&self) -> Position {
        self.next
    }

    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    /// Whether the next input begins a line.
    pub(crate) const fn at_line_start(&self) -> bool {
        !self.skipping
    }

    /// One line of `len` bytes was taken from the beginning of the input without asking.
    pub(crate) const fn took_line(&mut self, len: usize) {
        self.next = self.next.advanced_by(1, len as u64);
        self.scanned = 0;
    }

    /// The next line of `input`, which begins with everything that the last call did not use.
    /// `end` says that nothing will follow the input.
    pub(crate) fn frame(&mut self, input: &[u8], end: bool) -> Frame {
        let start = self.skip(input);
        let line = input.get(start..).unwrap_or_default();
        self.frame_line(line, end).moved_by(start)
    }

    /// The same for as many lines as there are: whole ones, and none of a record that may go on
    /// after the input.
    #[cfg(feature = "std")]
    pub(crate) fn frame_block(&mut self, input: &[u8], end: bool) -> Frame {
        let start = self.skip(input);
        let lines = input.get(start..).unwrap_or_default();
        let cut = if end {
            Cut {
                whole: lines.len(),
                held_back: false,
            }
        } else {
            blocks::cut(lines)
        };
        let frame = match lines.get(..cut.whole) {
            Some(whole @ [_, ..]) => {
                let newlines = memchr_iter(b'\n', whole).count() as u64;
                self.line(cut.whole, newlines)
            }
            _ if cut.held_back => Frame::NeedInput { end: 0 },
            _ => self.frame_partial(lines, end),
        };
        frame.moved_by(start)
    }

    /// Drops what belongs to a line that was too long. Returns how many bytes these are.
    fn skip(&mut self, input: &[u8]) -> usize {
        if !self.skipping {
            return 0;
        }
        let (len, newlines) = match memchr(b'\n', input) {
            Some(newline) => (newline + 1, 1),
            None => (input.len(), 0),
        };
        self.skipping = newlines == 0;
        self.next = self.next.advanced_by(newlines, len as u64);
        len
    }

    /// The same for input that begins a line.
    fn frame_line(&mut self, input: &[u8], end: bool) -> Frame {
        let scanned = core::mem::take(&mut self.scanned).min(input.len());
        let unscanned = input.get(scanned..).unwrap_or_default();
        let Some(newline) = memchr(b'\n', unscanned).map(|at| at + scanned) else {
            return self.frame_partial(input, end);
        };
        if newline > self.limit {
            return self.too_long(newline + 1, 1);
        }
        let (len, lines) = match wrap::extent(input, newline, end) {
            wrap::Extent::One => (newline + 1, 1),
            wrap::Extent::Several { len, newlines } => (len, newlines),
            wrap::Extent::Undecided => {
                self.scanned = newline;
                return Frame::NeedInput { end: 0 };
            }
        };
        self.line(len, lines)
    }

    /// The same for input that holds no newline.
    fn frame_partial(&mut self, input: &[u8], end: bool) -> Frame {
        if input.len() > self.limit {
            self.skipping = true;
            return self.too_long(input.len(), 0);
        }
        match (input, end) {
            ([], true) => Frame::End { end: 0 },
            (_, true) => self.line(input.len(), 0),
            (_, false) => {
                self.scanned = input.len();
                Frame::NeedInput { end: 0 }
            }
        }
    }

    fn line(&mut self, len: usize, newlines: u64) -> Frame {
        let position = self.next;
        self.next = position.advanced_by(newlines, len as u64);
        Frame::Line {
            start: 0,
            end: len,
            position,
        }
    }

    fn too_long(&mut self, len: usize, newlines: u64) -> Frame {
        let kind = ParseErrorKind::LineTooLong { limit: self.limit };
        let error = ParseError::new(self.next, Fault { column: 0, kind });
        self.next = self.next.advanced_by(newlines, len as u64);
        Frame::TooLong { end: len, error }
    }
}
