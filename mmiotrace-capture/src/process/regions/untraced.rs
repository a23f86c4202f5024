//! Mappings of devices that are not traced: those that cannot be, and those that were made without
//! our seeing it.

#![expect(unsafe_code, reason = "the contract of `attach_late` is the caller's")]

use super::{Lists, Regions, mapping_of};
use crate::process::handler_state::HandlerState;
use crate::process::mapped_names::{Named, each_named};
use crate::process::space::UserSpace;
use crate::process::{Area, Error, alias, thread};
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
    /// Recorded by the process that this one was forked from, where it goes on.
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

    /// What is left without a range, before and after it.
    fn without(self, from: u64, to: u64) -> impl Iterator<Item = Self> {
        let pieces = [
            (self.start, self.end.min(from)),
            (self.start.max(to), self.end),
        ];
        let pieces = pieces.into_iter().filter(|(start, end)| start < end);
        pieces.map(move |(start, end)| Self { start, end, ..self })
    }
}

/// A mapping, or a part of one, that is neither traced nor known not to be.
#[derive(Clone, Copy, Debug)]
pub(in crate::process) struct UntracedMapping<'a> {
    /// The first address.
    pub start: u64,
    /// The first address after it.
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

impl Regions {
    /// Says in the trace that an area is not traced, and why.
    pub(in crate::process) fn note_untraced(
        &self,
        handler: &HandlerState,
        area: &Area<'_>,
        why: &Error,
    ) {
        self.note(handler, &mut self.lock(), area, why.as_blind_reason());
    }

    /// Says that one was found too late to be traced. `false` if the lists were not free.
    pub(in crate::process) fn note_late(&self, handler: &HandlerState, area: &Area<'_>) -> bool {
        let lists = self.try_lock();
        let had = lists.is_some();
        if let Some(mut lists) = lists {
            self.note(handler, &mut lists, area, SEEN_LATE);
        }
        had
    }

    fn note(
        &self,
        handler: &HandlerState,
        lists: &mut Lists,
        area: &Area<'_>,
        reason: BlindReason,
    ) -> Mapping {
        let offset = alias::find(area).map_or(0, |found| found.offset);
        let mapping = mapping_of(handler, area, offset);
        handler
            .engine()
            .untraced(&UserSpace::outside(handler), &mapping, reason);
        lists.untraced.push(Untraced::new(area, mapping));
        self.name_file(handler, mapping.id, area.start());
        mapping
    }

    /// Begins to trace an area that was found after it was mapped. The trace says so; if it cannot be
    /// traced, the blind interval goes on.
    ///
    /// # Safety
    /// The contract of [`Tracer::attach`](super::Tracer::attach), but that threads may block SIGSEGV.
    pub(in crate::process) unsafe fn attach_late(
        &self,
        handler: &HandlerState,
        area: &Area<'_>,
    ) -> Result<(), Error> {
        if handler.channel().is_closed() {
            return Err(Error::NotRunning);
        }
        let mut lists = self.lock();
        let mapping = self.note(handler, &mut lists, area, SEEN_LATE);
        // A program that maps by system calls of its own may also block signals that way.
        thread::read_masks()?;
        let found = alias::find(area)?;
        // SAFETY: the caller's promise.
        let alias = unsafe { alias::Alias::make(area, &found)? };
        let id = mapping.id;
        let region = super::region_of(area, &found, &alias, id);
        self.register_with(handler, &mut lists, region, alias, |space, region| {
            handler.engine().attach_late(space, region)
        })?;
        // From here on it is a region.
        lists.untraced.retain(|untraced| untraced.mapping.id != id);
        Ok(())
    }

    /// Says that what was not traced in a range is no longer mapped.
    pub(in crate::process) fn forget_untraced(&self, handler: &HandlerState, from: u64, to: u64) {
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
                    handler
                        .engine()
                        .untraced_end(&UserSpace::outside(handler), &mapping);
                }
            }
            lists.untraced = left;
        }
    }

    /// Shows every part of a mapping that `is_wanted` and that is neither traced, nor known not to be, nor
    /// the engine's own. Allocates nothing. `patient`: waits for a thread that changes what is traced;
    /// else gives up.
    pub(in crate::process) fn each_untraced_mapping(
        &self,
        handler: &HandlerState,
        patient: bool,
        mut is_wanted: impl FnMut(&UntracedMapping<'_>) -> bool,
        mut show: impl FnMut(&UntracedMapping<'_>),
    ) {
        let lists = if patient {
            Some(self.lock())
        } else {
            self.try_lock()
        };
        let Some(lists) = lists else { return };
        each_named(|named| {
            let whole = mapping_in(named);
            if !is_wanted(&whole) {
                return;
            }
            let mut start = whole.start;
            while start < whole.end {
                match known_at(handler, &lists, start) {
                    Ok(end) => start = end,
                    Err(next) => {
                        let end = next.min(whole.end);
                        let offset = whole.offset.wrapping_add(start - whole.start);
                        let begins_mapping = start == whole.start;
                        show(&UntracedMapping {
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
}

const fn mapping_in<'a>(named: &Named<'a>) -> UntracedMapping<'a> {
    let mapped = named.mapped;
    UntracedMapping {
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

/// The end of what is known at an address; or, as an error, the start of what is known after it.
fn known_at(handler: &HandlerState, lists: &Lists, address: u64) -> Result<u64, u64> {
    let words = handler.memory().words();
    let channel = words.as_ptr() as u64;
    let own = [
        (channel, channel + 8 * words.len() as u64),
        (handler.slots().start, handler.slots().end),
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
