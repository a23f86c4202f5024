//! Regions that were traced a moment ago: a fault on one may still be on its way.

use core::sync::atomic::{AtomicU64, Ordering};

const COUNT: usize = 64;

/// Start and length of the last ones.
static RECENT: [[AtomicU64; 2]; COUNT] = [const { [const { AtomicU64::new(0) }; 2] }; COUNT];
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Remembers a region that is no longer traced.
pub(super) fn add(start: u64, len: u64) {
    let at = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT as u64;
    let Some([to_start, to_len]) = usize::try_from(at).ok().and_then(|at| RECENT.get(at)) else {
        return;
    };
    to_len.store(0, Ordering::Relaxed);
    to_start.store(start, Ordering::Release);
    to_len.store(len, Ordering::Release);
}

/// Whether an address was traced until a moment ago. For signal handlers.
pub(super) fn contains(address: u64) -> bool {
    RECENT.iter().any(|[start, len]| {
        let len = len.load(Ordering::Acquire);
        address.wrapping_sub(start.load(Ordering::Acquire)) < len
    })
}
