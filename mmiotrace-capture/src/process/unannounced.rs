//! A fork past the C library, by an instruction `syscall` of the program's own: nothing calls us in the
//! child. Its first fault shows it, by a page that the kernel empties in every child.

#![expect(unsafe_code, reason = "memory is mapped, and read by a signal handler")]

use super::{current, handler_stack, thread};
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

static ANNOUNCED: AtomicU32 = AtomicU32::new(1);

/// A word that is 1 in a process that was announced, and that a fork makes 0. Until there is a page
/// of that kind, a word that stays as it is.
static WORD: AtomicPtr<AtomicU32> = AtomicPtr::new((&raw const ANNOUNCED).cast_mut());

/// Maps the page, once for the process and its children. Without it such children are not noticed.
pub(super) fn watch() {
    const LEN: usize = 4096;
    if WORD.load(Ordering::Relaxed) != (&raw const ANNOUNCED).cast_mut() {
        return;
    }
    // SAFETY: a new mapping at an address of the kernel's choice, which is never unmapped.
    unsafe {
        let page = libc::mmap(
            core::ptr::null_mut(),
            LEN,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        // Linux 4.14.
        if page != libc::MAP_FAILED && libc::madvise(page, LEN, libc::MADV_WIPEONFORK) == 0 {
            let word: *mut AtomicU32 = page.cast();
            (*word).store(1, Ordering::Relaxed);
            WORD.store(word, Ordering::Release);
        }
    }
}

fn word() -> &'static AtomicU32 {
    // SAFETY: the address of a static, or of a page that stays mapped; zeroed memory is a word.
    unsafe { &*WORD.load(Ordering::Relaxed) }
}

/// Whether this process is a child that nothing has announced. For signal handlers.
#[inline]
pub(super) fn is_child() -> bool {
    word().load(Ordering::Relaxed) == 0
}

/// In the child of a fork: it is announced from here on.
pub(super) fn announce() {
    word().store(1, Ordering::Relaxed);
}

/// What [`fork`](super::fork) does in a child, in the first fault of one that it does not know of.
///
/// # Safety
/// In a signal handler that has not entered the engine. The process has one thread.
#[cold]
pub(super) unsafe fn begin() {
    announce();
    thread::forget();
    handler_stack::reset_after_fork();
    let guard = handler_stack::StackGuard::take(thread::id(), || {});
    // A list that a thread of the parent was changing stays locked here.
    if let Some(capture) = current::capture(&guard).filter(|capture| capture.regions.are_free()) {
        // SAFETY: the caller's promise.
        unsafe { capture.after_fork() };
    }
}
