//! A readers-writer lock with a time-out, for the program's mappings.
//!
//! Between its creation by the kernel and the moment when it is traced, a mapping looks like one that
//! we have missed. So a scan of all mappings keeps the program's threads out of the functions that
//! change them meanwhile. Those functions are the readers, a scan is the writer.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;

/// How many threads change mappings now.
static READERS: AtomicU32 = AtomicU32::new(0);
static WRITER: AtomicBool = AtomicBool::new(false);

/// How often a scan waits before it gives up: a reader may be interrupted for long.
const PATIENCE: u32 = 1000;
/// How often a reader waits: the writer may exist in the parent only.
const MORE_PATIENCE: u32 = 100 * PATIENCE;

fn wait(waited: &mut u32, patience: u32) -> bool {
    *waited += 1;
    std::thread::sleep(Duration::from_micros(50));
    *waited < patience
}

/// This thread changes mappings, until this is dropped.
#[derive(Debug)]
pub(super) struct ReadGuard(());

impl ReadGuard {
    /// Waits while a scan runs. `None` if nothing is captured, or if the caller is the library itself.
    pub(super) fn lock() -> Option<Self> {
        if !super::is_active() {
            return None;
        }
        let mut waited = 0;
        loop {
            // Sequentially consistent, as in the writer: of a reader and a writer at least one sees the
            // other.
            READERS.fetch_add(1, Ordering::SeqCst);
            if !WRITER.load(Ordering::SeqCst) {
                return Some(Self(()));
            }
            READERS.fetch_sub(1, Ordering::SeqCst);
            if !wait(&mut waited, MORE_PATIENCE) {
                READERS.fetch_add(1, Ordering::SeqCst);
                return Some(Self(()));
            }
        }
    }
}

impl Drop for ReadGuard {
    fn drop(&mut self) {
        READERS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// No thread changes mappings, until this is dropped.
#[derive(Debug)]
pub(super) struct WriteGuard(());

impl WriteGuard {
    /// `None` if another scan runs, or a reader does not finish.
    pub(super) fn lock() -> Option<Self> {
        if WRITER.swap(true, Ordering::SeqCst) {
            return None;
        }
        let guard = Self(());
        let mut waited = 0;
        while READERS.load(Ordering::SeqCst) != 0 {
            if !wait(&mut waited, PATIENCE) {
                return None;
            }
        }
        Some(guard)
    }
}

impl Drop for WriteGuard {
    fn drop(&mut self) {
        WRITER.store(false, Ordering::SeqCst);
    }
}

/// In the child of a fork, which has one thread, and that one is no reader.
pub(super) fn reset_after_fork() {
    READERS.store(0, Ordering::SeqCst);
    WRITER.store(false, Ordering::SeqCst);
}
