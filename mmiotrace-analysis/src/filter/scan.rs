//! Many lines at once.

use super::Selector;
use super::{AddressRange, Filter};
use crate::KindSet;
use memchr::{memchr, memchr_iter, memchr2, memchr3};
use mmiotrace_format::{
    Annotation, Block, Columns, Context, Entry, Layout, Line, LineKind, ParseError, Position,
};

/// The kinds that are one line each and have columns.
const PLAIN: [LineKind; 6] = [
    LineKind::Read,
    LineKind::Write,
    LineKind::Unknown,
    LineKind::Map,
    LineKind::Unmap,
    LineKind::Mark,
];

/// With which bytes the lines begin that must be looked at.
///
/// These bytes are capital letters, and the columns of accesses hold none: looking for them finds
/// little but lines to look at, and passes over the others faster than their ends can be found.
#[derive(Clone, Copy, Debug)]
pub(super) struct FirstBytes {
    bytes: [u8; 3],
    len: usize,
}

impl FirstBytes {
    /// `None` where lines of too many kinds must be looked at.
    pub(super) fn of(kinds: Option<KindSet>) -> Option<Self> {
        let kinds = kinds?;
        if !kinds.iter().all(|kind| PLAIN.contains(&kind)) {
            return None;
        }
        let mut first_bytes = Self {
            bytes: [b'M'; 3],
            len: 0,
        };
        // Any record may be fused into the line of a marker.
        for kind in kinds.iter().chain([LineKind::Mark]) {
            let first = *kind.keyword().as_bytes().first()?;
            if !first_bytes.as_slice().contains(&first) {
                *first_bytes.bytes.get_mut(first_bytes.len)? = first;
                first_bytes.len += 1;
            }
        }
        Some(first_bytes)
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    #[inline]
    fn find(&self, bytes: &[u8]) -> Option<usize> {
        let [a, b, c] = self.bytes;
        match self.len {
            1 => memchr(a, bytes),
            2 => memchr2(a, b, bytes),
            _ => memchr3(a, b, c, bytes),
        }
    }
}

/// A filter for accesses of one kind to a range of addresses: all that it asks stands at the
/// beginning of the line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quick {
    /// `W 4 ` or `W `, and which of these bytes it is.
    head: u32,
    mask: u32,
    range: AddressRange,
}

impl Quick {
    pub(super) fn of(filter: &Filter) -> Option<Self> {
        let mut kinds = filter.kinds?.iter();
        let (kind, range) = (kinds.next()?, filter.phys?);
        let plain = matches!(kind, LineKind::Read | LineKind::Write);
        if !plain || kinds.next().is_some() || filter.has_rare_criteria() {
            return None;
        }
        let keyword = *kind.keyword().as_bytes().first()?;
        let (head, mask) = match filter.width {
            Some(width) if width.bytes() < 10 => {
                ([keyword, b' ', b'0' + width.bytes(), b' '], [0xff; 4])
            }
            Some(_) => return None,
            None => ([keyword, b' ', 0, b' '], [0xff, 0xff, 0, 0xff]),
        };
        Some(Self {
            head: u32::from_le_bytes(head),
            mask: u32::from_le_bytes(mask),
            range,
        })
    }

    /// Whether to keep the line that begins `rest`; `None` where it is not as the kernel prints it.
    #[inline(always)]
    fn judge(&self, layout: &mut Layout, rest: &[u8]) -> Option<bool> {
        let begin = u32::from_le_bytes(*rest.first_chunk()?);
        if (begin ^ self.head) & self.mask != 0 {
            // The width may be another, or spelt in another way.
            return None;
        }
        Some(self.range.contains(layout.phys(rest)?.0))
    }
}

impl Selector {
    /// Decides on the next lines of the trace, all at once: the same as [`selects`](Self::selects)
    /// for the records of each, but a filter for kinds passes quickly over the lines of other kinds.
    /// `keep` gets the lines to keep with their exact bytes, `wrong` what `selects` says of
    /// others, and of those over the limit.
    ///
    /// Of a trace that promises an end, the copy gets an annotation that says that it is one.
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
        // In a block that has room for a line over the limit each line is looked at.
        let may_be_over = block.as_bytes().len() > block.max_line_len();
        if let (Some(first_bytes), false) = (self.first_bytes, may_be_over) {
            return self.select_by_first_byte(first_bytes, block, keep, wrong);
        }
        for line in block.lines() {
            let kept = line.and_then(|line| Ok((line, self.selects_line(&line)?)));
            self.say_derived(&mut keep)?;
            match kept {
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

    /// Of two records that are fused into one line, one suffices.
    fn selects_line(&mut self, line: &Line<'_>) -> Result<bool, ParseError> {
        let mut context = core::mem::take(&mut self.context);
        let kept = self.selects_any(context.entries(*line));
        self.context = context;
        kept
    }

    fn selects_any<'a>(
        &mut self,
        mut entries: impl Iterator<Item = Entry<'a>>,
    ) -> Result<bool, ParseError> {
        entries.try_fold(false, |kept, entry| Ok(self.selects(&entry)? || kept))
    }

    /// Where a trace promises an end, the copy says that it is one: it has not all that is counted
    /// there.
    #[inline]
    fn say_derived<E>(&mut self, keep: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        if self.derived.is_none() {
            return Ok(());
        }
        let time = self.derived.take().unwrap_or_default();
        keep(&Annotation::Derived { by: b"filter" }.to_line(time))
    }

    fn select_by_first_byte<E>(
        &mut self,
        first_bytes: FirstBytes,
        block: &Block<'_>,
        mut keep: impl FnMut(&[u8]) -> Result<(), E>,
        mut wrong: impl FnMut(&ParseError),
    ) -> Result<(), E> {
        let bytes = block.as_bytes();
        let mut at = 0;
        while let Some(found) = first_bytes.find(bytes.get(at..).unwrap_or_default()) {
            let start = at + found;
            at = start + 1;
            if start
                .checked_sub(1)
                .is_some_and(|before| bytes.get(before) != Some(&b'\n'))
            {
                continue;
            }
            let line = FromStart {
                block,
                bytes,
                start,
            };
            let kept = self.judge_from_start(&line);
            self.say_derived(&mut keep)?;
            match kept {
                Ok(true) => {
                    let line = line.line();
                    keep(line)?;
                    // What follows is the first byte of a line.
                    at = start + line.len();
                }
                Ok(false) => {}
                Err(error) => wrong(&error),
            }
        }
        Ok(())
    }

    #[inline]
    fn judge_from_start(&mut self, line: &FromStart<'_>) -> Result<bool, ParseError> {
        let rest = line.rest();
        if let Some(kept) = self
            .quick
            .and_then(|quick| quick.judge(&mut self.layout, rest))
        {
            return Ok(kept);
        }
        self.judge_slowly(line)
    }

    #[inline(never)]
    fn judge_slowly(&mut self, line: &FromStart<'_>) -> Result<bool, ParseError> {
        let columns = Columns::new(line.rest());
        if columns.kind() != LineKind::Mark
            && let Some(kept) = self.filter.judge(&columns)
        {
            return Ok(kept);
        }
        let line = Line::new(line.line(), line.position());
        self.selects_any(Context::new().entries(line))
    }
}

/// A line of which only the beginning is known.
struct FromStart<'a> {
    block: &'a Block<'a>,
    bytes: &'a [u8],
    start: usize,
}

impl<'a> FromStart<'a> {
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    fn line(&self) -> &'a [u8] {
        let rest = self.rest();
        memchr(b'\n', rest)
            .and_then(|newline| rest.get(..=newline))
            .unwrap_or(rest)
    }

    /// Where it stands: asked for lines that are wrong, of which there are few.
    fn position(&self) -> Position {
        let before = self.bytes.get(..self.start).unwrap_or_default();
        let newlines = memchr_iter(b'\n', before).count();
        self.block
            .position()
            .advanced_by(newlines as u64, self.start as u64)
    }
}
