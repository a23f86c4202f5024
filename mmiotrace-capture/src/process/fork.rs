//! What a fork does to a capture: the child has mappings of its own, and only one thread.

#![expect(
    unsafe_code,
    reason = "the C library calls functions of ours around a fork"
)]

use super::capture::Capture;
use super::regions::Lists;
use super::{current, handler_stack, thread, unannounced, worker};
use core::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};

/// The capture that runs, found without its handler.
static CAPTURE: Mutex<Weak<Capture>> = Mutex::new(Weak::new());

type ListsGuard<'a> = MutexGuard<'a, Lists>;

self_cell::self_cell!(
    /// A capture whose lists no other thread changes while this lives: the child of a fork finds
    /// them whole.
    struct HeldLists {
        owner: Arc<Capture>,
        #[not_covariant]
        dependent: ListsGuard,
    }
);

thread_local! {
    /// What this thread holds while it forks.
    static HELD: RefCell<Option<HeldLists>> = const { RefCell::new(None) };
}

/// Has the child of every fork from now on traced too.
pub(super) fn follow(capture: &Arc<Capture>) {
    static ONCE: Once = Once::new();
    *CAPTURE.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(capture);
    ONCE.call_once(|| {
        // SAFETY: functions that stay as long as the process.
        unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
    });
}

extern "C" fn before() {
    let capture = CAPTURE
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .upgrade();
    let held = capture.map(|capture| HeldLists::new(capture, |capture| capture.regions.lock()));
    HELD.with_borrow_mut(|place| *place = held);
}

extern "C" fn in_parent() {
    drop(HELD.take());
}

extern "C" fn in_child() {
    unannounced::announce();
    thread::forget();
    handler_stack::reset_after_fork();
    let Some(capture) = HELD.take().map(HeldLists::into_owner) else {
        return;
    };
    if !current::is(&capture) {
        return;
    }
    // SAFETY: the C library calls this in the child, which has this one thread; a fork is made by
    // the program, not by the engine's handler.
    unsafe { capture.after_fork() };
    if !capture.regions.is_empty() {
        // Without a worker, pages that go blind stay so; nothing else depends on it.
        let _ = worker::start(Arc::downgrade(&capture));
    }
}
