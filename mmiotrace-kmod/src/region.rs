//! Traced regions, and how a fault finds its own.
//!
//! A fault handler looks a region up while others are added and removed, and can never wait.
//! So there are two sorted lists of regions; one is looked at, the other is written, and they
//! change roles. What a reader may still be looking at is not written again before every context
//! that was inside the engine has left it (the caller's `quiesce`).

use crate::number::index;
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use alloc::boxed::Box;
use alloc::vec::Vec;
use mmiotrace_core::{MapId, PhysAddr, VirtAddr};

/// The page size of x86.
pub const PAGE: u64 = 4096;

/// A range of traced device memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// The first address, at the start of a page.
    pub start: VirtAddr,
    /// The length in bytes: whole pages, not 0.
    pub len: u64,
    /// Where the engine itself reaches the same device memory: the start of a second mapping with
    /// the same cache type and the same permissions, in whole pages.
    pub alias: u64,
    /// The physical address of the first byte.
    pub phys: PhysAddr,
    /// The mapping that its accesses belong to.
    pub map_id: MapId,
    /// What the platform wants to know of it when it arms and opens pages; nothing to the engine.
    pub tag: u64,
}

impl Region {
    /// Whether it has whole pages, at least one, and does not wrap around.
    #[must_use]
    pub const fn is_valid(&self) -> bool {
        self.len > 0
            && (self.start.0 | self.len | self.alias).is_multiple_of(PAGE)
            && self.start.0.checked_add(self.len).is_some()
            && self.alias.checked_add(self.len).is_some()
            && self.phys.0.checked_add(self.len).is_some()
    }

    /// The first address after it.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.start.0.wrapping_add(self.len)
    }

    /// Whether all `len` bytes from `address` lie in it.
    #[must_use]
    pub const fn contains(&self, address: VirtAddr, len: u64) -> bool {
        address.0 >= self.start.0 && len <= self.len && address.0 - self.start.0 <= self.len - len
    }

    /// Whether any of `len` bytes from `address` lies in it.
    #[must_use]
    pub const fn overlaps(&self, address: VirtAddr, len: u64) -> bool {
        address.0 < self.end() && address.0.saturating_add(len) > self.start.0
    }

    /// How far `address` lies after the start.
    #[must_use]
    pub const fn offset(&self, address: VirtAddr) -> u64 {
        address.0.wrapping_sub(self.start.0)
    }
}

/// The number of a region while it is traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RegionId {
    slot: u32,
    // A slot is used again with another generation.
    generation: u32,
}

/// Why a region was not added or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegionError {
    /// Not whole pages, empty, or past the end of the address space.
    #[error("a region must be whole pages, at least one")]
    Invalid,
    /// It shares a page with another region.
    #[error("a page of it is traced already")]
    Overlaps,
    /// As many regions as the engine was made for are traced.
    #[error("too many regions are traced")]
    Full,
    /// No such region is traced.
    #[error("no such region is traced")]
    NotFound,
}

/// One region's place.
#[derive(Debug)]
struct Slot {
    start: AtomicU64,
    len: AtomicU64,
    alias: AtomicU64,
    phys: AtomicU64,
    map_id: AtomicU32,
    tag: AtomicU64,
    /// Odd while in use.
    generation: AtomicU32,
}

impl Slot {
    fn new() -> Self {
        Self {
            start: AtomicU64::new(0),
            len: AtomicU64::new(0),
            alias: AtomicU64::new(0),
            phys: AtomicU64::new(0),
            map_id: AtomicU32::new(0),
            tag: AtomicU64::new(0),
            generation: AtomicU32::new(0),
        }
    }

    fn get(&self) -> Region {
        Region {
            start: VirtAddr(self.start.load(Ordering::Relaxed)),
            len: self.len.load(Ordering::Relaxed),
            alias: self.alias.load(Ordering::Relaxed),
            phys: PhysAddr(self.phys.load(Ordering::Relaxed)),
            map_id: MapId(crate::number::signed(self.map_id.load(Ordering::Relaxed))),
            tag: self.tag.load(Ordering::Relaxed),
        }
    }

    fn set(&self, region: &Region) {
        self.start.store(region.start.0, Ordering::Relaxed);
        self.len.store(region.len, Ordering::Relaxed);
        self.alias.store(region.alias, Ordering::Relaxed);
        self.phys.store(region.phys.0, Ordering::Relaxed);
        let map_id = crate::number::unsigned(region.map_id.0);
        self.map_id.store(map_id, Ordering::Relaxed);
        self.tag.store(region.tag, Ordering::Relaxed);
    }

    fn is_used(&self) -> bool {
        self.generation.load(Ordering::Relaxed) & 1 == 1
    }
}

/// The traced regions.
#[derive(Debug)]
pub(crate) struct RegionTable {
    slots: Box<[Slot]>,
    /// Slot numbers, sorted by start; two lists of which one is looked at.
    lists: [Box<[AtomicU32]>; 2],
    /// Which list is looked at (bit 0), and its length (the bits above).
    active: AtomicU64,
    /// How often what is looked at has changed, and 1.
    generation: AtomicU64,
    /// Where the search for a free slot goes on: the content of a slot whose region was removed
    /// is kept as long as possible.
    cursor: AtomicU32,
    /// The number of the owner that changes the table; 0 if none does.
    writer: AtomicU64,
}

impl RegionTable {
    pub(crate) fn new(capacity: u32) -> Self {
        let list = || (0..capacity).map(|_| AtomicU32::new(0)).collect();
        Self {
            slots: (0..capacity).map(|_| Slot::new()).collect(),
            lists: [list(), list()],
            active: AtomicU64::new(0),
            generation: AtomicU64::new(1),
            cursor: AtomicU32::new(0),
            writer: AtomicU64::new(0),
        }
    }

    /// A number, not 0, that is another whenever a lookup may give another answer. Inside the engine
    /// only.
    #[inline(always)]
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Makes it another number.
    pub(crate) fn has_changed(&self) {
        let generation = self.generation.load(Ordering::Relaxed).wrapping_add(1);
        self.generation.store(generation, Ordering::Release);
    }

    /// The slot numbers that are looked at now.
    fn list(&self) -> &[AtomicU32] {
        // Acquire: the list and its slots are seen as they were published.
        let active = self.active.load(Ordering::Acquire);
        let [even, odd] = &self.lists;
        let list = if active & 1 == 0 { even } else { odd };
        list.get(..index(active >> 1)).unwrap_or(&[])
    }

    #[inline]
    fn slot_of(&self, entry: &AtomicU32) -> Option<&Slot> {
        self.slots
            .get(index(u64::from(entry.load(Ordering::Relaxed))))
    }

    /// The region with the lowest start that ends after `address`. Inside the engine only.
    #[inline]
    fn at_or_above(&self, address: VirtAddr) -> Option<Region> {
        let list = self.list();
        let ends_before = |entry: &AtomicU32| {
            self.slot_of(entry).is_some_and(|slot| {
                let start = slot.start.load(Ordering::Relaxed);
                start.wrapping_add(slot.len.load(Ordering::Relaxed)) <= address.0
            })
        };
        let first = list.partition_point(ends_before);
        Some(self.slot_of(list.get(first)?)?.get())
    }

    /// The region that holds `address`. Inside the engine only.
    #[inline]
    pub(crate) fn lookup(&self, address: VirtAddr) -> Option<Region> {
        self.at_or_above(address)
            .filter(|region| region.contains(address, 1))
    }

    /// The first region that holds any of `len` bytes from `address`. Inside the engine only.
    pub(crate) fn overlapping(&self, address: VirtAddr, len: u64) -> Option<Region> {
        self.at_or_above(address)
            .filter(|region| region.overlaps(address, len))
    }

    /// Whether a region that held `address` was removed lately: a fault that finds no region may
    /// have been taken before, and come late.
    pub(crate) fn held_lately(&self, address: VirtAddr) -> bool {
        self.slots.iter().any(|slot| {
            // 0 was never used.
            let generation = slot.generation.load(Ordering::Acquire);
            generation != 0 && generation & 1 == 0 && slot.get().contains(address, 1)
        })
    }

    /// Takes the right to change the table; waits with `relax`.
    pub(crate) fn lock(&self, owner: u64, mut relax: impl FnMut(u64)) {
        while let Err(holder) =
            self.writer
                .compare_exchange(0, owner, Ordering::Acquire, Ordering::Relaxed)
        {
            relax(holder);
        }
    }

    /// Takes the right from the owner that has it: in the child of a fork, which has no other thread.
    pub(crate) fn seize(&self) {
        self.writer.store(0, Ordering::Release);
    }

    /// Gives the right back if `owner` has it (or held it when it died).
    pub(crate) fn unlock(&self, owner: u64) {
        let _ = self
            .writer
            .compare_exchange(owner, 0, Ordering::Release, Ordering::Relaxed);
    }

    /// Adds a region. Under the lock; afterwards the caller quiesces before it unlocks.
    pub(crate) fn insert(&self, region: &Region) -> Result<RegionId, RegionError> {
        if !region.is_valid() {
            return Err(RegionError::Invalid);
        }
        if self.overlapping(region.start, region.len).is_some() {
            return Err(RegionError::Overlaps);
        }
        let (number, slot) = self.free_slot().ok_or(RegionError::Full)?;
        slot.set(region);
        let generation = slot.generation.load(Ordering::Relaxed).wrapping_add(1);
        slot.generation.store(generation, Ordering::Relaxed);
        self.publish();
        Ok(RegionId {
            slot: number,
            generation,
        })
    }

    fn free_slot(&self) -> Option<(u32, &Slot)> {
        let count = u32::try_from(self.slots.len()).ok()?;
        let start = self.cursor.load(Ordering::Relaxed);
        let number = (0..count)
            .map(|step| start.wrapping_add(step) % count)
            .find(|number| {
                let slot = self.slots.get(index(u64::from(*number)));
                slot.is_some_and(|slot| !slot.is_used())
            })?;
        self.cursor.store((number + 1) % count, Ordering::Relaxed);
        Some((number, self.slots.get(index(u64::from(number)))?))
    }

    /// The region of this number. Under the lock.
    pub(crate) fn get(&self, id: RegionId) -> Option<Region> {
        let slot = self.slots.get(index(u64::from(id.slot)))?;
        (slot.generation.load(Ordering::Relaxed) == id.generation).then(|| slot.get())
    }

    /// Takes a region out. Under the lock; afterwards the caller quiesces before it unlocks, and
    /// before the alias goes.
    pub(crate) fn remove(&self, id: RegionId) -> Result<Region, RegionError> {
        let region = self.get(id).ok_or(RegionError::NotFound)?;
        if let Some(slot) = self.slots.get(index(u64::from(id.slot))) {
            slot.generation
                .store(id.generation.wrapping_add(1), Ordering::Relaxed);
        }
        self.publish();
        Ok(region)
    }

    /// Changes the number of the mapping that a region's accesses belong to. Under the lock.
    pub(crate) fn set_map_id(&self, id: RegionId, map_id: MapId) {
        if self.get(id).is_some()
            && let Some(slot) = self.slots.get(index(u64::from(id.slot)))
        {
            slot.map_id
                .store(crate::number::unsigned(map_id.0), Ordering::Relaxed);
            self.has_changed();
        }
    }

    /// Every region with its number. Under the lock.
    pub(crate) fn each(&self, mut show: impl FnMut(RegionId, Region)) {
        for (number, slot) in self.slots.iter().enumerate() {
            let generation = slot.generation.load(Ordering::Relaxed);
            if let (true, Ok(number)) = (generation & 1 == 1, u32::try_from(number)) {
                show(
                    RegionId {
                        slot: number,
                        generation,
                    },
                    slot.get(),
                );
            }
        }
    }

    /// Writes the list that is not in use, and puts it into use.
    fn publish(&self) {
        let mut used: Vec<(u64, u32)> = Vec::with_capacity(self.slots.len());
        for (number, slot) in self.slots.iter().enumerate() {
            if let (true, Ok(number)) = (slot.is_used(), u32::try_from(number)) {
                used.push((slot.start.load(Ordering::Relaxed), number));
            }
        }
        used.sort_unstable();
        let next = (self.active.load(Ordering::Relaxed) & 1) ^ 1;
        let [even, odd] = &self.lists;
        let list = if next == 0 { even } else { odd };
        for (entry, (_, number)) in list.iter().zip(&used) {
            entry.store(*number, Ordering::Relaxed);
        }
        let len = crate::number::word(used.len());
        self.active.store(len << 1 | next, Ordering::Release);
        self.has_changed();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn region(start: u64, pages: u64) -> Region {
        Region {
            start: VirtAddr(start),
            len: pages * PAGE,
            alias: start + 0x10_0000,
            phys: PhysAddr(start),
            map_id: MapId(1),
            tag: 0,
        }
    }

    #[test]
    fn edges_and_neighbours() {
        let table = RegionTable::new(4);
        let b = table.insert(&region(0x4000, 2)).unwrap();
        table.insert(&region(0x1000, 1)).unwrap();
        table.insert(&region(0x6000, 1)).unwrap();
        let start = |address| table.lookup(VirtAddr(address)).map(|region| region.start.0);
        assert_eq!(start(0xfff), None);
        assert_eq!(start(0x1000), Some(0x1000));
        assert_eq!(start(0x1fff), Some(0x1000));
        assert_eq!(start(0x2000), None);
        assert_eq!(start(0x5fff), Some(0x4000));
        assert_eq!(start(0x6000), Some(0x6000));
        assert_eq!(start(0x7000), None);
        assert!(table.overlapping(VirtAddr(0x3ff9), 8).is_some());
        assert!(table.overlapping(VirtAddr(0x3ff8), 8).is_none());
        assert_eq!(table.insert(&region(0x3000, 2)), Err(RegionError::Overlaps));
        assert_eq!(table.remove(b).unwrap(), region(0x4000, 2));
        assert_eq!(table.remove(b), Err(RegionError::NotFound));
        assert_eq!(start(0x4000), None);
        table.insert(&region(0x3000, 2)).unwrap();
        table.insert(&region(0x8000, 1)).unwrap();
        assert_eq!(table.insert(&region(0x9000, 1)), Err(RegionError::Full));
        assert_eq!(start(0x4fff), Some(0x3000));
    }

    #[test]
    fn only_whole_pages() {
        let table = RegionTable::new(1);
        for (start, len) in [(0x1001, PAGE), (0x1000, PAGE + 1), (0x1000, 0)] {
            let region = Region {
                start: VirtAddr(start),
                len,
                ..region(0x1000, 1)
            };
            assert_eq!(table.insert(&region), Err(RegionError::Invalid));
        }
        let wraps = Region {
            start: VirtAddr(u64::MAX - PAGE + 1),
            ..region(0x1000, 2)
        };
        assert!(!wraps.is_valid());
    }
}
