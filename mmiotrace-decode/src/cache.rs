//! The cache of decoded instructions, keyed by address and bytes.

use crate::DecodedInstruction;
use alloc::vec::Vec;

/// One entry, on a cache line of its own.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Entry {
    pc: u64,
    instruction: DecodedInstruction,
}

/// A direct-mapped cache.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    // INVARIANT: empty, or a power of two entries.
    entries: Vec<Option<Entry>>,
}

impl Cache {
    pub(crate) const fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    /// Empties the cache and gives it `len` entries, rounded up to a power of two.
    pub(crate) fn resize(&mut self, len: usize) {
        let len = if len == 0 { 0 } else { len.next_power_of_two() };
        self.entries.clear();
        self.entries.resize(len, None);
    }

    fn slot(&self, pc: u64) -> usize {
        // Instructions of one function lie closer than a page: the low bits tell them apart.
        (pc ^ pc >> 12) as usize & self.entries.len().wrapping_sub(1)
    }

    pub(crate) fn get(&self, pc: u64, code: &[u8]) -> Option<&DecodedInstruction> {
        let entry = self.entries.get(self.slot(pc))?.as_ref()?;
        (entry.pc == pc && code.starts_with(entry.instruction.bytes()))
            .then_some(&entry.instruction)
    }

    pub(crate) fn put(&mut self, pc: u64, instruction: DecodedInstruction) {
        let slot = self.slot(pc);
        if let Some(entry) = self.entries.get_mut(slot) {
            *entry = Some(Entry { pc, instruction });
        }
    }
}
