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

/// A direct-mapped cache.
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

    /// Where an address belongs. Instructions of one function lie closer together than a page: the
    /// low bits tell them apart.
    #[inline(always)]
    fn slot(&self, pc: u64) -> usize {
        (pc ^ pc >> 12) as usize & self.entries.len().wrapping_sub(1)
    }

    /// The instruction at `pc`, if the cache has it.
    #[inline(always)]
    pub(crate) fn get(&self, pc: u64, code: &[u8]) -> Option<&DecodedInstruction> {
        let entry = self.entries.get(self.slot(pc))?;
        entry.is(pc, code).then_some(&entry.instruction)
    }

    /// Puts an instruction in, and gives it as it is there; `None` where there is no cache.
    pub(crate) fn put(
        &mut self,
        pc: u64,
        instruction: DecodedInstruction,
    ) -> Option<&DecodedInstruction> {
        let slot = self.slot(pc);
        let entry = self.entries.get_mut(slot)?;
        *entry = Entry { pc, instruction };
        Some(&entry.instruction)
    }
}
