//! The way `step`: the instruction itself, its base register moved to the alias.

use crate::{Base, Context, DecodedInstruction, Gpr, Reason, Registers, Way};

/// A step under way: what to put back after the debug trap.
///
/// ```
/// use mmiotrace_core::VirtAddr;
/// use mmiotrace_decode::{Decoder, Gpr, Registers};
///
/// // movdqu xmm0, [rdi]
/// let mut decoder = Decoder::new();
/// let load = *decoder.decode(&[0xf3, 0x0f, 0x6f, 0x07], VirtAddr(0x400000))?;
/// let mut registers = Registers::default().with(Gpr::Rdi, 0x1000);
/// let step = load.step(&mut registers, 0x7000)?;
/// assert_eq!(registers.get(Gpr::Rdi), 0x8000);
/// // … one instruction under the trap flag …
/// step.finish(&mut registers);
/// assert_eq!(registers.get(Gpr::Rdi), 0x1000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "the base register stays moved until `finish`"]
pub struct Step {
    base: Gpr,
    saved: u64,
}

impl DecodedInstruction {
    /// Moves the base register by `delta` (alias minus original address), so that the instruction
    /// itself, run once under the trap flag, accesses the alias. Trap and interrupt flag are the
    /// caller's.
    ///
    /// # Errors
    /// Where [`way`](Self::way) in the kernel is not [`Way::Step`]; the registers are unchanged.
    pub fn step(&self, registers: &mut Registers, delta: u64) -> Result<Step, Reason> {
        match (self.way(Context::Kernel), self.memory.base()) {
            (Way::Step, Some(Base::Gpr(base))) => {
                let saved = registers.get(base);
                registers.set(base, saved.wrapping_add(delta));
                Ok(Step { base, saved })
            }
            (Way::Cannot(reason), _) => Err(reason),
            _ => Err(Reason::NoBaseRegister),
        }
    }
}

impl Step {
    /// The register that was moved.
    #[must_use]
    pub const fn base(&self) -> Gpr {
        self.base
    }

    /// Puts the base register back. Instructions that write it are never stepped.
    pub const fn finish(self, registers: &mut Registers) {
        registers.set(self.base, self.saved);
    }
}
