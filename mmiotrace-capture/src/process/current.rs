//! The capture that runs in this process, as its signal handler finds it.

#![expect(unsafe_code, reason = "the handler finds the capture by a pointer")]

use super::desk::{self, Seat};
use super::home::Home;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use mmiotrace_decode::native;
use std::sync::Arc;

static CURRENT: AtomicPtr<Home> = AtomicPtr::new(core::ptr::null_mut());

/// Where the re-encoded code of the home in place runs.
static SLOTS: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// Regions that were traced when the last captures ended: start and length.
static LATELY: [[AtomicU64; 2]; 64] = [const { [const { AtomicU64::new(0) }; 2] }; 64];
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Where the engine's own code goes on after a fault at `rip`, if it is that. For signal handlers
/// too.
#[inline]
pub(super) fn recover(rip: u64) -> Option<u64> {
    let [start, end] = SLOTS.each_ref().map(|word| word.load(Ordering::Relaxed));
    native::recover(rip, &(start..end))
}

/// The home; nobody drops it while the seat is taken. For signal handlers.
#[inline]
pub(super) fn home(_seat: &Seat) -> Option<&Home> {
    // Sequentially consistent, as the taking of the seat and the two in `clear`: either the seat is taken
    // before the pointer is exchanged, and is waited for, or this sees the pointer that was put there.
    let home = CURRENT.load(Ordering::SeqCst);
    // SAFETY: the pointer comes from `Arc::into_raw`, and whoever takes it out waits until every seat that
    // was taken before is free.
    unsafe { home.as_ref() }
}

/// Puts a home in place; `false` where there is one. The caller keeps its own share of it.
pub(super) fn set(home: &Arc<Home>) -> bool {
    let new = Arc::into_raw(Arc::clone(home)).cast_mut();
    let done = CURRENT.compare_exchange(
        core::ptr::null_mut(),
        new,
        Ordering::SeqCst,
        Ordering::SeqCst,
    );
    if done.is_ok() {
        let slots = home.slots();
        for (word, end) in SLOTS.iter().zip([slots.start, slots.end]) {
            word.store(end, Ordering::Relaxed);
        }
    }
    if done.is_err() {
        // SAFETY: the pointer was made above, and nobody has it.
        drop(unsafe { Arc::from_raw(new) });
    }
    done.is_ok()
}

/// Takes the home out again, and waits until no handler uses it. Not from a handler.
pub(super) fn clear(home: &Arc<Home>, mut relax: impl FnMut()) {
    let old = Arc::as_ptr(home).cast_mut();
    let taken = CURRENT.compare_exchange(
        old,
        core::ptr::null_mut(),
        Ordering::SeqCst,
        Ordering::SeqCst,
    );
    if taken.is_err() {
        return;
    }
    desk::wait_until_left(&mut relax);
    // SAFETY: `set` made it by `Arc::into_raw`, this call took it out, and nobody uses it any more.
    drop(unsafe { Arc::from_raw(old) });
}

/// Whether this home is the one in place.
pub(super) fn is(home: &Home) -> bool {
    core::ptr::eq(CURRENT.load(Ordering::Relaxed), home)
}

/// Remembers a region that is no longer traced: a fault on it may still be on its way.
pub(super) fn remember(start: u64, len: u64) {
    let at = NEXT.fetch_add(1, Ordering::Relaxed) % 64;
    let [to_start, to_len] = &LATELY[usize::try_from(at).unwrap_or(0)];
    to_len.store(0, Ordering::Relaxed);
    to_start.store(start, Ordering::Release);
    to_len.store(len, Ordering::Release);
}

/// Whether an address was traced until lately.
pub(super) fn was_traced(address: u64) -> bool {
    LATELY.iter().any(|[start, len]| {
        let len = len.load(Ordering::Acquire);
        address.wrapping_sub(start.load(Ordering::Acquire)) < len
    })
}
