//! Registers whose value other things depend on.

use crate::index::Bits;
use crate::model::{SpaceId, VarsetId};
use mmiotrace_core::AccessKind;

/// What is known of one register of a device.
#[derive(Clone, Debug)]
pub(super) struct Knowledge {
    pub(super) space: SpaceId,
    /// The first byte.
    pub(super) at: u64,
    /// How many bytes, at most 8.
    pub(super) width: u8,
    /// Whether what is written is what it holds.
    writable: bool,
    value: u64,
    /// Which bits were seen.
    mask: u64,
    /// Accesses may be missing since it was seen.
    stale: bool,
    /// What depends on it.
    pub(super) uses: Vec<Use>,
}

/// What a register's value means to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Where a space lies.
    Base(SpaceId, Bits),
    /// How far apart the cells of a space are.
    Spread(SpaceId, Bits),
    /// How many bytes a space has.
    Len(SpaceId, Bits),
    /// Which variant of a family the device is.
    Variant(VarsetId, Bits),
    /// Which part of a space a window shows.
    Select(SpaceId, Bits),
    /// The register is the command register of a space.
    Command(SpaceId),
}

/// What is known of some bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LastValue {
    /// They were never seen whole.
    Never,
    /// They were seen.
    Now(u64),
    /// They were seen, but accesses may be missing since.
    Stale(u64),
}

impl Knowledge {
    pub(super) const fn new(bits: &Bits) -> Self {
        Self {
            space: bits.space,
            at: bits.at,
            width: bits.width,
            writable: bits.writable,
            value: 0,
            mask: 0,
            stale: false,
            uses: Vec::new(),
        }
    }

    /// Takes what an access moved: `bits` under `mask`, in the register's place. Says whether
    /// that told anything new.
    pub(super) fn learn(&mut self, kind: AccessKind, bits: u64, mask: u64) -> bool {
        if kind == AccessKind::Write && !self.writable {
            return false;
        }
        let before = (self.value & mask, self.mask & mask, self.stale);
        self.value = self.value & !mask | bits & mask;
        self.mask |= mask;
        // What was seen before and is not seen now stays in doubt.
        if self.stale {
            self.mask = mask;
            self.stale = false;
        }
        before != (self.value & mask, mask, false)
    }

    pub(super) const fn seen(&self, bits: &Bits) -> LastValue {
        let wanted = if bits.low < 64 {
            crate::model::low_mask(bits.len) << bits.low
        } else {
            0
        };
        if self.mask & wanted != wanted {
            return LastValue::Never;
        }
        let value = bits.of(self.value);
        if self.stale {
            LastValue::Stale(value)
        } else {
            LastValue::Now(value)
        }
    }

    /// Accesses may be missing from here on.
    pub(super) const fn invalidate_values(&mut self) {
        self.stale = self.mask != 0;
    }

    /// The register moved on by itself (auto-increment).
    pub(super) const fn advance(&mut self, bits: &Bits, steps: u64) {
        let mask = crate::model::low_mask(bits.len);
        let next = bits.of(self.value).wrapping_add(steps) & mask;
        if bits.low < 64 {
            self.value = self.value & !(mask << bits.low) | next << bits.low;
        }
    }
}
