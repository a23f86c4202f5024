//! What a capture that was killed has left.

use super::control::TraceDir;
use super::state::{State, StateFile};
use super::undo::undo;
use super::{Error, setup};
use crate::machine::Root;

/// Puts back what a capture that was killed has left, without starting one. `None` where there is
/// nothing to put back; else a sentence about that capture.
///
/// # Errors
/// Where a capture runs, or something cannot be put back.
pub fn restore_leftover(root: &Root) -> Result<Option<String>, Error> {
    let (file, left) = StateFile::lock(root)?;
    let Some(left) = left else {
        return Ok(None);
    };
    let mut notes = Vec::new();
    put_back(root, &left, &mut notes)?;
    file.remove()?;
    Ok(notes.pop())
}

pub(super) fn put_back(root: &Root, left: &State, notes: &mut Vec<String>) -> Result<(), Error> {
    let whose = match (&left.pid, &left.output) {
        (Some(pid), Some(output)) => format!("process {pid}, which wrote {output},"),
        (Some(pid), None) => format!("process {pid}"),
        (None, _) => "a capture".to_owned(),
    };
    let tracer = TraceDir::find(root).and_then(|dir| dir.read("current_tracer").ok());
    // The tracer is somebody else's by now: what it was before does not count any more.
    if tracer.is_some_and(|tracer| tracer != setup::TRACER && tracer != "nop") {
        notes.push(format!(
            "{whose} was killed; the tracer is in other use by now and stays as it is"
        ));
        return Ok(());
    }
    let failures = undo(root, &left.steps);
    if !failures.is_empty() {
        return Err(Error::NotRestored(failures));
    }
    notes.push(format!(
        "{whose} was killed while it captured: its trace has no end; everything is put back now"
    ));
    Ok(())
}
