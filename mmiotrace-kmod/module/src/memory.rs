//! What the compiler calls to copy and to fill. Its own versions are `rep movsb` and the like, which take
//! dozens of cycles to begin; what is copied in a fault is some dozens of bytes.
#![expect(unsafe_code, reason = "functions that the compiler calls with pointers")]

use core::arch::asm;

/// # Safety
/// As C's: both ranges are valid for `len` bytes and do not overlap.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    // SAFETY: `len / 8` words and then `len % 8` bytes, in rising order, are exactly the ranges of the
    // contract. Written in assembly because the compiler would make a call of memcpy of a loop.
    unsafe {
        asm!(
            "test {words}, {words}",
            "jz 3f",
            "2:",
            "mov {word}, qword ptr [{from}]",
            "mov qword ptr [{to}], {word}",
            "add {from}, 8",
            "add {to}, 8",
            "dec {words}",
            "jnz 2b",
            "3:",
            "test {bytes}, {bytes}",
            "jz 5f",
            "4:",
            "mov {word:l}, byte ptr [{from}]",
            "mov byte ptr [{to}], {word:l}",
            "inc {from}",
            "inc {to}",
            "dec {bytes}",
            "jnz 4b",
            "5:",
            words = inout(reg) len / 8 => _,
            bytes = inout(reg) len % 8 => _,
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            word = out(reg) _,
            options(nostack),
        );
    }
    to
}

/// # Safety
/// As C's: the range is valid for `len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, value: i32, len: usize) -> *mut u8 {
    let word = u64::from(value.to_le_bytes()[0]) * 0x0101_0101_0101_0101;
    // SAFETY: as in `memcpy`.
    unsafe {
        asm!(
            "test {words}, {words}",
            "jz 3f",
            "2:",
            "mov qword ptr [{to}], {word}",
            "add {to}, 8",
            "dec {words}",
            "jnz 2b",
            "3:",
            "test {bytes}, {bytes}",
            "jz 5f",
            "4:",
            "mov byte ptr [{to}], {word:l}",
            "inc {to}",
            "dec {bytes}",
            "jnz 4b",
            "5:",
            words = inout(reg) len / 8 => _,
            bytes = inout(reg) len % 8 => _,
            to = inout(reg) to => _,
            word = in(reg) word,
            options(nostack),
        );
    }
    to
}
