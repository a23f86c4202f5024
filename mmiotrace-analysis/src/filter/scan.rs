//! Many lines at once.

use super::Selector;
use crate::KindSet;
use memchr::memchr;
use mmiotrace_format::{Block, Line, LineKind, ParseError, Position};

/// The kinds whose lines are never more than one line, and which a filter usually asks for.
const PLAIN: [LineKind; 6] = [
    LineKind::Read,
    LineKind::Write,
    LineKind::Unknown,
    LineKind::Map,
    LineKind::Unmap,
    LineKind::Mark,
];

/// With which bytes the lines begin that must be looked at.
#[derive(Clone, Debug)]
pub(super) struct FirstBytes([bool; 256]);

impl FirstBytes {
    /// `None` where the kinds are not told apart by their first bytes.
    pub(super) fn of(kinds: Option<KindSet>) -> Option<Self> {
        let kinds = kinds?;
        if !kinds.iter().all(|kind| PLAIN.contains(&kind)) {
            return None;
        }
        let mut bytes = [false; 256];
        // Any record may be fused into the line of a marker.
        for kind in kinds.iter().chain([LineKind::Mark]) {
            if let Some(first) = kind.keyword().as_bytes().first() {
                bytes[usize::from(*first)] = true;
            }
        }
        Some(Self(bytes))
    }

    #[inline]
    fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }
}

impl Selector {
    /// Decides on the next lines of the trace, all at once: the same as [`selects`](Self::selects)
    /// for each of them, but a filter for kinds passes over the lines of others as fast as
    /// newlines can be found. `keep` gets the lines to keep with their exact bytes, `wrong` what
    /// `selects` says of others, and of those over the limit.
    ///
    /// Blocks come from `mmiotrace_format::Reader::next_block`.
    ///
    /// # Errors
    /// What `keep` says; the rest of the block is not looked at then.
    pub fn select_block<E>(
        &mut self,
        block: &Block<'_>,
        mut keep: impl FnMut(&[u8]) -> Result<(), E>,
        mut wrong: impl FnMut(&ParseError),
    ) -> Result<(), E> {
        if self.first_bytes.is_some() {
            return self.select_by_first_byte(block, keep, wrong);
        }
        for line in block.lines() {
            match line.and_then(|line| Ok((line, self.selects(&line)?))) {
                Ok((line, true)) => keep(line.as_bytes())?,
                Ok((_, false)) => {}
                Err(error) => wrong(&error),
            }
            if self.is_done() {
                break;
            }
        }
        Ok(())
    }

    fn select_by_first_byte<E>(
        &mut self,
        block: &Block<'_>,
        mut keep: impl FnMut(&[u8]) -> Result<(), E>,
        mut wrong: impl FnMut(&ParseError),
    ) -> Result<(), E> {
        let Some(first_bytes) = self.first_bytes.clone() else {
            return Ok(());
        };
        let mut rest = block.as_bytes();
        let mut position = block.position();
        while let Some(first) = rest.first() {
            let len = memchr(b'\n', rest).map_or(rest.len(), |newline| newline + 1);
            let (line, behind) = rest.split_at(len);
            if first_bytes.has(*first) || len > block.max_line_len() {
                self.select_one(block, line, position, &mut keep, &mut wrong)?;
            }
            position = position.advanced_by(1, len as u64);
            rest = behind;
        }
        Ok(())
    }

    #[inline]
    fn select_one<E>(
        &mut self,
        block: &Block<'_>,
        bytes: &[u8],
        position: Position,
        keep: &mut impl FnMut(&[u8]) -> Result<(), E>,
        wrong: &mut impl FnMut(&ParseError),
    ) -> Result<(), E> {
        if bytes.len() > block.max_line_len() {
            // The splitter knows what to say of it.
            let checked = Block::at(position, bytes, block.max_line_len())
                .lines()
                .next();
            if let Some(Err(error)) = checked {
                wrong(&error);
                return Ok(());
            }
        }
        match self.selects(&Line::new(bytes, position)) {
            Ok(true) => keep(bytes),
            Ok(false) => Ok(()),
            Err(error) => {
                wrong(&error);
                Ok(())
            }
        }
    }
}
