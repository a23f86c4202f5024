//! The memory of a reader: filled, cut into whole lines, handed out, filled again.

use crate::blocks;
use bytes::{Bytes, BytesMut};
use std::io::{self, Read};

/// Bytes read and not yet used.
///
/// Owned records share the memory. What they hold is left to them; the rest of the same block is
/// still read into, and the whole block is used again when none of them lives.
#[derive(Debug)]
pub(crate) struct Buffer {
    /// Whole lines, and how much of them is used.
    lines: Bytes,
    used: usize,
    /// What was read behind them: `filled` bytes, then room. All of it is initialised, so that
    /// `read` may be handed any part.
    rest: BytesMut,
    filled: usize,
    /// Whether `rest` begins with a line that is whole but may go on.
    held_back: bool,
    capacity: usize,
}

impl Buffer {
    pub(crate) fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self {
            lines: Bytes::new(),
            used: 0,
            rest: BytesMut::new(),
            filled: 0,
            held_back: false,
            capacity,
        }
    }

    /// What is handed out and not yet used.
    #[inline]
    pub(crate) fn lines(&self) -> &[u8] {
        self.lines.get(self.used..).unwrap_or_default()
    }

    /// The first `len` bytes of [`lines`](Self::lines) are used.
    #[inline]
    pub(crate) fn consume(&mut self, len: usize) {
        self.used = self.used.saturating_add(len).min(self.lines.len());
    }

    /// The last `len` bytes that are used.
    #[inline]
    pub(crate) fn behind(&self, len: usize) -> &[u8] {
        let used = self.and_all_behind(len);
        used.get(..len).unwrap_or(used)
    }

    /// The same, and everything handed out behind them.
    #[inline]
    pub(crate) fn and_all_behind(&self, len: usize) -> &[u8] {
        self.lines
            .get(self.used.saturating_sub(len)..)
            .unwrap_or_default()
    }

    /// The last `len` bytes that are used, shared.
    pub(crate) fn share_behind(&self, len: usize) -> Bytes {
        self.lines
            .slice(self.used.saturating_sub(len).min(self.used)..self.used)
    }

    /// How many bytes are read and not handed out: a line that is not whole, or lines that may
    /// belong to what follows.
    pub(crate) const fn partial_len(&self) -> usize {
        self.filled
    }

    /// Whether these hold no newline.
    pub(crate) const fn partial_is_one_line(&self) -> bool {
        !self.held_back
    }

    /// Hands out what is not a whole line, after everything before it is used.
    pub(crate) fn hand_out_partial(&mut self) {
        self.held_back = false;
        self.hand_out(self.filled);
    }

    /// Reads once, after everything handed out is used, and hands out the lines that are whole.
    /// Returns how many bytes came.
    pub(crate) fn fill(&mut self, source: &mut impl Read) -> io::Result<usize> {
        // Gives the block back where no record holds it.
        (self.lines, self.used) = (Bytes::new(), 0);
        self.make_room();
        let room = self.rest.get_mut(self.filled..).unwrap_or_default();
        let got = loop {
            match source.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A source that claims more than it was given room for is not believed.
                got => break got?.min(room.len()),
            }
        };
        let before = self.filled;
        self.filled += got;
        let fresh = self.rest.get(before..self.filled).unwrap_or_default();
        // Without a newline among the fresh bytes nothing has become whole.
        if self.held_back || memchr::memchr(b'\n', fresh).is_some() {
            let cut = blocks::cut(self.rest.get(..self.filled).unwrap_or_default());
            self.held_back = cut.held_back;
            self.hand_out(cut.whole);
        }
        Ok(got)
    }

    fn hand_out(&mut self, len: usize) {
        self.lines = self.rest.split_to(len.min(self.rest.len())).freeze();
        self.filled -= self.lines.len();
        self.used = 0;
    }

    fn make_room(&mut self) {
        if self.filled < self.rest.len() {
            return;
        }
        // As much as makes a full block, which `reserve` then finds in the old one; a line that
        // fills half of it and more makes it grow.
        let more = (self.capacity.saturating_sub(self.filled))
            .max(self.capacity / 2)
            .max(self.filled);
        self.rest.reserve(more);
        self.rest.resize(self.filled + more, 0);
    }
}
