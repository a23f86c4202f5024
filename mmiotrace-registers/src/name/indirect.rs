//! Accesses that reach another space through registers.

use super::bound_map::BoundMap;
use super::inference::Inference;
use super::inner_access::InnerState;
use super::knowledge::{LastValue, Use};
use super::slot::{SlotId, SlotPart};
use super::slot_cache::SlotCache;
use super::state::NamerState;
use crate::index::{Bits, ResolvedPlace};
use crate::model::{Command, Indirect, SpaceId, SpaceLocation, Window, low_mask};
use mmiotrace_core::AccessKind;

/// An access of an inner space, before anything is looked up.
struct Reached {
    space: SpaceId,
    /// The byte; `None`: not known.
    at: Option<u64>,
    kind: AccessKind,
    value: u64,
    width: u8,
    inference: Inference,
}

impl BoundMap {
    /// Whether anything depends on these bytes.
    pub(super) fn depends_on(&self, space: SpaceId, at: u64, len: u8) -> bool {
        let end = at.saturating_add(len.into());
        let known = self.knowledge.iter().any(|known| {
            known.space == space
                && known.at < end
                && at < known.at.saturating_add(known.width.into())
        });
        known
            || self
                .windows()
                .any(|(_, window)| window.outer == space && overlaps(window, at, end))
    }

    fn windows(&self) -> impl Iterator<Item = (SpaceId, &Window)> {
        self.map
            .map()
            .spaces
            .iter()
            .enumerate()
            .filter_map(|(number, space)| match &space.place {
                SpaceLocation::Behind(indirect) => match &**indirect {
                    Indirect::Window(window) => Some((SpaceId(number as u32), window)),
                    Indirect::Command(_) => None,
                },
                _ => None,
            })
    }

    /// Follows what a part of an access does. Gives the access that it makes in an inner space,
    /// and whether names may have changed.
    fn follow_part(
        &mut self,
        part: &SlotPart,
        kind: AccessKind,
        value: u64,
    ) -> (Option<Reached>, bool) {
        let Some((space, at)) = part.place else {
            return (None, false);
        };
        let mut reached = self.through_window(space, at, part.len, kind, value);
        let mut changed = false;
        for number in 0..self.knowledge.len() {
            let known = &mut self.knowledge[number];
            let Some((bits, mask)) = aligned(known.at, known.width, at, part.len, value) else {
                continue;
            };
            if known.space != space {
                continue;
            }
            let command = known.uses.iter().find_map(|used| match used {
                Use::Command(inner) => Some(*inner),
                _ => None,
            });
            if known.learn(kind, bits, mask) {
                changed |= self.update_dependents(number);
            }
            if let Some(inner) = command {
                reached = self.command(inner, kind, bits, mask).or(reached);
            }
        }
        (reached, changed)
    }

    fn through_window(
        &mut self,
        space: SpaceId,
        at: u64,
        len: u8,
        kind: AccessKind,
        value: u64,
    ) -> Option<Reached> {
        let end = at.saturating_add(len.into());
        let fits =
            |(_, window): &(SpaceId, &Window)| window.outer == space && overlaps(window, at, end);
        let (inner, window) = self.windows().find(fits)?;
        let (data_at, unit, steps) = match kind {
            AccessKind::Read => (window.data_at, window.unit, window.step_on_read),
            AccessKind::Write => (window.data_at, window.unit, window.step_on_write),
        };
        let Some(ResolvedPlace::Window { select }) = self.map.place(inner) else {
            return None;
        };
        let select = *select;
        let cell = u64::from(self.map.map().space(inner)?.cell);
        let place = |select: u64| {
            let cells = select.checked_mul(unit)?;
            cells
                .checked_mul(cell)?
                .checked_add(at.checked_sub(data_at)?)
        };
        let (at, inference) = match self.seen(&select) {
            LastValue::Now(select) => (place(select), Inference::NONE),
            LastValue::Stale(select) => (place(select), Inference::STALE),
            LastValue::Never => (None, Inference::UNSEEN),
        };
        if steps != 0 {
            self.advance(&select, steps);
        }
        Some(Reached {
            space: inner,
            at,
            kind,
            value,
            width: len,
            inference,
        })
    }

    fn advance(&mut self, bits: &Bits, steps: u64) {
        let same = self
            .knowledge
            .iter_mut()
            .find(|known| (known.space, known.at) == (bits.space, bits.at));
        if let Some(known) = same {
            known.advance(bits, steps);
        }
    }

    /// What an access to a command register does.
    fn command(
        &mut self,
        inner: SpaceId,
        kind: AccessKind,
        bits: u64,
        mask: u64,
    ) -> Option<Reached> {
        let map = std::sync::Arc::clone(&self.map);
        let ResolvedPlace::Command {
            register,
            address,
            data,
            operation,
            done,
        } = map.place(inner)?
        else {
            return None;
        };
        let command = command_of(&map.map().space(inner)?.place)?;
        // A part of the register says nothing.
        if mask != low_mask(u32::from(register.width) * 8) {
            return None;
        }
        let cell = u64::from(map.map().space(inner)?.cell);
        let pending = self.pending.get_mut(inner.0 as usize)?;
        let reached = |at: u64, kind| Reached {
            space: inner,
            at: at.checked_mul(cell),
            kind,
            value: data.of(bits),
            width: u8::try_from(data.len.div_ceil(8)).unwrap_or(8),
            inference: Inference::NONE,
        };
        match kind {
            AccessKind::Write => {
                let wanted = Some(operation.of(bits));
                *pending = (wanted == command.read).then(|| address.of(bits));
                (wanted == command.write).then(|| reached(address.of(bits), AccessKind::Write))
            }
            AccessKind::Read if done.as_ref().is_none_or(|done| done.of(bits) != 0) => {
                pending.take().map(|at| reached(at, AccessKind::Read))
            }
            AccessKind::Read => None,
        }
    }
}

fn command_of(place: &SpaceLocation) -> Option<&Command> {
    match place {
        SpaceLocation::Behind(indirect) => match &**indirect {
            Indirect::Command(command) => Some(command),
            Indirect::Window(_) => None,
        },
        _ => None,
    }
}

const fn overlaps(window: &Window, at: u64, end: u64) -> bool {
    window.data_at < end
        && at < window.data_at.saturating_add(window.data_len)
        && at >= window.data_at
}

/// The bytes of an access in the place of a register: bits and mask, or `None` where they do not
/// touch.
fn aligned(register: u64, width: u8, at: u64, len: u8, value: u64) -> Option<(u64, u64)> {
    let whole = low_mask(u32::from(width) * 8);
    let mask = low_mask(u32::from(len) * 8);
    let value = value & mask;
    if at >= register {
        let shift = u32::try_from(at - register)
            .ok()
            .filter(|bytes| *bytes < u32::from(width))?
            * 8;
        return Some((value << shift & whole, mask << shift & whole));
    }
    let shift = u32::try_from(register - at)
        .ok()
        .filter(|bytes| *bytes < u32::from(len) && *bytes < 8)?
        * 8;
    Some((value >> shift & whole, mask >> shift & whole))
}

impl NamerState {
    /// Follows what an access means for other things, and gives the access that it makes in a
    /// space behind registers.
    pub(super) fn update_dependents(
        &mut self,
        id: SlotId,
        kind: AccessKind,
        value: u64,
    ) -> Option<InnerState> {
        let slot = self.cache.slot(id);
        let bound_number = slot.place.bound?;
        let parts = slot.place.parts.clone();
        let mut inner = None;
        for part in &parts {
            let bound = self.bindings.maps.get_mut(bound_number as usize)?;
            let shifted = value.checked_shr(u32::from(part.first) * 8).unwrap_or(0);
            let (reached, changed) =
                bound.follow_part(part, kind, shifted & low_mask(u32::from(part.len) * 8));
            self.bindings.changed |= changed;
            if let Some(reached) = reached {
                inner = Some(self.reach(bound_number, &reached));
            }
        }
        inner
    }

    fn reach(&mut self, bound: u32, reached: &Reached) -> InnerState {
        let slot = reached
            .at
            .map(|at| self.inner_slot(bound, reached.space, at, reached.width, reached.kind));
        let mut previous = None;
        if let Some(id) = slot.filter(|id| SlotCache::is_kept(*id)) {
            previous = self
                .cache
                .count_access(id, reached.kind, Some(reached.value))
                .0;
        }
        let (space, kind, value, width) =
            (reached.space, reached.kind, reached.value, reached.width);
        InnerState {
            space,
            at: reached.at,
            slot,
            kind,
            value,
            width,
            previous,
            inference: reached.inference,
        }
    }

    /// The same inner access after the slots were made anew.
    pub(super) fn rebuilt(&mut self, outer: SlotId, inner: &InnerState) -> InnerState {
        let bound = self.cache.slot(outer).place.bound;
        let place = bound.zip(inner.at);
        let slot = place
            .map(|(bound, at)| self.inner_slot(bound, inner.space, at, inner.width, inner.kind));
        InnerState { slot, ..*inner }
    }
}
