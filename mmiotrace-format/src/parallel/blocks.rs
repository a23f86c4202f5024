//! The blocks of a source, one after the other.

use crate::frame::{Frame, Framer};
use crate::{Block, ParseError, Position};
use bytes::{Bytes, BytesMut};
use core::ops::Range;
use std::io::{self, Read};

/// Gives blocks that can be sent to another thread.
pub(super) trait Source {
    type Bytes: Send;

    /// The next block, or `None` at the end. Memory that is no longer needed comes back in
    /// `spare`.
    fn next(&mut self, spare: Option<Self::Bytes>) -> io::Result<Option<Piece<Self::Bytes>>>;

    fn as_bytes(bytes: &Self::Bytes) -> &[u8];

    fn block(piece: &Piece<Self::Bytes>, max_line_len: usize) -> Block<'_> {
        match &piece.lines {
            Ok((range, position)) => {
                let lines = Self::as_bytes(&piece.bytes)
                    .get(range.clone())
                    .unwrap_or_default();
                Block::at(*position, lines, max_line_len)
            }
            Err(error) => Block::left_out(*error),
        }
    }
}

/// A block, or a line over the limit in its place.
pub(super) struct Piece<B> {
    pub(super) bytes: B,
    lines: Result<(Range<usize>, Position), ParseError>,
}

/// Blocks of a trace in memory.
pub(super) struct SliceBlocks<'a> {
    rest: &'a [u8],
    framer: Framer,
    block_len: usize,
}

impl<'a> SliceBlocks<'a> {
    pub(super) const fn new(trace: &'a [u8], block_len: usize, max_line_len: usize) -> Self {
        Self {
            rest: trace,
            framer: Framer::new(max_line_len, Position::START),
            block_len,
        }
    }
}

impl<'a> Source for SliceBlocks<'a> {
    type Bytes = &'a [u8];

    fn next(&mut self, _: Option<Self::Bytes>) -> io::Result<Option<Piece<Self::Bytes>>> {
        let mut len = self.block_len;
        loop {
            let end = len >= self.rest.len();
            let input = self.rest.get(..len).unwrap_or(self.rest);
            let frame = self.framer.frame_block(input, end);
            self.rest = self.rest.get(frame.end()..).unwrap_or_default();
            let lines = match frame {
                Frame::Line {
                    start,
                    end,
                    position,
                } => Ok((start..end, position)),
                Frame::TooLong { error, .. } => Err(error),
                Frame::NeedInput { .. } => {
                    len = len.saturating_mul(2);
                    continue;
                }
                Frame::End { .. } => return Ok(None),
            };
            return Ok(Some(Piece {
                bytes: input,
                lines,
            }));
        }
    }

    fn as_bytes(bytes: &Self::Bytes) -> &[u8] {
        bytes
    }
}

/// Blocks of a trace that is read.
pub(super) struct ReadBlocks<R> {
    source: R,
    framer: Framer,
    block_len: usize,
    /// `filled` bytes that are in no block yet, then room. All of it is initialised.
    rest: BytesMut,
    filled: usize,
    ended: bool,
    failed: Option<io::Error>,
}

impl<R> ReadBlocks<R> {
    pub(super) fn new(source: R, block_len: usize, max_line_len: usize) -> Self {
        let framer = Framer::new(max_line_len, Position::START);
        let rest = BytesMut::zeroed(block_len);
        Self {
            source,
            framer,
            block_len,
            rest,
            filled: 0,
            ended: false,
            failed: None,
        }
    }
}

impl<R: Read> ReadBlocks<R> {
    /// Reads until there is no room, or the source is at its end or fails.
    fn fill(&mut self) {
        while !self.ended && self.failed.is_none() {
            let room = self.rest.get_mut(self.filled..).unwrap_or_default();
            if room.is_empty() {
                return;
            }
            match self.source.read(room) {
                Ok(0) => self.ended = true,
                Ok(got) => self.filled += got.min(room.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.failed = Some(error),
            }
        }
    }

    /// Moves what follows the first `used` bytes to memory of its own, and gives the rest away.
    fn replace(&mut self, used: usize, spare: Option<Bytes>) -> Bytes {
        let left = self.rest.get(used..self.filled).unwrap_or_default();
        let reused = spare.and_then(|spare| spare.try_into_mut().ok());
        let mut fresh = match reused {
            Some(spare) if spare.len() >= self.block_len.max(left.len()) => spare,
            _ => BytesMut::zeroed(self.block_len.max(left.len())),
        };
        if let Some(space) = fresh.get_mut(..left.len()) {
            space.copy_from_slice(left);
        }
        self.filled = left.len();
        core::mem::replace(&mut self.rest, fresh).freeze()
    }
}

impl<R: Read> Source for ReadBlocks<R> {
    type Bytes = Bytes;

    fn next(&mut self, spare: Option<Bytes>) -> io::Result<Option<Piece<Bytes>>> {
        loop {
            self.fill();
            let input = self.rest.get(..self.filled).unwrap_or_default();
            let frame = self.framer.frame_block(input, self.ended);
            let lines = match frame {
                Frame::Line {
                    start,
                    end,
                    position,
                } => Ok((start..end, position)),
                Frame::TooLong { error, .. } => Err(error),
                Frame::NeedInput { end } => {
                    if let Some(error) = self.failed.take() {
                        return Err(error);
                    }
                    self.rest.copy_within(end..self.filled, 0);
                    self.filled -= end;
                    if self.filled == self.rest.len() {
                        self.rest.resize(self.filled * 2, 0);
                    }
                    continue;
                }
                Frame::End { .. } => return Ok(None),
            };
            let bytes = self.replace(frame.end(), spare);
            return Ok(Some(Piece { bytes, lines }));
        }
    }

    fn as_bytes(bytes: &Bytes) -> &[u8] {
        bytes
    }
}
