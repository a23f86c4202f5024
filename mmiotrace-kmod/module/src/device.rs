//! Accesses of device memory through the second mapping.
#![expect(unsafe_code, reason = "device memory is reached by address")]

use mmiotrace_decode::{Hint, Locked, LockedOp, native};

/// One read; `false` for a width that no plain load has.
pub(crate) fn read(alias: u64, into: &mut [u8]) -> bool {
    // SAFETY: the engine gives addresses in the second mapping of a traced region, which lives until
    // every fault that might use it is over (Engine::detach); the traced code reads there.
    unsafe { native::read(alias as *const u8, into) }
}

/// One write; `false` for a width that no plain store has.
pub(crate) fn write(alias: u64, bytes: &[u8], hint: Hint) -> bool {
    // SAFETY: as in `read`; the traced code writes there, and device memory has no references.
    unsafe { native::write(alias as *mut u8, bytes, hint) }
}

/// One atomic read-modify-write; `None` for one that the CPU does not have in this width.
pub(crate) fn locked(alias: u64, width: u8, op: LockedOp) -> Option<Locked> {
    // SAFETY: as in `write`; the traced code has the same instruction, so the CPU has it.
    unsafe { native::locked(alias as *mut u8, width, op) }
}
