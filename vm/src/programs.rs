//! The programs under test, built for the guest: it runs what this machine runs.

use host::error::Result;
use host::{build, cache, command};
use std::path::PathBuf;
use std::process::Command;

/// The `mmiotrace` command and the library that it preloads into programs, as the tests build them.
pub(crate) fn checked() -> Result<[PathBuf; 2]> {
    Ok(with_library(build::program("mmiotrace")?))
}

/// The same as people build them, with all targets of replays.
pub(crate) fn released() -> Result<[PathBuf; 2]> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(cache::workspace());
    cargo.args([
        "build",
        "--quiet",
        "--release",
        "--package",
        "mmiotrace-cli",
    ]);
    command::run(cargo.args(["--features", "vfio"]))?;
    Ok(with_library(build::target().join("release/mmiotrace")))
}

/// Where cargo leaves the library when it builds the command.
fn with_library(command: PathBuf) -> [PathBuf; 2] {
    let library = command.with_file_name("deps/libmmiotrace_preload.so");
    [command, library]
}
