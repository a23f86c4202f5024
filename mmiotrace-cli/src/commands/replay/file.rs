//! Plans in files, and what stands beside them.

use crate::failure::{Failure, Stop, plain};
use crate::output::{OneLine, create};
use mmiotrace_replay::{Plan, SideFiles};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Reads a plan and its side files.
pub(super) fn read(path: &Path) -> Result<(Plan, SideFiles), Failure> {
    let name = path.display().to_string();
    let failed = |error: io::Error| Failure::new(&name, plain(&error));
    let text = fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            failed(error).advise("mmiotrace replay plan makes one from a trace")
        }
        io::ErrorKind::InvalidData => {
            Failure::new(&name, "is no text").advise("give a plan, not a trace")
        }
        _ => failed(error),
    })?;
    let plan = Plan::from_toml(&text)
        .map_err(|error| Failure::new(&name, error.what()).at_line(error.line()))?;
    let files = SideFiles::read(&plan, folder(path)).map_err(failed)?;
    Ok((plan, files))
}

/// The folder in which side files stand.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."))
}

/// The files that are read for a plan: it, and those beside it.
pub(super) fn all(path: &Path, files: &SideFiles) -> Vec<PathBuf> {
    let beside = files.iter().map(|(name, _)| folder(path).join(name));
    beside.chain([path.to_path_buf()]).collect()
}

/// Writes text into a file that is none of those `read`, or to standard output for `-`.
pub(super) fn write(path: &Path, read: &[PathBuf], text: &str) -> Result<(), Stop> {
    let written = if path == Path::new("-") {
        io::stdout().lock().write_all(text.as_bytes())
    } else {
        create(path, read)?.write_all(text.as_bytes())
    };
    written.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Stop::ClosedPipe,
        _ => Failure::new(path.display().to_string(), plain(&error)).into(),
    })
}

/// Tells something on standard error.
pub(super) fn tell(what: impl core::fmt::Display) {
    // Nobody is left to be told that standard error is closed.
    let _ = writeln!(io::stderr().lock(), "{}", OneLine(what));
}

/// Where output goes: a file, `-` for standard output.
#[derive(Debug, clap::Args)]
pub(super) struct OutputArgs {
    /// The file to write; `-` is standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub(super) output: PathBuf,
}
