//! What the trace and the terminal are told in words.

use crate::session;
use core::fmt::{Arguments, Write as _};
use mmiotrace_capture::process::Tracer;
use std::io::Write as _;

/// A line of text in memory of its own: nothing is allocated, and what does not fit is cut off.
struct Line {
    bytes: [u8; 1024],
    len: usize,
}

impl core::fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            let place = self.bytes.get_mut(self.len).ok_or(core::fmt::Error)?;
            *place = if byte < b' ' { b'?' } else { byte };
            self.len += 1;
        }
        Ok(())
    }
}

/// Writes one line as a marker into the trace, and on standard error. `loudly` false: only the marker.
/// Allocates nothing, so that a child between `fork` and `exec` may call it.
pub(crate) fn tell(tracer: &Tracer, loudly: bool, text: Arguments<'_>) {
    let mut line = Line {
        bytes: [0; 1024],
        len: 0,
    };
    let _ = line.write_fmt(text);
    let text = line.bytes.get(..line.len).unwrap_or(&[]);
    let _ = tracer.marker(text);
    if loudly {
        let mut terminal = std::io::stderr().lock();
        let _ = terminal.write_all(b"mmiotrace: ");
        let _ = terminal.write_all(text);
        let _ = terminal.write_all(b"\n");
    }
}

/// The thread's error number, kept over calls of ours.
pub(crate) fn keeping_errno<R>(work: impl FnOnce() -> R) -> R {
    let error = std::io::Error::last_os_error();
    let result = work();
    session::restore(&error);
    result
}
