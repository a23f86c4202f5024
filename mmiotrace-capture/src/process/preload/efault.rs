//! System calls that fail with EFAULT because they were given traced memory, where the kernel finds
//! nothing. They look like bugs in the program, so we report them.

#![expect(unsafe_code, reason = "the thread's error number")]

use super::report::{keeping_errno, report_untraced};
use super::session::with;
use core::sync::atomic::{AtomicBool, Ordering};

/// A function of the C library that is given memory, or `syscall`.
#[derive(Debug)]
pub struct Watched {
    name: &'static str,
    reported: AtomicBool,
}

impl Watched {
    /// By its name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            reported: AtomicBool::new(false),
        }
    }

    /// After a call of it with these arguments that failed: reports it if traced memory was why.
    pub fn failed(&self, arguments: &[usize]) {
        if is_fault() {
            report_refusal(self.name, &self.reported, arguments);
        }
    }
}

/// Reports that a stream was given a buffer in traced memory and has one of its own instead: the C
/// library's own calls, which nothing replaces, would fail.
pub fn report_stream_buffer() {
    let _ = with(|tracer| {
        let text = "a stream was given traced memory as its buffer, where the kernel finds none: it has another";
        report_untraced(tracer, true, "efault", format_args!("{text}"));
    });
}

/// Whether the thread's last error is EFAULT.
fn is_fault() -> bool {
    // SAFETY: the thread's own word.
    unsafe { *libc::__errno_location() == libc::EFAULT }
}

/// Reports that a call was refused, if anything is traced that it may have been given. `reported` is
/// whether standard error has it already.
#[cold]
fn report_refusal(name: &str, reported: &AtomicBool, arguments: &[usize]) {
    keeping_errno(|| {
        let _ = with(|tracer| {
            if !tracer.traces(core::ptr::null(), usize::MAX) {
                return;
            }
            let loudly = !reported.swap(true, Ordering::Relaxed);
            let given = arguments
                .iter()
                .find(|argument| tracer.traces(**argument as *const u8, 1));
            match given {
                Some(address) => report_untraced(
                    tracer,
                    loudly,
                    "efault",
                    format_args!(
                        "{name} was given traced memory at {address:#x}, where the kernel finds none, and failed \
                         with EFAULT"
                    ),
                ),
                None => report_untraced(
                    tracer,
                    loudly,
                    "efault",
                    format_args!(
                        "{name} failed with EFAULT: what it was given may lead to traced memory, where the kernel \
                         finds none"
                    ),
                ),
            }
        });
    });
}
