//! Regions that the program unmapped without our seeing it: by a system call past the C library. A
//! fault in the middle of one shows it; the worker then forgets the region.

#![expect(unsafe_code, reason = "protection of memory is given back")]

use super::maps::{self, Mapped};
use crate::engine::Region;
use core::ffi::c_void;
use core::sync::atomic::{AtomicBool, Ordering};
use rustix::mm::{MprotectFlags, mprotect};

/// Whether a fault has shown that something traced is no longer mapped.
#[derive(Debug, Default)]
pub(super) struct Unmapped(AtomicBool);

impl Unmapped {
    /// Whether a fault on an address says that nothing is mapped there; if so, it is noted. Where a
    /// region is traced something always is. For signal handlers too.
    pub(super) fn check(&self, address: u64) -> bool {
        let gone = maps::at(address).is_none();
        if gone {
            self.0.store(true, Ordering::Relaxed);
        }
        gone
    }

    /// Whether one was noted since this was last asked.
    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// Whether all of a region is still mapped, in one part or several (armed pages allow nothing, blind
/// ones what the region allowed), and shared as only traced memory is.
pub(super) fn is_mapped(region: &Region) -> bool {
    let mut at = region.start.0;
    while at < region.end() {
        match maps::at(at) {
            Some(mapped) if mapped.shared => at = mapped.end,
            _ => return false,
        }
    }
    true
}

/// Makes what is left of a region that vanished in part accessible again, and shows each piece: start
/// and length.
pub(super) fn each_remnant(region: &Region, mut show: impl FnMut(u64, usize)) {
    let mut at = region.start.0;
    while at < region.end() {
        let Some(next) = maps::at(at)
            .map(|mapped| mapped.end)
            .or_else(|| maps::next_from(at))
        else {
            return;
        };
        let end = next.min(region.end());
        let is_left = |mapped: Mapped| mapped.shared && !mapped.readable && !mapped.writable;
        if maps::at(at).is_some_and(is_left) {
            let len = usize::try_from(end - at).unwrap_or(0);
            let tag = u32::try_from(region.tag).unwrap_or(0);
            // SAFETY: pages of a region that was traced until now; `tag` is what they allowed before.
            // Not by the C library, whose functions may be replaced.
            let done =
                unsafe { mprotect(at as *mut c_void, len, MprotectFlags::from_bits_retain(tag)) };
            if done.is_ok() {
                show(at, len);
            }
        }
        at = end;
    }
}
