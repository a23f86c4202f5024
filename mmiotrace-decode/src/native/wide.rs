//! Accesses wider than a general-purpose register. Only a process may touch vector registers.
#![expect(
    unsafe_code,
    reason = "an access of exact width, and no other, cannot be said in safe Rust"
)]

use super::guarded::{guarded, may_fault};

/// # Safety
/// As for [`read`](super::read). 32 and 64 bytes need a CPU with AVX and AVX-512F: an instruction
/// of that width is carried out only because the CPU has it.
pub(super) unsafe fn read(from: *const u8, into: &mut [u8]) -> bool {
    let to = into.as_mut_ptr();
    // SAFETY: The caller vouches for `from`; `to` is a slice of that length. The upper parts of
    // the register are cleared again, so that SSE code does not pay for them.
    unsafe {
        match into.len() {
            16 => guarded!(
                [""], "movdqu xmm0, xmmword ptr [{from}]", ["movdqu xmmword ptr [{to}], xmm0"],
                from = in(reg) from, to = in(reg) to, out("xmm0") _
            ),
            32 => guarded!(
                [""], "vmovdqu ymm0, ymmword ptr [{from}]",
                ["vmovdqu ymmword ptr [{to}], ymm0\nvpxor xmm0, xmm0, xmm0"],
                from = in(reg) from, to = in(reg) to, out("xmm0") _
            ),
            64 => guarded!(
                [""], "vmovdqu64 zmm0, zmmword ptr [{from}]",
                ["vmovdqu64 zmmword ptr [{to}], zmm0\nvpxor xmm0, xmm0, xmm0"],
                from = in(reg) from, to = in(reg) to, out("xmm0") _
            ),
            _ => false,
        }
    }
}

/// # Safety
/// As for [`write`](super::write), and for the CPU as for [`read`].
pub(super) unsafe fn write(to: *mut u8, bytes: &[u8]) -> bool {
    let from = bytes.as_ptr();
    // SAFETY: The caller vouches for `to`; `from` is a slice of that length.
    unsafe {
        match bytes.len() {
            16 => guarded!(
                ["movdqu xmm0, xmmword ptr [{from}]"], "movdqu xmmword ptr [{to}], xmm0", [""],
                from = in(reg) from, to = in(reg) to, out("xmm0") _
            ),
            32 => guarded!(
                ["vmovdqu ymm0, ymmword ptr [{from}]"], "vmovdqu ymmword ptr [{to}], ymm0",
                ["vpxor xmm0, xmm0, xmm0"],
                from = in(reg) from, to = in(reg) to, out("xmm0") _
            ),
            64 => guarded!(
                ["vmovdqu64 zmm0, zmmword ptr [{from}]"], "vmovdqu64 zmmword ptr [{to}], zmm0",
                ["vpxor xmm0, xmm0, xmm0"],
                from = in(reg) from, to = in(reg) to, out("xmm0") _
            ),
            _ => false,
        }
    }
}
