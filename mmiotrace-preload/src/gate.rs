//! Between a mapping's birth in the kernel and the moment when it is traced it looks like one that nobody
//! has told of. So whoever acts on what he sees of all mappings has the program's threads stay out of
//! the functions that change them meanwhile.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;

/// How many threads are in such a function.
static CHANGING: AtomicU32 = AtomicU32::new(0);
static CLOSED: AtomicBool = AtomicBool::new(false);

/// How often anybody waits for threads in such functions before he gives up: one may be interrupted there
/// for long.
const PATIENCE: u32 = 1000;
/// How often a thread waits before the gate: whoever has closed it may exist in the parent only.
const MORE_PATIENCE: u32 = 100 * PATIENCE;

fn wait(waited: &mut u32, patience: u32) -> bool {
    *waited += 1;
    std::thread::sleep(Duration::from_micros(50));
    *waited < patience
}

/// This thread changes mappings, until this is dropped.
#[derive(Debug)]
pub(crate) struct Changing(());

impl Changing {
    /// Waits while the gate is closed. `None` where nothing is captured, or the library itself is at work.
    pub(crate) fn begin() -> Option<Self> {
        if !crate::session::is_active() {
            return None;
        }
        let mut waited = 0;
        loop {
            // Sequentially consistent, as `close`: of a thread that comes and the gate that closes at least
            // one sees the other.
            CHANGING.fetch_add(1, Ordering::SeqCst);
            if !CLOSED.load(Ordering::SeqCst) {
                return Some(Self(()));
            }
            CHANGING.fetch_sub(1, Ordering::SeqCst);
            if !wait(&mut waited, MORE_PATIENCE) {
                CHANGING.fetch_add(1, Ordering::SeqCst);
                return Some(Self(()));
            }
        }
    }
}

impl Drop for Changing {
    fn drop(&mut self) {
        CHANGING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Nobody changes mappings, until this is dropped.
#[derive(Debug)]
pub(crate) struct Closed(());

impl Closed {
    /// `None` where somebody else has closed it, or a thread does not come out.
    pub(crate) fn close() -> Option<Self> {
        if CLOSED.swap(true, Ordering::SeqCst) {
            return None;
        }
        let closed = Self(());
        let mut waited = 0;
        while CHANGING.load(Ordering::SeqCst) != 0 {
            if !wait(&mut waited, PATIENCE) {
                return None;
            }
        }
        Some(closed)
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        CLOSED.store(false, Ordering::SeqCst);
    }
}

/// In the child of a fork, which has one thread, and that one in none of these functions.
pub(crate) fn reset_after_fork() {
    CHANGING.store(0, Ordering::SeqCst);
    CLOSED.store(false, Ordering::SeqCst);
}
