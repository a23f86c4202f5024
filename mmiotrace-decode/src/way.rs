//! How an engine can carry out an instruction exactly, without ever opening the page.

use core::fmt;

/// Where the engine runs. What is possible differs: a kernel has the registers of the interrupted
/// code, but no slot to execute re-encoded code in and no vector registers of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    /// In a user process, in a SIGSEGV handler.
    Process,
    /// In the kernel, in the page-fault path.
    Kernel,
}

/// How to carry out an instruction whose operand is traced device memory.
///
/// Each way makes exactly the accesses that the instruction makes natively: same width, same
/// order, none split, none repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Way {
    /// It touches no memory (`lea`, `nop`, `prefetch`): it cannot have caused a fault.
    NoAccess,
    /// [`DecodedInstruction::emulate`](crate::DecodedInstruction::emulate): single accesses
    /// through a [`Bus`](crate::Bus), register effects in code. Every value is known.
    Emulate,
    /// One exact read into a private buffer, the re-encoded instruction on the buffer, one exact
    /// write from it. Every value is known and the flags are the CPU's own. Not atomic; neither is
    /// the instruction.
    Bounce,
    /// The re-encoded instruction on the alias: for atomicity, memory type hints, masks and odd
    /// widths. Values are known where a register shows them afterwards.
    Alias,
    /// The instruction itself with its base register moved to the alias, under the trap flag
    /// ([`DecodedInstruction::step`](crate::DecodedInstruction::step)). Two traps; only the values
    /// that a register shows are known.
    Step,
    /// Not exactly. The engine must open the page and say so (a blind interval).
    Cannot(Reason),
}

impl Way {
    /// The way as one word: `none`, `emulate`, `bounce`, `alias`, `step`, `cannot`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoAccess => "none",
            Self::Emulate => "emulate",
            Self::Bounce => "bounce",
            Self::Alias => "alias",
            Self::Step => "step",
            Self::Cannot(_) => "cannot",
        }
    }

    /// Why not, where the way is [`Way::Cannot`].
    #[must_use]
    pub const fn reason(self) -> Option<Reason> {
        match self {
            Self::Cannot(reason) => Some(reason),
            _ => None,
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// Why an instruction cannot be carried out exactly.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// All reasons.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The reason as a word of lower-case letters, digits and hyphens, at most 31 bytes: fit
            /// for [`BlindReason`](mmiotrace_core::BlindReason).
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

reasons! {
    /// It needs more privilege than a process has; natively it does not reach the memory.
    Privileged = "privileged",
    /// It moves between memory and an I/O port, which is no register an engine could fill.
    PortIo = "port-io",
    /// It reads or writes a segment register or transfers control to another code segment.
    Segment = "segment",
    /// It reads or writes a descriptor table register or a control register.
    SystemRegister = "system-register",
    /// It loads flags from memory, among them some that only the CPU may judge.
    FlagsFromMemory = "flags-from-memory",
    /// It builds nested stack frames in device memory.
    NestedFrames = "nested-frames",
    /// It uses the tile registers, which no area at hand holds.
    TileState = "tile-state",
    /// It moves 64 bytes as one bus transaction, which has not been tried on a CPU.
    AtomicBlock = "atomic-block",
    /// It changes state (protection keys, shadow stack, supervisor state) that the return from the
    /// handler would undo.
    ForeignState = "foreign-state",
    /// Makers' CPUs do different things with it ([`difference`](crate::DecodedInstruction::difference)),
    /// and this one's maker is not known, or its way has not been tried.
    VendorSpecific = "vendor-specific",
    /// Stepping: the operand has no base register to move to the alias.
    NoBaseRegister = "no-base-register",
    /// Stepping: the base register is also data or index, so moving it changes the result.
    BaseIsUsedTwice = "base-used-twice",
    /// Stepping: the base is the stack pointer.
    BaseIsStackPointer = "base-is-stack-pointer",
    /// Stepping: the address wraps at 32 bits, where the alias is not.
    AddressSize32 = "address-size-32",
    /// Stepping: it touches memory through more than one operand, or by an index vector.
    SeveralOperands = "several-operands",
    /// At run time: the architecture leaves the result undefined (`shld` of 16 bits by more than
    /// 16), so that only the CPU can tell what it does.
    UndefinedResult = "undefined-result",
    /// At run time: the vector registers are needed and not at hand.
    NoVectorState = "no-vector-state",
    /// At run time: the operand lies only partly in the traced region, and the access cannot be
    /// made of pieces.
    Straddles = "straddles",
    /// At run time: the elements of a gather or scatter lie in several regions.
    Scattered = "scattered",
    /// No re-encoding on another address exists.
    NotEncodable = "not-encodable",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::error::Error for Reason {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_fit_for_a_blind_interval() {
        for reason in Reason::ALL {
            assert!(
                mmiotrace_core::BlindReason::new(reason.as_str()).is_some(),
                "{reason}"
            );
        }
    }
}
