//! What the CPU says of itself.
#![expect(unsafe_code, reason = "older compilers hold the call for unsafe")]

use core::arch::x86_64::{__cpuid_count, CpuidResult};

/// One leaf.
pub(crate) fn cpuid(leaf: u32, subleaf: u32) -> CpuidResult {
    #[allow(unused_unsafe)]
    // SAFETY: every x86-64 CPU has the instruction, and it changes nothing but its results.
    unsafe {
        __cpuid_count(leaf, subleaf)
    }
}
