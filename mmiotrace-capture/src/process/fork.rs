//! What a fork does to a capture: the child has mappings of its own, and only one thread.

#![expect(
    unsafe_code,
    reason = "the C library calls functions of ours around a fork"
)]

use super::home::{Held, Home};
use super::{current, desk, thread, worker};
use core::cell::RefCell;
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};

/// The home of the capture that runs, found without its handler.
static HOME: Mutex<Weak<Home>> = Mutex::new(Weak::new());

thread_local! {
    /// What this thread holds while it forks.
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

/// Has the child of every fork from now on traced too.
pub(super) fn follow(home: &Arc<Home>) {
    static ONCE: Once = Once::new();
    *HOME.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(home);
    ONCE.call_once(|| {
        // SAFETY: functions that stay as long as the process.
        unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
    });
}

extern "C" fn before() {
    let home = HOME
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .upgrade();
    let held = home.as_ref().map(Home::hold);
    HELD.with_borrow_mut(|place| *place = held);
}

extern "C" fn in_parent() {
    drop(HELD.take());
}

extern "C" fn in_child() {
    thread::forget();
    desk::reset_after_fork();
    let Some(home) = HELD.take().map(Held::release) else {
        return;
    };
    if !current::is(&home) {
        return;
    }
    // SAFETY: the C library calls this in the child, which has this one thread; a fork is made by
    // the program, not by the engine's handler.
    unsafe { home.after_fork() };
    if home.len() > 0 {
        // Where there is no worker, pages that go blind stay so; nothing else depends on it.
        let _ = worker::start(Arc::downgrade(&home));
    }
}
