//! Regions that the program unmapped without our seeing it: by a system call past the C library. A
//! fault in the middle of one shows it; the worker then forgets the region.

use super::maps;
use core::sync::atomic::{AtomicBool, Ordering};
use mmiotrace_kmod::Region;

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
