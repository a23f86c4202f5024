//! What a namer knows, and what it does with every access.

use super::binding::Given;
use super::hot::PastCounts;
use super::indirect::InnerState;
use super::inference::Inference;
use super::ranges::Ranges;
use super::slot::{Role, Slot, SlotId, SlotTable, TRANSIENT};
use super::unit::Unit;
use super::verbosity::VerbosityRules;
use crate::device::{DeviceId, Devices, PciNames};
use crate::index::CompiledMap;
use crate::model::SpaceId;
use mmiotrace_core::AccessKind;
use std::collections::HashMap;
use std::sync::Arc;

/// All of a [`Namer`](super::Namer) but the texts.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) given: Vec<Given>,
    pub(super) bundled: Vec<Arc<CompiledMap>>,
    pub(super) names: PciNames,
    pub(super) variants: Vec<(String, String)>,
    pub(super) rules: VerbosityRules,
    pub(super) devices: Devices,
    pub(super) ranges: Ranges,
    pub(super) units: Vec<Unit>,
    pub(super) unit_of_device: HashMap<DeviceId, u32>,
    pub(super) table: SlotTable,
    /// Where addresses are found out about: of the access itself, of the one it makes in a space
    /// behind, and of the same in the other direction.
    pub(super) transient: [Slot; 3],
    /// Units and spaces behind registers, by their numbers in keys.
    pub(super) inner_spaces: Vec<(u32, SpaceId)>,
    pub(super) max_slots: usize,
    /// The last access of a space behind registers.
    pub(super) inner: Option<InnerState>,
    /// Counts up when last values become doubtful; never 0.
    pub(super) doubts: u16,
    /// The slots must be made anew before the next access.
    pub(super) dirty: bool,
    pub(super) untracked: u64,
    /// Counts of slots that are no more.
    pub(super) past: PastCounts,
}

impl Core {
    pub(super) fn slot(&self, id: SlotId) -> &Slot {
        match id.0.checked_sub(TRANSIENT) {
            Some(which) => &self.transient[which as usize & 1],
            None => &self.table.slots[id.0 as usize],
        }
    }

    /// The names of the slot's parts that have one, with commas.
    pub(super) fn name(&self, id: SlotId) -> &str {
        match id.0.checked_sub(TRANSIENT) {
            Some(which) => &self.transient[which as usize & 1].place.name,
            None => self.table.name(&self.table.slots[id.0 as usize]),
        }
    }

    /// Whether the slot has a number that stays its own.
    pub(super) const fn is_kept(id: SlotId) -> bool {
        id.0 < TRANSIENT
    }

    /// Counts the access and gives the value before it, and whether something depends on it.
    pub(super) fn note(
        &mut self,
        id: SlotId,
        kind: AccessKind,
        value: Option<u64>,
    ) -> (Option<u64>, bool) {
        if !Self::is_kept(id) {
            self.untracked += 1;
            return (None, self.slot(id).role == Role::Watched);
        }
        let slot = &mut self.table.slots[id.0 as usize];
        match kind {
            AccessKind::Read => slot.reads += 1,
            AccessKind::Write => slot.writes += 1,
        }
        let previous = (slot.since == self.doubts).then_some(slot.last);
        slot.last = value.unwrap_or(0);
        slot.since = if value.is_some() { self.doubts } else { 0 };
        (previous, slot.role == Role::Watched)
    }

    /// Takes back that the access was counted: it is looked at once more.
    #[cold]
    pub(super) fn uncount(&mut self, id: SlotId, kind: AccessKind) {
        if !Self::is_kept(id) {
            self.untracked -= 1;
            return;
        }
        let slot = &mut self.table.slots[id.0 as usize];
        match kind {
            AccessKind::Read => slot.reads -= 1,
            AccessKind::Write => slot.writes -= 1,
        }
    }

    /// Accesses are missing here: what was seen last need not be what is there.
    pub(super) fn doubt(&mut self) {
        self.units.iter_mut().for_each(Unit::doubt);
        self.doubts = self.doubts.wrapping_add(1);
        if self.doubts == 0 {
            self.doubts = 1;
            self.table.slots.iter_mut().for_each(|slot| slot.since = 0);
        }
    }

    /// Names change: that happens a few times at the start of a trace, and where maps are edited.
    pub(super) fn renew(&mut self) {
        self.dirty = false;
        self.keep_counts();
        self.table.clear();
    }

    /// Shows as much of each register as the rules say now.
    pub(super) fn apply_rules(&mut self) {
        for at in 0..self.table.slots.len() {
            let verbosity = self.rules.of(self.table.name(&self.table.slots[at]));
            self.table.slots[at].verbosity = verbosity;
        }
    }

    pub(super) fn inference_of(&self, unit: u32) -> Inference {
        let guessed = self
            .units
            .get(unit as usize)
            .is_some_and(|unit| unit.guessed);
        Inference::NONE.and_if(guessed, Inference::DEVICE)
    }
}
