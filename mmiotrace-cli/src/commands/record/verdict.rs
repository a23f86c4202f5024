//! The verdict that ends a recording, on standard error.

use crate::commands::check;
use crate::failure::{Failure, Outcome, plain};
use mmiotrace_analysis::Checker;
use mmiotrace_format::{Error, Reader};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Reads the trace that was just written, and says on standard error whether it is whole.
pub(crate) fn tell(path: &Path) -> Result<Outcome, Failure> {
    let name = path.display().to_string();
    let failed = |error: &io::Error| Failure::new(&name, plain(error));
    let file = File::open(path).map_err(|error| failed(&error))?;
    let (mut entries, mut checker) = (Reader::new(file).entries(), Checker::new());
    loop {
        match entries.next_entry() {
            Ok(Some(entry)) => checker.entry(&entry),
            Ok(None) => break,
            Err(Error::Parse(error)) => checker.invalid(&error),
            Err(Error::Io(error)) => return Err(failed(&error)),
            Err(error) => return Err(Failure::new(&name, error)),
        }
    }
    Ok(tell_of(&name, checker))
}

/// Says on standard error what has come of a trace that was checked as it was made.
pub(crate) fn tell_of(name: &str, checker: Checker) -> Outcome {
    let verdict = checker.finish();
    // Nobody is left to be told that standard error is closed.
    let _ = io::stderr()
        .lock()
        .write_all(check::text(name, &verdict).as_bytes());
    if verdict.complete {
        Outcome::Clean
    } else {
        Outcome::Found
    }
}
