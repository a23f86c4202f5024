//! The memory operand of an instruction.

use crate::{Gpr, Registers};

/// A segment whose base counts in 64-bit mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// `fs:`
    Fs,
    /// `gs:`
    Gs,
}

/// What an address begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// A general-purpose register.
    Gpr(Gpr),
    /// The address of the next instruction.
    Rip,
}

/// Number for "no register" in the compact form.
pub(crate) const NONE: u8 = 0xff;
/// Number for the instruction pointer in the compact form.
pub(crate) const RIP: u8 = 16;

const SCALE: u8 = 0b11;
const FS: u8 = 1 << 2;
const GS: u8 = 1 << 3;
const ADDRESS_32: u8 = 1 << 4;

/// An address computed as base + index * scale + displacement, in a segment.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MemoryOperand {
    displacement: i64,
    // INVARIANT: 0..=15, RIP or NONE.
    base: u8,
    // INVARIANT: 0..=15 or NONE. An index vector is not kept here.
    index: u8,
    bits: u8,
}

impl MemoryOperand {
    /// The operand `[displacement]`.
    pub(crate) const fn absolute(displacement: i64) -> Self {
        Self {
            displacement,
            base: NONE,
            index: NONE,
            bits: 0,
        }
    }

    pub(crate) const fn with_base(mut self, base: u8) -> Self {
        self.base = base;
        self
    }

    pub(crate) const fn with_index(mut self, index: u8, scale_log2: u8) -> Self {
        self.index = index;
        self.bits = self.bits & !SCALE | scale_log2 & SCALE;
        self
    }

    pub(crate) const fn with_segment(mut self, segment: Option<Segment>) -> Self {
        self.bits |= match segment {
            Some(Segment::Fs) => FS,
            Some(Segment::Gs) => GS,
            None => 0,
        };
        self
    }

    pub(crate) const fn with_address_32(mut self, yes: bool) -> Self {
        if yes {
            self.bits |= ADDRESS_32;
        }
        self
    }

    /// The base, if there is one.
    #[must_use]
    pub const fn base(&self) -> Option<Base> {
        match self.base {
            NONE => None,
            RIP => Some(Base::Rip),
            number => Some(Base::Gpr(Gpr::from_number(number))),
        }
    }

    /// The index register, if there is one. The index vector of a gather is not one.
    #[must_use]
    pub const fn index(&self) -> Option<Gpr> {
        if self.index == NONE {
            None
        } else {
            Some(Gpr::from_number(self.index))
        }
    }

    /// What the index is multiplied with: 1, 2, 4 or 8.
    #[must_use]
    pub const fn scale(&self) -> u8 {
        1 << (self.bits & SCALE)
    }

    /// The constant part, sign-extended; for an operand relative to the instruction pointer the
    /// distance from the next instruction.
    #[must_use]
    pub const fn displacement(&self) -> i64 {
        self.displacement
    }

    /// The segment whose base is added, if any.
    #[must_use]
    pub const fn segment(&self) -> Option<Segment> {
        if self.bits & FS != 0 {
            Some(Segment::Fs)
        } else if self.bits & GS != 0 {
            Some(Segment::Gs)
        } else {
            None
        }
    }

    /// Whether the address is cut to 32 bits before the segment base is added (prefix 67h).
    #[must_use]
    pub const fn is_address_32(&self) -> bool {
        self.bits & ADDRESS_32 != 0
    }

    /// Whether no segment's base is added and nothing is cut.
    #[inline(always)]
    pub(crate) const fn is_flat(&self) -> bool {
        self.bits & !SCALE == 0
    }

    /// Displacement, base, index, and by how many bits the index is shifted.
    #[inline(always)]
    pub(crate) const fn parts(&self) -> (i64, u8, u8, u8) {
        (self.displacement, self.base, self.index, self.bits & SCALE)
    }

    /// The address, for an instruction of `len` bytes at `registers.rip`.
    #[must_use]
    pub fn address(&self, registers: &Registers, len: u8) -> u64 {
        self.address_with(registers, len, 0)
    }

    /// The address with `extra` added inside the part that prefix 67h cuts: an element's index, a
    /// bit offset.
    #[inline]
    pub(crate) fn address_with(&self, registers: &Registers, len: u8, extra: i64) -> u64 {
        let base = if self.base < RIP {
            registers.gpr[usize::from(self.base & 15)]
        } else if self.base == RIP {
            registers.rip.wrapping_add(u64::from(len))
        } else {
            0
        };
        // An index is there or not, as it happens: no branch.
        let index = registers.gpr[usize::from(self.index & 15)] << (self.bits & SCALE);
        let index = if self.index == NONE { 0 } else { index };
        let offset = base
            .wrapping_add(index)
            .wrapping_add_signed(self.displacement)
            .wrapping_add_signed(extra);
        let cut = if self.is_address_32() {
            offset & 0xffff_ffff
        } else {
            offset
        };
        cut.wrapping_add(self.segment_base(registers))
    }

    /// The base of the segment.
    pub(crate) const fn segment_base(&self, registers: &Registers) -> u64 {
        if self.bits & (FS | GS) == 0 {
            0
        } else if self.bits & FS != 0 {
            registers.fs_base
        } else {
            registers.gs_base
        }
    }
}

impl core::fmt::Debug for MemoryOperand {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("MemoryOperand")
            .field("segment", &self.segment())
            .field("base", &self.base())
            .field("index", &self.index())
            .field("scale", &self.scale())
            .field("displacement", &self.displacement())
            .field("address_32", &self.is_address_32())
            .finish()
    }
}
