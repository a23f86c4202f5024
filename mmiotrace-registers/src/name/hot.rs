//! Which registers were accessed most.

use super::core::Core;
use super::slot::Slot;
use crate::device::DeviceId;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// How often a register was accessed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct HotRegister {
    /// The device, as [`DeviceLabel`](crate::Namer::device_label) has it; empty where none is known.
    pub device: String,
    /// The register's name; where it has none the offset, or the physical address.
    pub name: String,
    /// How many reads.
    pub reads: u64,
    /// How many writes.
    pub writes: u64,
}

/// A register of a device, by name; where it has none, by its offset (`true`) or address.
type HotKey<Name> = (Option<DeviceId>, Name, Option<(bool, u64)>);

/// So many registers keep their counts beyond the time of their slots. A trace can make them anew
/// with every line; the accesses to more are counted together.
const MAX_PAST: usize = 4096;

/// How often registers were accessed, by what they were called then, before slots were made anew.
pub(super) type PastCounts = HashMap<HotKey<String>, (u64, u64)>;

impl Core {
    /// Each slot that counts: its register, reads and writes.
    fn counts(&self) -> impl Iterator<Item = (HotKey<&str>, (u64, u64))> {
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
    pub(super) fn keep_counts(&mut self) {
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

    /// At most `count` of them, the busiest first.
    pub(super) fn hot_registers(&self, count: usize) -> Vec<HotRegister> {
        let past = self.past.iter().map(|((device, name, offset), counts)| {
            let key = (*device, name.as_str(), *offset);
            (key, *counts)
        });
        let mut by_name: HashMap<HotKey<&str>, (u64, u64)> = HashMap::new();
        for (key, (reads, writes)) in past.chain(self.counts()) {
            let counts = by_name.entry(key).or_default();
            counts.0 += reads;
            counts.1 += writes;
        }
        let mut hot: Vec<_> = by_name.into_iter().collect();
        hot.sort_by(|a, b| {
            (b.1.0 + b.1.1)
                .cmp(&(a.1.0 + a.1.1))
                .then_with(|| a.0.cmp(&b.0))
        });
        hot.truncate(count);
        let label = |device: Option<DeviceId>| {
            device
                .and_then(|id| self.devices.get(id))
                .map_or_else(String::new, |device| device.address.to_string())
        };
        hot.into_iter()
            .map(|((device, name, offset), (reads, writes))| HotRegister {
                device: label(device),
                name: match offset {
                    Some((true, offset)) => format!("+{offset:#x}"),
                    Some((false, phys)) => format!("{phys:#x}"),
                    None => name.to_owned(),
                },
                reads,
                writes,
            })
            .collect()
    }
}
