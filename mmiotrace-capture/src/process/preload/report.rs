//! What the library reports in words: a marker in the trace, and a line on standard error.

#![expect(unsafe_code, reason = "the thread's error number")]

use crate::process::Tracer;
use core::fmt::{Arguments, Write as _};
use std::io::Write as _;

/// A line of text in memory of its own: nothing is allocated, and what does not fit is cut off.
struct Line {
    bytes: [u8; 1024],
    len: usize,
}

impl core::fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            let to = self.bytes.get_mut(self.len).ok_or(core::fmt::Error)?;
            *to = if byte < b' ' { b'?' } else { byte };
            self.len += 1;
        }
        Ok(())
    }
}

impl Line {
    const EMPTY: Self = Self {
        bytes: [0; 1024],
        len: 0,
    };

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }
}

/// Writes one line as a marker into the trace, and on standard error. `loudly` false: only the marker.
/// Allocates nothing, so that a child between `fork` and `exec` may call it.
pub(super) fn report(tracer: &Tracer, loudly: bool, text: Arguments<'_>) {
    let mut line = Line::EMPTY;
    let _ = line.write_fmt(text);
    let _ = tracer.marker(line.as_bytes());
    print(loudly, line.as_bytes());
}

/// As [`report`], of accesses that may be missing in the trace: an annotation says so, and such a trace
/// is not complete. `reason` is one word.
pub(super) fn report_untraced(tracer: &Tracer, loudly: bool, reason: &str, text: Arguments<'_>) {
    let mut line = Line::EMPTY;
    let _ = write!(line, "untraced reason={reason} text=");
    let begins = line.len;
    let _ = line.write_fmt(text);
    tracer.annotate(line.as_bytes());
    print(loudly, line.as_bytes().get(begins..).unwrap_or(&[]));
}

fn print(loudly: bool, text: &[u8]) {
    if loudly {
        let mut terminal = std::io::stderr().lock();
        let _ = terminal.write_all(b"mmiotrace: ");
        let _ = terminal.write_all(text);
        let _ = terminal.write_all(b"\n");
    }
}

/// Calls `work`, and leaves the thread's error number as it was.
pub fn keeping_errno<R>(work: impl FnOnce() -> R) -> R {
    let error = std::io::Error::last_os_error();
    let result = work();
    restore_errno(&error);
    result
}

/// Puts the thread's error number back.
pub(super) fn restore_errno(error: &std::io::Error) {
    // SAFETY: the thread's own word.
    unsafe { *libc::__errno_location() = error.raw_os_error().unwrap_or(0) };
}
