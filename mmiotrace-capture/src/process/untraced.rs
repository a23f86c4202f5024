//! Mappings of devices that are not traced: those that cannot be, and those that nobody has told of
//! when they were made.

#![expect(unsafe_code, reason = "the contract of `attach_late` is the caller's")]

use super::home::{Home, Lists};
use super::mapped_names::{Named, each_named};
use super::{Area, Error, alias, thread};
use mmiotrace_core::{BlindReason, Mapping};

/// Says that a mapping was found after it was made: what was done there before was not seen.
const SEEN_LATE: BlindReason = match BlindReason::new("seen-late") {
    Some(reason) => reason,
    None => unreachable!(),
};

/// A mapping that the trace says is not traced, or a piece that is left of one.
#[derive(Debug)]
pub(super) struct Untraced {
    mapping: Mapping,
    start: u64,
    end: u64,
    /// Told by the process that this one was forked from, where it goes on.
    inherited: bool,
}

impl Untraced {
    fn new(area: &Area<'_>, mapping: Mapping) -> Self {
        Self {
            mapping,
            start: area.start(),
            end: area.start().saturating_add(area.len()),
            inherited: false,
        }
    }

    /// In the child of a fork.
    pub(super) const fn inherit(&mut self) {
        self.inherited = true;
    }

    /// What is left without a range, before and behind it.
    fn without(self, from: u64, to: u64) -> impl Iterator<Item = Self> {
        let pieces = [
            (self.start, self.end.min(from)),
            (self.start.max(to), self.end),
        ];
        let pieces = pieces.into_iter().filter(|(start, end)| start < end);
        pieces.map(move |(start, end)| Self { start, end, ..self })
    }
}

/// A mapping, or a part of one, that is neither traced nor told of.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct Stray<'a> {
    /// The first address.
    pub start: u64,
    /// The first address behind it.
    pub end: u64,
    /// The first byte's offset in the file.
    pub offset: u64,
    /// The file.
    pub path: &'a str,
    /// Its number in its file system.
    pub inode: u64,
    /// Whether it begins where its mapping does.
    pub begins_mapping: bool,
    /// Whether it may be read or written.
    pub accessible: bool,
    /// Whether it is shared with other mappings of the file.
    pub shared: bool,
}

impl Home {
    /// Says in the trace that an area is not traced, and why.
    pub(super) fn note_untraced(&self, area: &Area<'_>, why: &Error) {
        self.note(&mut self.lock(), area, why.as_blind_reason());
    }

    /// Says that one was found too late to be traced. `false` where the lists could not be had.
    pub(super) fn note_late(&self, area: &Area<'_>) -> bool {
        let lists = self.try_lock();
        let had = lists.is_some();
        if let Some(mut lists) = lists {
            self.note(&mut lists, area, SEEN_LATE);
        }
        had
    }

    fn note(&self, lists: &mut Lists, area: &Area<'_>, reason: BlindReason) -> Mapping {
        let offset = alias::find(area).map_or(0, |found| found.offset);
        let mapping = self.mapping_of(area, offset);
        self.engine().untraced(&self.outside(), &mapping, reason);
        lists.untraced.push(Untraced::new(area, mapping));
        mapping
    }

    /// Begins to trace an area that was found after it was mapped. The trace says so; and where it cannot
    /// be traced, it stays said.
    ///
    /// # Safety
    /// The contract of [`Tracer::attach`](super::Tracer::attach), but that threads may block SIGSEGV.
    pub(super) unsafe fn attach_late(&self, area: &Area<'_>) -> Result<(), Error> {
        if self.channel().is_closed() {
            return Err(Error::NotRunning);
        }
        let mut lists = self.lock();
        let mapping = self.note(&mut lists, area, SEEN_LATE);
        // Who maps by system calls of its own may block signals by them.
        thread::look_at_masks()?;
        let found = alias::find(area)?;
        // SAFETY: the caller's promise.
        let alias = unsafe { alias::Alias::make(area, &found)? };
        let id = mapping.id;
        self.take_in_by(&mut lists, area, &found, alias, id, |space, region| {
            self.engine().attach_late(space, region)
        })?;
        // From here on it is a region.
        lists.untraced.retain(|untraced| untraced.mapping.id != id);
        Ok(())
    }

    /// Says that what was not traced in a range is no longer mapped.
    pub(super) fn forget_untraced(&self, from: u64, to: u64) {
        let mut lists = self.lock();
        let is_touched = |untraced: &Untraced| untraced.start < to && from < untraced.end;
        if lists.untraced.iter().any(is_touched) {
            let all = core::mem::take(&mut lists.untraced);
            let (touched, mut left): (Vec<_>, Vec<_>) = all.into_iter().partition(is_touched);
            for untraced in touched {
                let (mapping, inherited) = (untraced.mapping, untraced.inherited);
                left.extend(untraced.without(from, to));
                let ended = !left.iter().any(|piece| piece.mapping.id == mapping.id);
                if ended && !inherited {
                    self.engine().untraced_end(&self.outside(), &mapping);
                }
            }
            lists.untraced = left;
        }
    }

    /// Shows every part of a mapping that `is_wanted` and that is neither traced, nor told of, nor of the
    /// engine's own. Allocates nothing. `patient`: waits for who changes what is traced; else gives up.
    pub(super) fn each_stray(
        &self,
        patient: bool,
        mut is_wanted: impl FnMut(&Stray<'_>) -> bool,
        mut show: impl FnMut(&Stray<'_>),
    ) {
        let lists = if patient {
            Some(self.lock())
        } else {
            self.try_lock()
        };
        let Some(lists) = lists else { return };
        each_named(|named| {
            let whole = stray_of(named);
            if !is_wanted(&whole) {
                return;
            }
            let mut start = whole.start;
            while start < whole.end {
                match self.known_at(&lists, start) {
                    Ok(end) => start = end,
                    Err(next) => {
                        let end = next.min(whole.end);
                        let offset = whole.offset.wrapping_add(start - whole.start);
                        let begins_mapping = start == whole.start;
                        show(&Stray {
                            start,
                            end,
                            offset,
                            begins_mapping,
                            ..whole
                        });
                        start = end;
                    }
                }
            }
        });
    }

    /// The end of what is known at an address; or, as an error, the start of what is known behind it.
    fn known_at(&self, lists: &Lists, address: u64) -> Result<u64, u64> {
        let words = self.memory.words();
        let channel = words.as_ptr() as u64;
        let own = [
            (channel, channel + 8 * words.len() as u64),
            (self.slots().start, self.slots().end),
        ];
        let regions = lists.attached.iter().flat_map(|attached| {
            let region = attached.region;
            let alias = attached.alias.range();
            [(region.start.0, region.end()), (alias.start, alias.end)]
        });
        let untraced = lists.untraced.iter();
        let untraced = untraced.map(|untraced| (untraced.start, untraced.end));
        let mut next = u64::MAX;
        for (start, end) in regions.chain(untraced).chain(own) {
            if start <= address && address < end {
                return Ok(end);
            }
            if start > address && start < end {
                next = next.min(start);
            }
        }
        Err(next)
    }
}

const fn stray_of<'a>(named: &Named<'a>) -> Stray<'a> {
    let mapped = named.mapped;
    Stray {
        start: mapped.start,
        end: mapped.end,
        offset: mapped.offset,
        path: named.path,
        inode: named.inode,
        begins_mapping: true,
        accessible: mapped.readable || mapped.writable,
        shared: mapped.shared,
    }
}
