//! A map on a device, with what the device has told so far.

use super::inference::Inference;
use super::knowledge::{Knowledge, LastValue, Use};
use crate::device::DeviceId;
use crate::index::value::{Known, Program};
use crate::index::{Bits, CompiledMap, ResolvedDynamic, ResolvedPlace, Selection};
use crate::model::{MappingHint, SpaceId, SpaceLocation, VarsetId};
use mmiotrace_core::AccessKind;
use std::sync::Arc;

/// A map on a device.
#[derive(Debug)]
pub(super) struct BoundMap {
    pub(super) map: Arc<CompiledMap>,
    /// The device; `None`: a mapping or a physical range that belongs to none.
    pub(super) device: Option<DeviceId>,
    pub(super) selection: Selection,
    pub(super) knowledge: Vec<Knowledge>,
    /// Where mappings hint that spaces lie: space and offset in the space around it.
    hints: Vec<Option<u64>>,
    /// The commands that wait for their answer, by space.
    pub(super) pending: Vec<Option<u64>>,
    /// The spaces that accesses can reach, with their places.
    pub(super) views: Vec<View>,
    /// The map was given without saying for which device.
    pub(super) guessed: bool,
}

/// Where a space is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct View {
    /// The BAR, or the physical space, it is seen through.
    pub(super) root: Root,
    pub(super) space: SpaceId,
    /// The first byte from the start of the root.
    pub(super) base: u64,
    /// Bytes from one cell to the next.
    pub(super) spread: u64,
    /// Bytes in a cell.
    pub(super) cell: u64,
    /// How many bytes from `base` on it has.
    pub(super) len: u64,
    /// Nothing tells where it is; the map's default was taken.
    pub(super) unplaced: bool,
    pub(super) inference: Inference,
}

/// What offsets are counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    Bar(u8),
    /// Physical addresses themselves.
    Physical,
}

impl View {
    /// For how many bytes from a byte of the root on, which is not in the view, nothing else is.
    pub(super) const fn gap(&self, at: u64) -> u64 {
        match self.base.checked_sub(at) {
            Some(distance) => distance,
            // Behind it, or between its cells.
            None if self.spread == self.cell => u64::MAX,
            None => 1,
        }
    }

    /// The byte in the space for a byte of the root, or `None` where it is not in the view.
    pub(super) fn inner(&self, at: u64) -> Option<u64> {
        let distance = at
            .checked_sub(self.base)
            .filter(|distance| *distance < self.len)?;
        if self.spread == self.cell {
            return Some(distance);
        }
        let (cell, byte) = (distance.checked_div(self.spread)?, distance % self.spread);
        (byte < self.cell).then(|| cell.checked_mul(self.cell)?.checked_add(byte))?
    }
}

impl BoundMap {
    pub(super) fn new(map: Arc<CompiledMap>, device: Option<DeviceId>, guessed: bool) -> Self {
        let spaces = map.map().spaces.len();
        let selection = map.selection();
        let mut bound = Self {
            knowledge: Vec::new(),
            hints: vec![None; spaces],
            pending: vec![None; spaces],
            views: Vec::new(),
            device,
            selection,
            guessed,
            map,
        };
        bound.watch();
        bound.place();
        bound
    }

    /// Appends the text of the value of a whole register with a program. Says whether it could.
    pub(super) fn write_whole(
        &self,
        program: Program,
        number: u64,
        kind: Option<AccessKind>,
        out: &mut String,
    ) -> bool {
        // A slot has a program only where the access is as wide as the register.
        let value = Known {
            bits: number,
            mask: u64::MAX,
            direction: kind,
        };
        let (map, selection) = (&self.map, &self.selection);
        map.programs().write(map, program, value, selection, out)
    }

    /// Finds the registers that something depends on.
    fn watch(&mut self) {
        let map = Arc::clone(&self.map);
        for (number, _) in map.map().spaces.iter().enumerate() {
            let id = SpaceId(number as u32);
            match map.place(id) {
                Some(ResolvedPlace::Inside {
                    base, spread, len, ..
                }) => {
                    let from = |number: &Option<ResolvedDynamic>| {
                        number.as_ref().and_then(|number| number.from)
                    };
                    base.from
                        .iter()
                        .for_each(|bits| self.add_use(bits, Use::Base(id, *bits)));
                    from(spread)
                        .iter()
                        .for_each(|bits| self.add_use(bits, Use::Spread(id, *bits)));
                    from(len)
                        .iter()
                        .for_each(|bits| self.add_use(bits, Use::Len(id, *bits)));
                }
                Some(ResolvedPlace::Window { select }) => {
                    self.add_use(select, Use::Select(id, *select))
                }
                Some(ResolvedPlace::Command { register, .. }) => {
                    self.add_use(register, Use::Command(id))
                }
                Some(ResolvedPlace::Fixed) | None => {}
            }
        }
        for (number, bits) in map.detects().iter().enumerate() {
            if let Some(bits) = bits {
                self.add_use(bits, Use::Variant(VarsetId(number as u32), *bits));
            }
        }
    }

    fn add_use(&mut self, bits: &Bits, used: Use) {
        let same = |known: &&mut Knowledge| (known.space, known.at) == (bits.space, bits.at);
        match self.knowledge.iter_mut().find(same) {
            Some(known) => known.uses.push(used),
            None => {
                let mut known = Knowledge::new(bits);
                known.uses.push(used);
                self.knowledge.push(known);
            }
        }
    }

    /// What is known of some bits.
    pub(super) fn seen(&self, bits: &Bits) -> LastValue {
        let known = self
            .knowledge
            .iter()
            .find(|known| (known.space, known.at) == (bits.space, bits.at));
        known.map_or(LastValue::Never, |known| known.seen(bits))
    }

    /// The number as far as the device has told it.
    fn number(&self, dynamic: &ResolvedDynamic, hint: Option<u64>) -> (u64, Inference) {
        let told = dynamic
            .from
            .as_ref()
            .map_or(LastValue::Never, |bits| self.seen(bits));
        match told {
            LastValue::Now(value) | LastValue::Stale(value) => {
                // A capability does not change behind our back: one look is enough.
                if let Some(number) = dynamic.scale.apply(value) {
                    return (number, Inference::NONE);
                }
            }
            LastValue::Never => {}
        }
        match hint {
            Some(offset) => (offset, Inference::PLACE),
            None if dynamic.from.is_none() && dynamic.hint.is_none() => {
                (dynamic.default, Inference::NONE)
            }
            None => (dynamic.default, Inference::PLACE),
        }
    }

    /// Works out where every space is. Says whether anything moved.
    pub(super) fn place(&mut self) -> bool {
        let mut views = Vec::new();
        for number in 0..self.map.map().spaces.len() {
            views.extend(self.view(SpaceId(number as u32), 0));
        }
        // Where one space begins, the one before it ends; what nobody told comes last.
        views.sort_by_key(|view| (view.unplaced, core::cmp::Reverse(view.base)));
        let moved = views != self.views;
        self.views = views;
        moved
    }

    fn view(&self, id: SpaceId, depth: u32) -> Option<View> {
        let space = self.map.map().space(id)?;
        let cell = u64::from(space.cell.max(1));
        let size = space
            .size
            .map_or(u64::MAX, |size| size.saturating_mul(cell));
        let fixed = |root| View {
            root,
            space: id,
            base: 0,
            spread: cell,
            cell,
            len: size,
            unplaced: false,
            inference: Inference::NONE,
        };
        match &space.place {
            SpaceLocation::Bar(bar) => Some(fixed(Root::Bar(*bar))),
            SpaceLocation::Physical(start) => Some(View {
                base: *start,
                len: self.map.bytes_of(space),
                ..fixed(Root::Physical)
            }),
            SpaceLocation::Inside(_) => {
                let ResolvedPlace::Inside {
                    space: outer,
                    base,
                    spread,
                    len,
                } = self.map.place(id)?
                else {
                    return None;
                };
                let around = if depth > 32 {
                    None
                } else {
                    self.view(*outer, depth + 1)
                }?;
                // Inside a space whose cells are apart nothing can lie that is not cells.
                if around.spread != around.cell {
                    return None;
                }
                let hint = self.hints.get(id.0 as usize).copied().flatten();
                let (base_at, base_inference) = self.number(base, hint);
                let (spread, spread_inference) = match spread {
                    Some(spread) => self.number(spread, None),
                    None => (cell, Inference::NONE),
                };
                let len = match len {
                    Some(len) => self.number(len, None).0,
                    None => size.checked_div(cell)?.saturating_mul(spread.max(cell)),
                };
                Some(View {
                    root: around.root,
                    space: id,
                    base: around.base.checked_add(base_at)?,
                    spread: spread.max(cell),
                    cell,
                    len,
                    unplaced: around.unplaced || (!base_inference.is_none() && hint.is_none()),
                    inference: around.inference.and(base_inference).and(spread_inference),
                })
            }
            _ => None,
        }
    }

    /// Takes a mapping of `len` bytes at `offset` of a BAR as a hint. Says whether anything moved.
    pub(super) fn hint(&mut self, bar: u8, offset: u64, len: u64) -> bool {
        let map = Arc::clone(&self.map);
        let mut hinted = false;
        for number in 0..map.map().spaces.len() {
            let id = SpaceId(number as u32);
            let Some(ResolvedPlace::Inside { space, base, .. }) = map.place(id) else {
                continue;
            };
            let fits = match &base.hint {
                Some(MappingHint::Lengths(lengths)) => lengths.contains(&len),
                Some(MappingHint::MultipleOf(multiple)) => {
                    len != 0 && len.checked_rem(*multiple) == Some(0) && !len.is_multiple_of(4096)
                }
                None => false,
            };
            let Some(around) = self
                .view(*space, 0)
                .filter(|view| fits && view.root == Root::Bar(bar))
            else {
                continue;
            };
            if let Some(inside) = offset.checked_sub(around.base) {
                self.hints[number] = Some(inside);
                hinted = true;
            }
        }
        hinted && self.place()
    }

    /// Accesses may be missing from here on.
    pub(super) fn invalidate_values(&mut self) {
        self.knowledge
            .iter_mut()
            .for_each(Knowledge::invalidate_values);
        self.pending.fill(None);
    }

    /// Follows a change of what a register is known to hold. Says whether names may change.
    pub(super) fn update_dependents(&mut self, knowledge: usize) -> bool {
        let Some(known) = self.knowledge.get(knowledge) else {
            return false;
        };
        let mut changed = false;
        let mut places = false;
        for used in known.uses.clone() {
            match used {
                Use::Base(..) | Use::Spread(..) | Use::Len(..) => places = true,
                Use::Variant(varset, bits) => {
                    if let LastValue::Now(value) = self.seen(&bits) {
                        let map = Arc::clone(&self.map);
                        changed |= map.detect(&mut self.selection, varset, value);
                    }
                }
                Use::Select(..) | Use::Command(_) => {}
            }
        }
        (places && self.place()) || changed
    }
}
