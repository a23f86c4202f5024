//! What has been found out about one address, so that it is found out once.

use super::inference::Inference;
use super::verbosity::Verbosity;
use crate::device::DeviceId;
use crate::index::value::Program;
use crate::model::{ListId, SpaceId};

/// The place of a slot in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotId(pub(super) u32);

/// The first slot number that is no place in the table.
pub(super) const TRANSIENT: u32 = u32::MAX - 1;

/// How many bytes the names of all slots may have.
const MAX_NAMES: usize = 8 << 20;

impl SlotId {
    /// One that is good until the next address is looked at: of an access, or of the one that it
    /// makes in a space behind.
    pub(super) const fn transient(inner: bool) -> Self {
        Self(TRANSIENT + inner as u32)
    }
}

/// What is needed of one address and width with every access: one line of the processor's cache,
/// since a trace may touch more of them than a cache holds.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
pub(super) struct Slot {
    /// What it is found by.
    pub(super) key: Key,
    /// Where its name is among the table's.
    pub(super) name_at: u32,
    pub(super) name_len: u16,
    /// Whose map it is in; `u16::MAX`: no map's, or the place tells.
    pub(super) bound: u16,
    /// How its value is shown, where the access is one whole register.
    pub(super) program: Program,
    /// What is not needed with every access.
    pub(super) place: Box<SlotPlace>,
    pub(super) reads: u64,
    pub(super) writes: u64,
    /// The last value, read or written.
    pub(super) last: u64,
    /// Since when that is what it holds (the epoch of the cache); 0: it is not known.
    pub(super) since: u16,
    pub(super) role: Role,
    pub(super) verbosity: Verbosity,
}

/// What a slot is there for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Role {
    /// To be named.
    #[default]
    Plain,
    /// Something depends on what these accesses move.
    Watched,
    /// The two directions have slots of their own; this one only says so.
    Split,
}

impl Slot {
    /// Makes it one of which nothing is known, and keeps the memory that it has.
    pub(super) fn reset(&mut self) {
        let place = &mut *self.place;
        place.name.clear();
        place.parts.clear();
        *place = SlotPlace {
            name: core::mem::take(&mut place.name),
            parts: core::mem::take(&mut place.parts),
            ..SlotPlace::default()
        };
        self.bound = u16::MAX;
        self.program = Program::General;
        self.role = Role::Plain;
    }
}

/// Where an address is, and whose.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct SlotPlace {
    pub(super) device: Option<DeviceId>,
    pub(super) bound: Option<u32>,
    /// The BAR and the offset in it.
    pub(super) bar: Option<u8>,
    pub(super) offset: Option<u64>,
    /// The names of the parts that have one, with commas; of a slot in the table empty, since the
    /// table holds it.
    pub(super) name: String,
    pub(super) parts: Vec<SlotPart>,
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
// Packed: with four bytes of padding a slot would not fit its line.
#[repr(C, packed(4))]
pub(super) struct Key {
    /// The physical address, or the byte in an inner space.
    pub(super) at: u64,
    /// Width, direction, and for an inner space its number.
    rest: u32,
}

/// Which accesses a slot is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// Reads and writes.
    Both = 0,
    Read = 1,
    Write = 2,
    /// Those that could not be decoded.
    Unknown = 3,
}

impl Key {
    /// A physical address.
    pub(super) const fn direct(phys: u64, width: u8) -> Self {
        Self {
            at: phys,
            rest: width as u32,
        }
    }

    /// A byte of the inner space with this number, from 1.
    pub(super) const fn inner(space: u32, at: u64, width: u8) -> Self {
        Self {
            at,
            rest: width as u32 | space << 10,
        }
    }

    /// The same for accesses of one direction.
    pub(super) const fn with(self, direction: Direction) -> Self {
        Self {
            at: self.at,
            rest: self.rest & !0x300 | (direction as u32) << 8,
        }
    }

    const fn hash(self) -> u64 {
        // The multiplier of Fibonacci hashing (2^64 divided by the golden ratio, odd).
        let mixed = (self.at ^ (self.rest as u64) << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
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
    /// All names, one after the other.
    names: String,
}

impl SlotTable {
    #[inline]
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

    /// The name of a slot in the table.
    pub(super) fn name(&self, slot: &Slot) -> &str {
        let at = slot.name_at as usize;
        let name = self.names.get(at..at + usize::from(slot.name_len));
        name.unwrap_or_default()
    }

    /// Puts a slot in under a key that is not there yet; `None`: its name is too much.
    pub(super) fn insert(&mut self, key: Key, slot: &Slot) -> Option<SlotId> {
        let name = &slot.place.name;
        if self.names.len() + name.len() > MAX_NAMES {
            return None;
        }
        let slot = Slot {
            key,
            name_at: self.names.len() as u32,
            name_len: u16::try_from(name.len()).ok()?,
            place: Box::new(SlotPlace {
                name: String::new(),
                parts: slot.place.parts.clone(),
                ..*slot.place
            }),
            ..*slot
        };
        self.names.push_str(name);
        if (self.slots.len() + 1) * 2 > self.entries.len() {
            self.grow();
        }
        let number = self.slots.len() as u32;
        self.slots.push(slot);
        place(&mut self.entries, key.hash(), number + 1);
        Some(SlotId(number))
    }

    fn grow(&mut self) {
        let len = (self.entries.len() * 2).max(256);
        self.entries = vec![(0, 0); len];
        for (number, slot) in self.slots.iter().enumerate() {
            place(&mut self.entries, slot.key.hash(), number as u32 + 1);
        }
    }

    pub(super) fn clear(&mut self) {
        // Drivers can make this happen often, mostly at the start, when there is little yet.
        if !self.slots.is_empty() {
            self.entries.clear();
            self.slots.clear();
            self.names.clear();
        }
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
        let key = |n: u64| Key::direct(0xfebc_0000 + n * 4, 4).with(Direction::Read);
        assert_eq!(table.find(key(0)), None);
        for n in 0..10_000 {
            let mut slot = Slot {
                reads: n,
                ..Slot::default()
            };
            slot.place.name = format!("NAME{n}");
            assert!(table.insert(key(n), &slot).is_some());
        }
        for n in 0..10_000 {
            let found = table.find(key(n)).unwrap();
            let slot = &table.slots[found.0 as usize];
            assert_eq!((slot.reads, table.name(slot)), (n, &*format!("NAME{n}")));
        }
        assert_eq!(table.find(key(10_000)), None);
        assert_eq!(size_of::<Slot>(), 64);
        let (direct, inner) = (Key::direct(5, 4), Key::inner(1, 5, 4));
        assert_ne!(direct, inner);
        assert_ne!(direct, direct.with(Direction::Unknown));
        assert_eq!(direct.with(Direction::Read).with(Direction::Both), direct);
    }

    #[test]
    fn names_take_bounded_memory() {
        let mut table = SlotTable::default();
        let mut slot = Slot::default();
        slot.place.name = "N".repeat(60_000);
        let kept = (0..1000)
            .filter(|n| table.insert(Key::direct(*n, 4), &slot).is_some())
            .count();
        assert_eq!(kept, MAX_NAMES / 60_000);
        slot.place.name = "N".repeat(70_000);
        let mut table = SlotTable::default();
        assert_eq!(table.insert(Key::direct(0, 4), &slot), None);
    }
}
