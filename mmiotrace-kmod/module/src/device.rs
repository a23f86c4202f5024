//! Accesses of device memory through the second mapping.
#![expect(unsafe_code, reason = "device memory is reached by address")]

use crate::shim;
use mmiotrace_decode::{Hint, Locked, LockedOp, native};

/// One read; `false` for a width that no load of this CPU has.
#[inline(always)]
pub(crate) fn read(alias: u64, into: &mut [u8]) -> bool {
    if into.len() > 8 {
        // SAFETY: as below; and only an instruction that uses vector registers is so wide.
        return unsafe { shim::move_wide(into.as_mut_ptr(), alias as *const u8, into.len()) };
    }
    // SAFETY: the engine gives addresses in the second mapping of a traced region, which lives until
    // every fault that might use it is over (Engine::detach); the traced code reads there.
    unsafe { native::read(alias as *const u8, into) }
}

/// One write; `false` for a width that no store of this CPU has.
#[inline(always)]
pub(crate) fn write(alias: u64, bytes: &[u8], hint: Hint) -> bool {
    if bytes.len() > 8 {
        // SAFETY: as in `read`.
        return unsafe { shim::move_wide(alias as *mut u8, bytes.as_ptr(), bytes.len()) };
    }
    // SAFETY: as in `read`; the traced code writes there, and device memory has no references.
    unsafe { native::write(alias as *mut u8, bytes, hint) }
}

/// As `read`, of 1, 2, 4 or 8 bytes that make a number.
#[inline(always)]
pub(crate) fn read_word(alias: u64, width: u8) -> Option<u64> {
    let mut bytes = [0; 8];
    let done = match width {
        1 => read(alias, &mut bytes[..1]),
        2 => read(alias, &mut bytes[..2]),
        4 => read(alias, &mut bytes[..4]),
        8 => read(alias, &mut bytes),
        _ => false,
    };
    done.then_some(u64::from_le_bytes(bytes))
}

/// As `write`, of the lowest 1, 2, 4 or 8 bytes of a number.
#[inline(always)]
pub(crate) fn write_word(alias: u64, width: u8, value: u64) -> bool {
    let bytes = value.to_le_bytes();
    match width {
        1 => write(alias, &bytes[..1], Hint::None),
        2 => write(alias, &bytes[..2], Hint::None),
        4 => write(alias, &bytes[..4], Hint::None),
        8 => write(alias, &bytes, Hint::None),
        _ => false,
    }
}

/// The code at `pc`, bytes 0 to 7 and 7 to 14, all on the page of the instruction that has just faulted
/// there.
#[inline(always)]
pub(crate) fn code_words(pc: u64) -> [u64; 2] {
    let (low, high): (u64, u64);
    // SAFETY: the page is mapped while the code that was interrupted on it is not at its end, and the
    // kernel's code can be read. Others may be patching it: then each byte is the old or the new one.
    unsafe {
        core::arch::asm!(
            "mov {low}, qword ptr [{pc}]",
            "mov {high}, qword ptr [{pc} + 7]",
            pc = in(reg) pc,
            low = out(reg) low,
            high = out(reg) high,
            options(nostack, readonly, preserves_flags),
        );
    }
    [low, high]
}

/// As `code_words`, as bytes.
pub(crate) fn code(pc: u64) -> [u8; 15] {
    let [low, high] = code_words(pc);
    let mut bytes = [0; 15];
    bytes[7..].copy_from_slice(&high.to_le_bytes());
    bytes[..8].copy_from_slice(&low.to_le_bytes());
    bytes
}

/// One atomic read-modify-write; `None` for one that the CPU does not have in this width.
pub(crate) fn locked(alias: u64, width: u8, op: LockedOp) -> Option<Locked> {
    // SAFETY: as in `write`; the traced code has the same instruction, so the CPU has it.
    unsafe { native::locked(alias as *mut u8, width, op) }
}
