//! The capture that runs in this process, as its signal handler finds it.

#![expect(unsafe_code, reason = "the handler finds the capture by a pointer")]

use super::capture::Capture;
use super::handler_stack::{self, StackGuard};
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use mmiotrace_decode::native;
use std::sync::Arc;

static CURRENT: AtomicPtr<Capture> = AtomicPtr::new(core::ptr::null_mut());

/// Where the re-encoded code of the current capture runs.
static SLOTS: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// Where the engine's own code goes on after a fault at `rip`, if it is that. For signal handlers
/// too.
#[inline]
pub(super) fn recover(rip: u64) -> Option<u64> {
    let [start, end] = SLOTS.each_ref().map(|word| word.load(Ordering::Relaxed));
    native::recover(rip, &(start..end))
}

/// The capture; it is not dropped while the guard lives. For signal handlers.
#[inline]
pub(super) fn capture(_guard: &StackGuard) -> Option<&Capture> {
    // Sequentially consistent, as the taking of the stack and the two in `clear`: either the stack is taken
    // before the pointer is exchanged, and is waited for, or this sees the new pointer.
    let current = CURRENT.load(Ordering::SeqCst);
    // SAFETY: the pointer comes from `Arc::into_raw`, and `clear` waits until every stack that was taken before
    // is free.
    unsafe { current.as_ref() }
}

/// Makes a capture the current one; `false` if there is one. The caller keeps its own share of it.
pub(super) fn set(capture: &Arc<Capture>) -> bool {
    let new = Arc::into_raw(Arc::clone(capture)).cast_mut();
    let done = CURRENT.compare_exchange(
        core::ptr::null_mut(),
        new,
        Ordering::SeqCst,
        Ordering::SeqCst,
    );
    if done.is_ok() {
        let slots = capture.handler.slots();
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

/// Takes the capture out again, and waits until no handler uses it. Not from a handler.
pub(super) fn clear(capture: &Arc<Capture>, mut relax: impl FnMut()) {
    let old = Arc::as_ptr(capture).cast_mut();
    let taken = CURRENT.compare_exchange(
        old,
        core::ptr::null_mut(),
        Ordering::SeqCst,
        Ordering::SeqCst,
    );
    if taken.is_err() {
        return;
    }
    handler_stack::wait_until_left(&mut relax);
    // SAFETY: `set` made it by `Arc::into_raw`, this call took it out, and nobody uses it any more.
    drop(unsafe { Arc::from_raw(old) });
}

/// Whether this capture is the current one.
pub(super) fn is(capture: &Capture) -> bool {
    core::ptr::eq(CURRENT.load(Ordering::Relaxed), capture)
}
