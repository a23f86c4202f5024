//! The capture that runs in this process, as its signal handler finds it.

#![expect(unsafe_code, reason = "the handler finds the capture by a pointer")]

use super::home::Home;
use super::thread;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use mmiotrace_decode::native;
use std::sync::Arc;

static CURRENT: AtomicPtr<Home> = AtomicPtr::new(core::ptr::null_mut());

/// Where the re-encoded code of the home in place runs.
static SLOTS: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// How many handlers may be using the home, spread so that threads do not share a cache line.
#[repr(align(64))]
struct Count(AtomicU64);

static INSIDE: [Count; 16] = [const { Count(AtomicU64::new(0)) }; 16];

/// Regions that were traced when the last captures ended: start and length.
static LATELY: [[AtomicU64; 2]; 64] = [const { [const { AtomicU64::new(0) }; 2] }; 64];
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Where the engine's own code goes on after a fault at `rip`, if it is that. For signal handlers
/// too.
pub(super) fn recover(rip: u64) -> Option<u64> {
    let [start, end] = SLOTS.each_ref().map(|word| word.load(Ordering::Relaxed));
    native::recover(rip, &(start..end))
}

/// Calls `use_it` with the home; nobody drops it before that returns. For signal handlers too.
pub(super) fn with<R>(use_it: impl FnOnce(Option<&Home>) -> R) -> R {
    let at = usize::try_from(thread::id()).unwrap_or(0) % INSIDE.len();
    let count = &INSIDE[at].0;
    // Sequentially consistent, as the two in `replace`: either this is counted before the pointer
    // is exchanged and waited for, or it sees the pointer that was put there.
    count.fetch_add(1, Ordering::SeqCst);
    let home = CURRENT.load(Ordering::SeqCst);
    // SAFETY: the pointer comes from `Arc::into_raw`, and whoever takes it out waits until all that
    // are counted here are gone.
    let result = use_it(unsafe { home.as_ref() });
    count.fetch_sub(1, Ordering::Release);
    result
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
    for count in &INSIDE {
        while count.0.load(Ordering::SeqCst) != 0 {
            relax();
        }
    }
    // SAFETY: `set` made it by `Arc::into_raw`, this call took it out, and nobody uses it any more.
    drop(unsafe { Arc::from_raw(old) });
}

/// In the child of a fork, whose one thread is in no handler of the engine.
pub(super) fn reset_after_fork() {
    for count in &INSIDE {
        count.0.store(0, Ordering::SeqCst);
    }
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
