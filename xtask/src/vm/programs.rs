//! The programs under test, built for the guest: it runs what this machine runs.

use super::error::Result;
use super::{cache, command};
use std::path::PathBuf;
use std::process::Command;

/// Builds the `mmiotrace` command.
pub(crate) fn command() -> Result<PathBuf> {
    command_with(&[])
}

/// The same with all of its targets of replays.
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
