//! The programs under test, built for the guest: it runs what this machine runs.

use crate::host::error::Result;
use crate::host::{cache, command};
use std::path::PathBuf;
use std::process::Command;

/// Builds the `mmiotrace` command.
pub(crate) fn command() -> Result<PathBuf> {
    command_with(&[])
}

/// The command, and the library that it preloads into programs.
pub(crate) fn with_library() -> Result<[PathBuf; 2]> {
    let command = command()?;
    // Where cargo leaves it when it builds the command.
    let library = command.with_file_name("deps/libmmiotrace_preload.so");
    Ok([command, library])
}

/// The command with all of its targets of replays.
pub(crate) fn replaying_command() -> Result<PathBuf> {
    command_with(&["--features", "vfio"])
}

fn command_with(arguments: &[&str]) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(cache::workspace());
    cargo.args([
        "build",
        "--quiet",
        "--release",
        "--package",
        "mmiotrace-cli",
    ]);
    cargo.args(arguments);
    command::output(&mut cargo)?;
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| cache::workspace().join("target"), PathBuf::from);
    Ok(target.join("release/mmiotrace"))
}
