//! The slots of executable memory as a cache of re-encoded instructions.

use crate::native::Slots;
use crate::{DecodedInstruction, Reason, Reencoded, Reencoder, XsaveLayout};
use alloc::vec::Vec;

/// A slot's content: the original bytes it stands for, and how it is run.
#[derive(Clone, Debug)]
struct Entry {
    original: [u8; 15],
    code: Reencoded,
}

/// Re-encoded instructions by their original bytes.
#[derive(Debug)]
pub(super) struct SlotTable {
    pub(super) slots: Slots,
    reencoder: Reencoder,
    // INVARIANT: one for each slot, and at least one.
    entries: Vec<Option<Entry>>,
}

const ENDBR64: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];
const RET: u8 = 0xc3;

impl SlotTable {
    /// # Safety
    /// As for [`Native::new`](crate::Native::new).
    #[expect(unsafe_code, reason = "passes the caller's promise on")]
    pub(super) unsafe fn new(
        write: *mut u8,
        execute: *const u8,
        len: usize,
        layout: &XsaveLayout,
    ) -> Option<Self> {
        // SAFETY: The caller's promise, passed on.
        let slots = unsafe { Slots::new(write, execute, len, layout) };
        if slots.count() == 0 {
            return None;
        }
        let entries = (0..slots.count()).map(|_| None).collect();
        Some(Self {
            slots,
            reencoder: Reencoder::new(),
            entries,
        })
    }

    pub(super) const fn range(&self) -> core::ops::Range<u64> {
        self.slots.range()
    }

    /// The slot that holds this instruction re-encoded; it is filled if need be.
    pub(super) fn prepare(
        &mut self,
        instruction: &DecodedInstruction,
    ) -> Result<(usize, Reencoded), Reason> {
        let slot = self.place(&instruction.code);
        match self.entries.get(slot) {
            Some(Some(entry)) if entry.original == instruction.code => {
                return Ok((slot, entry.code));
            }
            _ => {}
        }
        let code = self.reencoder.reencode(instruction)?;
        let mut bytes = [0; 20];
        let len = code.bytes().len();
        bytes[..4].copy_from_slice(&ENDBR64);
        bytes[4..4 + len].copy_from_slice(code.bytes());
        bytes[4 + len] = RET;
        if !self.slots.fill(slot, &bytes[..5 + len]) {
            return Err(Reason::NotEncodable);
        }
        if let Some(entry) = self.entries.get_mut(slot) {
            *entry = Some(Entry {
                original: instruction.code,
                code,
            });
        }
        Ok((slot, code))
    }

    /// Where an instruction belongs, by a hash of its bytes (FNV-1a).
    fn place(&self, code: &[u8; 15]) -> usize {
        let hash = code.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        });
        (hash >> 16) as usize % self.entries.len().max(1)
    }
}
