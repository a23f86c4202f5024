//! The cache of decoded instructions, keyed by address and bytes.

use crate::DecodedInstruction;
use crate::table::{MASKS, words};
use alloc::vec::Vec;

/// One entry, on a cache line of its own.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Entry {
    pc: u64,
    instruction: DecodedInstruction,
}

impl Entry {
    /// Holds nothing: no instruction has no bytes.
    const EMPTY: Self = Self {
        pc: 0,
        instruction: DecodedInstruction::bare([0; 15], 0),
    };

    const fn is_free(&self) -> bool {
        self.instruction.len == 0
    }

    const fn holds(&self, pc: u64) -> bool {
        self.pc == pc && !self.is_free()
    }

    /// Whether this is the instruction at `pc`, where the bytes are `code`. An instruction can be
    /// patched, unloaded, compiled anew: the address alone does not tell.
    #[inline(always)]
    fn is(&self, pc: u64, code: &[u8]) -> bool {
        if self.pc != pc || self.instruction.len == 0 {
            return false;
        }
        match code.first_chunk() {
            Some(code) => {
                let (low, high) = words(code);
                let (own_low, own_high) = words(&self.instruction.code);
                let (low_mask, high_mask) = MASKS[usize::from(self.instruction.len & 15)];
                (low ^ own_low) & low_mask | (high ^ own_high) & high_mask == 0
            }
            None => code.starts_with(self.instruction.bytes()),
        }
    }
}

/// A cache in which every instruction has two places. With one place each, a fifth of the sites of a
/// driver that fills a quarter of the cache would share theirs with another, and both be decoded again
/// and again.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    // INVARIANT: empty, or a power of two entries.
    entries: Vec<Entry>,
}

impl Cache {
    pub(crate) const fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    /// Empties the cache and gives it `len` entries, rounded up to a power of two.
    pub(crate) fn resize(&mut self, len: usize) {
        let len = if len == 0 {
            0
        } else {
            len.checked_next_power_of_two().unwrap_or(len)
        };
        self.entries.clear();
        self.entries.resize(len, Entry::EMPTY);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The first place of an address. Instructions of one function lie closer together than a page:
    /// the low bits tell them apart.
    #[inline(always)]
    fn first(&self, pc: u64) -> usize {
        (pc ^ pc >> 12) as usize & self.entries.len().wrapping_sub(1)
    }

    /// The second place, which has nothing to do with the first.
    #[inline(always)]
    fn second(&self, pc: u64) -> usize {
        (pc.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & self.entries.len().wrapping_sub(1)
    }

    /// Where the instruction at `pc` is, if the cache has it.
    #[inline(always)]
    pub(crate) fn find(&self, pc: u64, code: &[u8]) -> Option<usize> {
        let first = self.first(pc);
        if self.entries.get(first)?.is(pc, code) {
            return Some(first);
        }
        let second = self.second(pc);
        self.entries.get(second)?.is(pc, code).then_some(second)
    }

    /// What is at a place.
    #[inline(always)]
    pub(crate) fn at(&self, place: usize) -> Option<&DecodedInstruction> {
        self.entries.get(place).map(|entry| &entry.instruction)
    }

    /// Puts an instruction in, and gives it as it is there; `None` where there is no cache.
    pub(crate) fn put(
        &mut self,
        pc: u64,
        instruction: DecodedInstruction,
    ) -> Option<&DecodedInstruction> {
        let place = self.room(pc)?;
        let entry = self.entries.get_mut(place)?;
        *entry = Entry { pc, instruction };
        Some(&entry.instruction)
    }

    /// A place for the instruction at `pc`: where other bytes of it are, or that is free, or whose
    /// instruction can go to its other place, or else the first.
    fn room(&mut self, pc: u64) -> Option<usize> {
        let (first, second) = (self.first(pc), self.second(pc));
        let (one, two) = (self.entries.get(first)?, self.entries.get(second)?);
        if one.holds(pc) {
            return Some(first);
        }
        if two.holds(pc) {
            return Some(second);
        }
        if one.is_free() {
            return Some(first);
        }
        if two.is_free() {
            return Some(second);
        }
        let (its_first, its_second) = (self.first(one.pc), self.second(one.pc));
        let other = if its_first == first {
            its_second
        } else {
            its_first
        };
        if self.entries.get(other)?.is_free() {
            let moved = one.clone();
            *self.entries.get_mut(other)? = moved;
        }
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many sites as a busy driver has, at addresses that are nothing special.
    #[test]
    fn a_quarter_full_cache_loses_next_to_nothing() {
        let mut cache = Cache::new();
        cache.resize(1024);
        let nop = DecodedInstruction::bare([0x90; 15], 15);
        let pcs = (0..256u64).map(|n| 0xffff_ffff_c000_0000 + n * 23 + n * n % 7);
        let pcs: alloc::vec::Vec<u64> = pcs.collect();
        for pc in &pcs {
            cache.put(*pc, nop);
        }
        let found = pcs
            .iter()
            .filter(|pc| cache.find(**pc, &[0x90; 15]).is_some());
        assert!(found.count() >= 254);
        // Other bytes at the same address replace what is there.
        let other = DecodedInstruction::bare([0x91; 15], 15);
        for pc in &pcs {
            cache.put(*pc, other);
            assert_eq!(cache.find(*pc, &[0x90; 15]), None);
            let place = cache
                .find(*pc, &[0x91; 15])
                .and_then(|place| cache.at(place));
            assert_eq!(place, Some(&other));
        }
    }
}
