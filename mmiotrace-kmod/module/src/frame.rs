//! The registers of interrupted code, as the kernel saves them.

use mmiotrace_decode::Registers;
use mmiotrace_kmod::Frame;

/// `struct pt_regs` of x86-64. main.c checks at compile time that the places are these.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct PtRegs {
    r15: u64,
    r14: u64,
    r13: u64,
    r12: u64,
    rbp: u64,
    rbx: u64,
    r11: u64,
    r10: u64,
    r9: u64,
    r8: u64,
    rax: u64,
    rcx: u64,
    rdx: u64,
    rsi: u64,
    rdi: u64,
    orig_rax: u64,
    rip: u64,
    cs: u64,
    rflags: u64,
    rsp: u64,
    ss: u64,
}

/// The trap flag (Intel SDM volume 1, section 3.4.3.3).
const TRAP: u64 = 1 << 8;
/// The interrupt flag.
const INTERRUPTS: u64 = 1 << 9;

impl PtRegs {
    /// Sets trap and interrupt flag for one step; gives how they were.
    pub(crate) fn begin_step(&mut self) -> u64 {
        let before = self.rflags & (TRAP | INTERRUPTS);
        self.rflags = (self.rflags | TRAP) & !INTERRUPTS;
        before
    }

    /// Puts both flags back.
    pub(crate) fn end_step(&mut self, before: u64) {
        self.rflags = self.rflags & !(TRAP | INTERRUPTS) | before;
    }
}

impl Frame for PtRegs {
    fn registers(&self) -> Registers {
        Registers {
            gpr: [
                self.rax, self.rcx, self.rdx, self.rbx, self.rsp, self.rbp, self.rsi, self.rdi, self.r8,
                self.r9, self.r10, self.r11, self.r12, self.r13, self.r14, self.r15,
            ],
            rip: self.rip,
            rflags: self.rflags,
            // The kernel uses no fs.
            fs_base: 0,
            gs_base: crate::shim::gs_base(),
        }
    }

    fn rip(&self) -> u64 {
        self.rip
    }

    fn set_registers(&mut self, registers: &Registers) {
        [
            self.rax, self.rcx, self.rdx, self.rbx, self.rsp, self.rbp, self.rsi, self.rdi, self.r8,
            self.r9, self.r10, self.r11, self.r12, self.r13, self.r14, self.r15,
        ] = registers.gpr;
        self.rip = registers.rip;
        // The two flags of a step are the platform's; no instruction that is emulated changes them.
        let steps = TRAP | INTERRUPTS;
        self.rflags = self.rflags & steps | registers.rflags & !steps;
    }
}
