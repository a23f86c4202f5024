//! Single reads and writes of exact width.
#![expect(
    unsafe_code,
    reason = "an access of exact width, and no other, cannot be said in safe Rust"
)]

use super::guarded::{guarded, may_fault};
use crate::Hint;

/// One read of `into.len()` bytes: 1, 2, 4 or 8, with the feature `process` also 16, 32 and 64.
/// False where the length is another, or where the read faulted and was recovered.
///
/// # Safety
/// - The bytes from `from` are readable; or, with the feature `process`, a handler for the faults
///   that reading them raises goes on where [`recover`](super::recover) says.
/// - Reading them breaks no promise made elsewhere. A device may be read.
#[must_use]
pub unsafe fn read(from: *const u8, into: &mut [u8]) -> bool {
    let width = into.len();
    if !matches!(width, 1 | 2 | 4 | 8) {
        #[cfg(feature = "process")]
        // SAFETY: the caller's promise.
        return unsafe { super::wide::read(from, into) };
        #[cfg(not(feature = "process"))]
        return false;
    }
    // SAFETY: the caller's promise.
    let Some(value) = (unsafe { read_word(from, width as u8) }) else {
        return false;
    };
    let value = value.to_le_bytes();
    into.iter_mut().zip(value).for_each(|(to, byte)| *to = byte);
    true
}

/// As [`read()`], of `width` bytes that make a number: 1, 2, 4 or 8. `None` where it is false.
///
/// # Safety
/// As there.
#[must_use]
#[inline]
pub unsafe fn read_word(from: *const u8, width: u8) -> Option<u64> {
    let value: u64;
    // SAFETY: The caller vouches for reading these bytes. The instructions touch no other memory
    // and change only what they declare.
    let done = unsafe {
        match width {
            1 => {
                guarded!("movzx {value:e}, byte ptr [{from}]", from = in(reg) from, value = out(reg) value)
            }
            2 => {
                guarded!("movzx {value:e}, word ptr [{from}]", from = in(reg) from, value = out(reg) value)
            }
            4 => {
                guarded!("mov {value:e}, dword ptr [{from}]", from = in(reg) from, value = out(reg) value)
            }
            8 => {
                guarded!("mov {value}, qword ptr [{from}]", from = in(reg) from, value = out(reg) value)
            }
            _ => return None,
        }
    };
    done.then_some(value)
}

/// One write of `bytes`: 1, 2, 4 or 8 of them, with the feature `process` also 16, 32 and 64.
/// False where the length is another, or where the write faulted and was recovered.
///
/// # Safety
/// - The bytes from `to` are writable; or, with the feature `process`, a handler for the faults
///   that writing them raises goes on where [`recover`](super::recover) says.
/// - No reference to these bytes is alive, and nobody relies on what they held.
#[must_use]
pub unsafe fn write(to: *mut u8, bytes: &[u8], hint: Hint) -> bool {
    let width = bytes.len();
    if !matches!(width, 1 | 2 | 4 | 8) {
        #[cfg(feature = "process")]
        // SAFETY: the caller's promise.
        return unsafe { super::wide::write(to, bytes) };
        #[cfg(not(feature = "process"))]
        return false;
    }
    let value = bytes
        .iter()
        .rev()
        .fold(0, |value, byte| value << 8 | u64::from(*byte));
    // SAFETY: the caller's promise.
    unsafe { write_word(to, width as u8, value, hint) }
}

/// As [`write()`], of the lowest `width` bytes of a number: 1, 2, 4 or 8.
///
/// # Safety
/// As there.
#[must_use]
#[inline]
pub unsafe fn write_word(to: *mut u8, width: u8, value: u64, hint: Hint) -> bool {
    // SAFETY: The caller vouches for writing these bytes; no other memory is touched.
    unsafe {
        match (width, hint) {
            (1, _) => {
                guarded!("mov byte ptr [{to}], {value}", to = in(reg) to, value = in(reg_byte) value as u8)
            }
            (2, _) => {
                guarded!("mov word ptr [{to}], {value:x}", to = in(reg) to, value = in(reg) value)
            }
            (4, Hint::None) => {
                guarded!("mov dword ptr [{to}], {value:e}", to = in(reg) to, value = in(reg) value)
            }
            (8, Hint::None) => {
                guarded!("mov qword ptr [{to}], {value}", to = in(reg) to, value = in(reg) value)
            }
            (4, Hint::NonTemporal) => {
                guarded!("movnti dword ptr [{to}], {value:e}", to = in(reg) to, value = in(reg) value)
            }
            (8, Hint::NonTemporal) => {
                guarded!("movnti qword ptr [{to}], {value}", to = in(reg) to, value = in(reg) value)
            }
            _ => false,
        }
    }
}

/// Makes sure that the byte at `at` can be written, without changing it. False where it cannot.
///
/// # Safety
/// As for [`write()`]. Other threads may write the byte at the same time.
#[must_use]
pub unsafe fn touch(at: *mut u8) -> bool {
    // SAFETY: The caller vouches for writing this byte; a locked `or` with 0 changes nothing.
    unsafe { guarded!("lock or byte ptr [{at}], 0", at = in(reg) at,) }
}
