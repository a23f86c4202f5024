//! Markers into the kernel's trace.

use super::Error;
use super::control::TraceDir;
use super::setup::TRACER;
use crate::check_marker;
use crate::machine::Root;
use std::fs::OpenOptions;
use std::io::Write;

/// Writes a marker into the capture that runs, by whichever process.
///
/// # Errors
/// If no capture by the kernel's tracer runs, or the text cannot be a marker ([`check_marker`]).
pub fn mark(root: &Root, text: &[u8]) -> Result<(), Error> {
    let dir = TraceDir::find(root).ok_or(Error::NotRunning)?;
    if dir.read("current_tracer")? != TRACER {
        return Err(Error::NotRunning);
    }
    write(&dir, text)
}

pub(super) fn write(dir: &TraceDir, text: &[u8]) -> Result<(), Error> {
    check_marker(text).map_err(Error::Marker)?;
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
