//! The CPU's registers, as an instruction finds and leaves them.

use crate::{Gpr, GprPart, XsaveLayout};

/// The integer registers: everything an address or an emulated instruction can depend on.
///
/// `Default` is all zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Registers {
    /// The general-purpose registers by [`Gpr::number`].
    pub gpr: [u64; 16],
    /// The address of the instruction, not of the next one.
    pub rip: u64,
    /// The flags register.
    pub rflags: u64,
    /// The base of `fs:`. In 64-bit mode the bases of the other segments but `gs` are 0.
    pub fs_base: u64,
    /// The base of `gs:`.
    pub gs_base: u64,
}

impl Registers {
    /// The value of a register.
    #[must_use]
    pub const fn get(&self, gpr: Gpr) -> u64 {
        self.gpr[gpr as usize]
    }

    /// Replaces all 64 bits of a register.
    pub const fn set(&mut self, gpr: Gpr, value: u64) {
        self.gpr[gpr as usize] = value;
    }

    /// The same with one register replaced.
    #[must_use]
    pub const fn with(mut self, gpr: Gpr, value: u64) -> Self {
        self.set(gpr, value);
        self
    }

    /// The value of a part, zero-extended.
    #[must_use]
    pub const fn part(&self, part: GprPart) -> u64 {
        part.of(self.get(part.gpr()))
    }

    /// Writes a part as an instruction does: see [`GprPart::put`].
    pub const fn set_part(&mut self, part: GprPart, value: u64) {
        self.set(part.gpr(), part.put(self.get(part.gpr()), value));
    }
}

/// Where the decoder looks up what an instruction's addresses and values depend on.
///
/// [`Registers`] is one that knows the integer registers only; then a value that comes from a
/// vector register is not known, and neither are the elements of gathers and masked moves.
/// [`CpuState`](crate::CpuState) knows all.
pub trait RegisterFile {
    /// The integer registers.
    fn registers(&self) -> &Registers;

    /// The vector register `number` (0 to 31), least significant byte first, zero above the width
    /// the CPU has. `None` where it is not known.
    fn vector(&self, number: u8) -> Option<[u8; 64]> {
        let _ = number;
        None
    }

    /// The mask register `k0` to `k7`. `None` where it is not known.
    fn opmask(&self, number: u8) -> Option<u64> {
        let _ = number;
        None
    }

    /// The x87 or MMX register in physical slot `number` (0 to 7; `mm0` is slot 0): its lower 8
    /// bytes. `None` where it is not known.
    fn mmx(&self, number: u8) -> Option<u64> {
        let _ = number;
        None
    }

    /// Where `xsave` puts the parts of the extended state. `None` where it is not known.
    fn xsave_layout(&self) -> Option<&XsaveLayout> {
        None
    }
}

impl RegisterFile for Registers {
    fn registers(&self) -> &Registers {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_merge_and_extend_as_the_cpu_does() {
        let mut registers = Registers::default().with(Gpr::Rax, 0x1122_3344_5566_7788);
        let ah = GprPart::high(Gpr::Rax).unwrap();
        assert_eq!(registers.part(ah), 0x77);
        registers.set_part(ah, 0xabcd);
        assert_eq!(registers.get(Gpr::Rax), 0x1122_3344_5566_cd88);
        registers.set_part(GprPart::low(Gpr::Rax, 2), 0x1_0001);
        assert_eq!(registers.get(Gpr::Rax), 0x1122_3344_5566_0001);
        registers.set_part(GprPart::low(Gpr::Rax, 4), u64::MAX);
        assert_eq!(registers.get(Gpr::Rax), 0xffff_ffff);
    }
}
