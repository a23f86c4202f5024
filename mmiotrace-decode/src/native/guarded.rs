//! One memory instruction that may fault, with a place to go on at.

/// Puts the faulting instruction (label 2) and the place to go on at (label 3) into the table that
/// `fixup` looks through, as distances from the entry itself. In a kernel there is no such table:
/// a missing device reads as ones and nothing faults.
#[cfg(feature = "process")]
macro_rules! may_fault {
    () => {
        ".pushsection mmiotrace_fixups, \"aR\", @progbits\n.balign 4\n.long 2b - .\n.long 3f - .\n.popsection"
    };
}
#[cfg(not(feature = "process"))]
macro_rules! may_fault {
    () => {
        ""
    };
}

/// Runs one memory instruction, with instructions before and after it that touch only what is
/// known to be there; gives false if it faulted and went on at the recovery.
macro_rules! guarded {
    ([$before:expr], $instruction:expr, [$after:expr], $($operand:tt)*) => {{
        let failed: u64;
        core::arch::asm!(
            $before,
            "mov {failed:e}, 1",
            "2:", $instruction,
            may_fault!(),
            $after,
            "mov {failed:e}, 0",
            "3:",
            failed = out(reg) failed,
            $($operand)*
        );
        failed == 0
    }};
    ($instruction:expr, $($operand:tt)*) => {
        guarded!([""], $instruction, [""], $($operand)*)
    };
}

pub(super) use {guarded, may_fault};
