//! What was found out about addresses, kept so that it is found out once.

use super::hot::HotKey;
use super::slot::{Role, Slot, SlotId, SlotTable, TRANSIENT};
use super::verbosity::VerbosityRules;
use mmiotrace_core::AccessKind;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// So many registers keep their counts beyond the time of their slots. A trace can make them anew
/// with every line; the accesses to more are counted together.
const MAX_PAST: usize = 4096;

/// How often registers were accessed, by what they were called then, before slots were rebuilt.
pub(super) type PastCounts = HashMap<HotKey<String>, (u64, u64)>;

/// The slots of all addresses met so far, as long as there is room, and a few for the others.
#[derive(Debug)]
pub(super) struct SlotCache {
    pub(super) table: SlotTable,
    /// Where addresses are resolved: of the access itself, of the one it makes in a space
    /// reached through registers, and of the same in the other direction.
    pub(super) transient: [Slot; 3],
    pub(super) max_slots: usize,
    /// Counts up when last values become doubtful; never 0.
    epoch: u16,
    /// Accesses that no slot counted.
    pub(super) untracked: u64,
    /// Counts of slots that are no more.
    pub(super) past: PastCounts,
}

impl SlotCache {
    pub(super) fn new(max_slots: usize) -> Self {
        Self {
            table: SlotTable::default(),
            transient: [Slot::default(), Slot::default(), Slot::default()],
            max_slots: max_slots.min(TRANSIENT as usize),
            epoch: 1,
            untracked: 0,
            past: PastCounts::new(),
        }
    }

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

    /// Counts the access. Returns the value before it, and whether something depends on it.
    pub(super) fn count_access(
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
        let previous = (slot.since == self.epoch).then_some(slot.last);
        slot.last = value.unwrap_or(0);
        slot.since = if value.is_some() { self.epoch } else { 0 };
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
    pub(super) fn invalidate_values(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            self.epoch = 1;
            self.table.slots.iter_mut().for_each(|slot| slot.since = 0);
        }
    }

    /// Forgets all slots; their counts stay.
    pub(super) fn clear(&mut self) {
        self.keep_counts();
        self.table.clear();
    }

    /// Shows as much of each register as the rules say now.
    pub(super) fn apply_rules(&mut self, rules: &VerbosityRules) {
        for at in 0..self.table.slots.len() {
            let verbosity = rules.of(self.table.name(&self.table.slots[at]));
            self.table.slots[at].verbosity = verbosity;
        }
    }

    /// Each slot that counts: its register, reads and writes.
    pub(super) fn counts(&self) -> impl Iterator<Item = (HotKey<&str>, (u64, u64))> {
        let counting = |slot: &&Slot| slot.reads + slot.writes > 0;
        self.table.slots.iter().filter(counting).map(|slot| {
            let name = self.table.name(slot);
            let offset = name.is_empty().then_some(match slot.place.offset {
                Some(offset) => (true, offset),
                None => (false, slot.key.at),
            });
            let key = (slot.place.device, name, offset);
            (key, (slot.reads, slot.writes))
        })
    }

    /// Keeps the counts of all slots beyond their time.
    fn keep_counts(&mut self) {
        let (mut past, mut untracked) = (core::mem::take(&mut self.past), 0);
        for ((device, name, offset), (reads, writes)) in self.counts() {
            let key = (device, name.to_owned(), offset);
            let has_room = past.len() < self.max_slots.min(MAX_PAST);
            match past.entry(key) {
                Entry::Vacant(_) if !has_room => untracked += reads + writes,
                entry => {
                    let counts = entry.or_default();
                    counts.0 += reads;
                    counts.1 += writes;
                }
            }
        }
        self.past = past;
        self.untracked += untracked;
    }
}
