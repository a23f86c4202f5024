//! What has been found out about one address, so that it is found out once.

use super::inference::Inference;
use super::verbosity::Verbosity;
use crate::device::DeviceId;
use crate::model::{ListId, SpaceId};

/// The place of a slot in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotId(pub(super) u32);

/// What is needed of one address, width and direction with every access: one line of the
/// processor's cache, since a trace may touch more of them than a cache holds.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
pub(super) struct Slot {
    /// What it is found by.
    pub(super) key: Key,
    /// The names of the parts that have one, with commas.
    pub(super) name: Box<str>,
    /// Everything else.
    pub(super) place: Box<SlotPlace>,
    pub(super) reads: u64,
    pub(super) writes: u64,
    /// The history that it shares with the other direction.
    pub(super) history: u32,
    /// Something depends on what this access moves.
    pub(super) watched: bool,
    pub(super) verbosity: Verbosity,
}

/// Where an address is, and whose.
#[derive(Clone, Debug, Default)]
pub(super) struct SlotPlace {
    pub(super) device: Option<DeviceId>,
    pub(super) unit: Option<u32>,
    /// The BAR and the offset in it.
    pub(super) bar: Option<u8>,
    pub(super) offset: Option<u64>,
    pub(super) parts: Box<[SlotPart]>,
    pub(super) inference: Inference,
}

/// The bytes of an access that belong to one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotPart {
    /// The first byte of the access.
    pub(super) first: u8,
    /// How many bytes.
    pub(super) len: u8,
    /// Where its name is in the slot's; empty: it has none.
    pub(super) name: (u32, u32),
    pub(super) register: Option<(ListId, u32)>,
    /// From the start of the register, in bytes.
    pub(super) within: u64,
    /// Where in which space.
    pub(super) place: Option<(SpaceId, u64)>,
}

/// What an access is looked up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub(super) struct Key {
    /// The physical address, or the byte in an inner space.
    pub(super) at: u64,
    /// Width, direction, and for an inner space its unit and number plus one.
    pub(super) rest: u64,
}

impl Key {
    pub(super) const fn direct(phys: u64, width: u8, kind: u8) -> Self {
        Self {
            at: phys,
            rest: width as u64 | (kind as u64) << 8,
        }
    }

    pub(super) const fn inner(unit: u32, space: SpaceId, at: u64, width: u8, kind: u8) -> Self {
        let place = (unit as u64) << 40 | (space.0 as u64 + 1) << 16;
        Self {
            at,
            rest: place | width as u64 | (kind as u64) << 8,
        }
    }

    const fn hash(self) -> u64 {
        // The multiplier of Fibonacci hashing (2^64 divided by the golden ratio, odd).
        let mixed = (self.at ^ self.rest.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ mixed >> 32
    }
}

/// Slots by key. Open addressing; slots are never taken out one by one.
#[derive(Clone, Debug, Default)]
pub(super) struct SlotTable {
    /// A part of the key's hash, and slot number plus one; a power of two of them. The keys
    /// themselves are in the slots: so the table stays small.
    entries: Vec<(u32, u32)>,
    pub(super) slots: Vec<Slot>,
}

impl SlotTable {
    pub(super) fn find(&self, key: Key) -> Option<SlotId> {
        let mask = self.entries.len().checked_sub(1)?;
        let hash = key.hash();
        let tag = tag(hash);
        let mut at = hash as usize & mask;
        loop {
            match *self.entries.get(at)? {
                (_, 0) => return None,
                (known, slot) if known == tag && self.slots.get(slot as usize - 1)?.key == key => {
                    return Some(SlotId(slot - 1));
                }
                _ => at = (at + 1) & mask,
            }
        }
    }

    /// Puts a slot in under a key that is not there yet.
    pub(super) fn insert(&mut self, key: Key, slot: Slot) -> SlotId {
        let slot = Slot { key, ..slot };
        if (self.slots.len() + 1) * 2 > self.entries.len() {
            self.grow();
        }
        let number = self.slots.len() as u32;
        self.slots.push(slot);
        place(&mut self.entries, key.hash(), number + 1);
        SlotId(number)
    }

    fn grow(&mut self) {
        let len = (self.entries.len() * 2).max(256);
        self.entries = vec![(0, 0); len];
        for (number, slot) in self.slots.iter().enumerate() {
            place(&mut self.entries, slot.key.hash(), number as u32 + 1);
        }
    }

    pub(super) fn clear(&mut self) {
        self.entries.fill((0, 0));
        self.slots.clear();
    }
}

/// The half of a hash that says least about the place in the table.
const fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

fn place(entries: &mut [(u32, u32)], hash: u64, slot: u32) {
    let mask = entries.len() - 1;
    let mut at = hash as usize & mask;
    while entries[at].1 != 0 {
        at = (at + 1) & mask;
    }
    entries[at] = (tag(hash), slot);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_found() {
        let mut table = SlotTable::default();
        let key = |n: u64| Key::direct(0xfebc_0000 + n * 4, 4, (n % 2) as u8);
        assert_eq!(table.find(key(0)), None);
        for n in 0..10_000 {
            let slot = Slot {
                reads: n,
                ..Slot::default()
            };
            table.insert(key(n), slot);
        }
        for n in 0..10_000 {
            let found = table.find(key(n)).unwrap();
            assert_eq!(table.slots[found.0 as usize].reads, n);
        }
        assert_eq!(table.find(key(10_000)), None);
        assert_eq!(size_of::<Slot>(), 64);
        assert_ne!(Key::inner(0, SpaceId(0), 5, 4, 0), Key::direct(5, 4, 0));
    }
}
