//! The registers of interrupted code, as the kernel saves them.

use mmiotrace_decode::{Gpr, Registers};
use mmiotrace_kmod::Frame;

/// `struct pt_regs` of x86-64, as words. main.c checks at compile time that the places are these.
#[repr(transparent)]
#[derive(Debug)]
pub(crate) struct PtRegs {
    words: [u64; 21],
}

/// Where the general-purpose registers are, by their numbers.
const PLACES: [usize; 16] = [10, 11, 12, 5, 19, 4, 13, 14, 9, 8, 7, 6, 3, 2, 1, 0];
const RIP: usize = 16;
const RFLAGS: usize = 18;

/// The trap flag (Intel SDM volume 1, section 3.4.3.3).
const TRAP: u64 = 1 << 8;
/// The interrupt flag.
const INTERRUPTS: u64 = 1 << 9;

impl PtRegs {
    /// Sets trap and interrupt flag for one step; gives how they were.
    pub(crate) fn begin_step(&mut self) -> u64 {
        let before = self.words[RFLAGS] & (TRAP | INTERRUPTS);
        self.words[RFLAGS] = (self.words[RFLAGS] | TRAP) & !INTERRUPTS;
        before
    }

    /// Puts both flags back.
    pub(crate) fn end_step(&mut self, before: u64) {
        self.words[RFLAGS] = self.words[RFLAGS] & !(TRAP | INTERRUPTS) | before;
    }
}

impl Frame for PtRegs {
    fn registers(&self) -> Registers {
        Registers {
            gpr: PLACES.map(|place| self.words[place]),
            rip: self.words[RIP],
            rflags: self.words[RFLAGS],
            // The kernel uses no fs.
            fs_base: 0,
            gs_base: crate::shim::gs_base(),
        }
    }

    fn rip(&self) -> u64 {
        self.words[RIP]
    }

    fn gpr(&self, gpr: Gpr) -> u64 {
        self.words[PLACES[usize::from(gpr.number())]]
    }

    fn set_gpr(&mut self, gpr: Gpr, value: u64) {
        self.words[PLACES[usize::from(gpr.number())]] = value;
    }

    fn set_rip(&mut self, rip: u64) {
        self.words[RIP] = rip;
    }

    fn set_registers(&mut self, registers: &Registers) {
        for (place, value) in PLACES.into_iter().zip(registers.gpr) {
            self.words[place] = value;
        }
        self.words[RIP] = registers.rip;
        // The two flags of a step are the platform's; no instruction that is emulated changes them.
        let steps = TRAP | INTERRUPTS;
        self.words[RFLAGS] = self.words[RFLAGS] & steps | registers.rflags & !steps;
    }
}
