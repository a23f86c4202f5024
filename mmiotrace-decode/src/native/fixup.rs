//! Where to go on after a fault in this crate's own machine code.
#![expect(unsafe_code, reason = "the table is made by assembler and linker")]

use super::trampoline;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

/// One entry: distances from each field to the instruction that may fault, and to the place to go
/// on at.
#[repr(C)]
struct Fixup {
    instruction: i32,
    landing: i32,
}

unsafe extern "C" {
    static __start_mmiotrace_fixups: [Fixup; 0];
    static __stop_mmiotrace_fixups: [Fixup; 0];
}

/// Where to go on after a fault at `rip`, if that is in one of the instructions of this crate that
/// may fault: the accesses of [`read`](super::read), [`write`](super::write),
/// [`touch`](super::touch) and [`locked`](super::locked), or code in `slots`, the addresses of the
/// executable memory that was given to [`Native`](crate::Native)s.
///
/// A handler for SIGSEGV, SIGBUS, SIGFPE and SIGILL asks this first. Where it gives an address, the
/// handler puts that into the interrupted `rip`, changes no other register, and returns. The
/// interrupted call then reports the failure. The handler must be able to interrupt itself
/// (`SA_NODEFER`). Allocates nothing, takes no lock.
#[must_use]
#[inline]
pub fn recover(rip: u64, slots: &Range<u64>) -> Option<u64> {
    if slots.contains(&rip) {
        return Some(trampoline::landing());
    }
    // Nearly all faults are those of a program's own code, and end here.
    let end = END.load(Ordering::Relaxed);
    if end != 0 && !(START.load(Ordering::Relaxed)..end).contains(&rip) {
        return None;
    }
    look_up(rip)
}

/// Where the instructions of the table lie: from the first of them, and behind the last; `END` is 0 before
/// anybody has looked, and `START` is then too low, which does no harm.
static START: AtomicU64 = AtomicU64::new(0);
static END: AtomicU64 = AtomicU64::new(0);

#[cold]
#[inline(never)]
fn look_up(rip: u64) -> Option<u64> {
    // SAFETY: The linker makes both symbols, the ends of the section that the assembler filled with
    // entries of this layout; it is part of the program and never changes.
    let table = unsafe {
        let start = (&raw const __start_mmiotrace_fixups).cast::<Fixup>();
        let end = (&raw const __stop_mmiotrace_fixups).cast::<Fixup>();
        core::slice::from_raw_parts(start, (end as usize - start as usize) / size_of::<Fixup>())
    };
    let from = |field: &i32| (&raw const *field as u64).wrapping_add_signed(i64::from(*field));
    if END.load(Ordering::Relaxed) == 0 {
        let all = || table.iter().map(|fixup| from(&fixup.instruction));
        START.store(all().min().unwrap_or(0), Ordering::Relaxed);
        END.store(all().max().map_or(1, |last| last + 1), Ordering::Relaxed);
    }
    table
        .iter()
        .find(|fixup| from(&fixup.instruction) == rip)
        .map(|fixup| from(&fixup.landing))
}
