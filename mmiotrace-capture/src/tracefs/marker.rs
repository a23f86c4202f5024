//! Markers into the kernel's trace.

use super::Error;
use super::control::TraceDir;
use super::setup::TRACER;
use crate::machine::Root;
use mmiotrace_core::RESERVED_MARKER_PREFIX;
use std::fs::OpenOptions;
use std::io::Write;

/// The kernel cuts longer ones: at 1024 bytes before 6.4, at 4096 since (`TRACE_BUF_SIZE` and
/// `TRACE_MARKER_MAX_SIZE` in `kernel/trace/trace.c`), and a write that is cut goes on as a second
/// marker.
const MAX_LEN: usize = 1000;

/// Writes a marker into the capture that runs, whoever started it.
///
/// # Errors
/// Where no capture by the kernel's tracer runs, or the text is one that a trace cannot hold: it
/// is too long, has a newline (the rest would be a line of its own, and could be taken for a
/// record) or a NUL (the text would end there, without newline), or begins with the reserved word.
pub fn mark(root: &Root, text: &[u8]) -> Result<(), Error> {
    let dir = TraceDir::find(root).ok_or(Error::NotRunning)?;
    if dir.read("current_tracer")? != TRACER {
        return Err(Error::NotRunning);
    }
    write(&dir, text)
}

pub(super) fn write(dir: &TraceDir, text: &[u8]) -> Result<(), Error> {
    check(text)?;
    let path = dir.path("trace_marker");
    let mut line = text.to_vec();
    line.push(b'\n');
    let write = || {
        OpenOptions::new()
            .append(true)
            .open(&path)?
            .write_all(&line)
    };
    write().map_err(|error| Error::file(&path, error))
}

fn check(text: &[u8]) -> Result<(), Error> {
    if text.starts_with(RESERVED_MARKER_PREFIX) {
        return Err(Error::Marker("begin with the reserved word mmiotrace1"));
    }
    if text.iter().any(|byte| matches!(byte, b'\n' | 0)) {
        return Err(Error::Marker("hold a newline or a NUL"));
    }
    if text.len() > MAX_LEN {
        return Err(Error::Marker("be longer than 1000 bytes"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_trace_cannot_hold_is_refused() {
        assert!(check(b"X is up").is_ok());
        assert!(check(&[b'x'; 1000]).is_ok());
        assert!(check(b"").is_ok());
        for wrong in [
            &b"mmiotrace1 lost n=1"[..],
            b"a\nR 4 1.0 1 0x0 0x0 0x0 0",
            b"a\0b",
            &[b'x'; 1001],
        ] {
            assert!(check(wrong).is_err());
        }
    }
}
