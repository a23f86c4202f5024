//! How the workspace is built for tests: one profile and one set of features everywhere, so that no
//! crate is built twice.

use crate::error::Result;
use crate::{cache, command};
use std::path::PathBuf;
use std::process::Command;

/// Arguments of every `cargo build` and `cargo test` of the workspace. Optimised somewhat, because
/// whole traces go through the tests byte by byte.
pub const WORKSPACE: [&str; 5] = [
    "--workspace",
    "--profile",
    "checked",
    "--features",
    // What is tested beside the default features.
    "mmiotrace-export/parquet",
];

/// A program of the workspace, built so; or from the folder that `MMIOTRACE_BUILT` names, for a machine
/// that has no compiler.
///
/// # Errors
/// What the compiler says.
pub fn program(name: &str) -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("MMIOTRACE_BUILT") {
        return Ok(PathBuf::from(folder).join(name));
    }
    let mut cargo = Command::new("cargo");
    cargo.current_dir(cache::workspace());
    cargo
        .args(["build", "--quiet"])
        .args(WORKSPACE)
        .args(["--bin", name]);
    command::run(&mut cargo)?;
    Ok(target().join("checked").join(name))
}

/// Cargo's target folder.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| cache::workspace().join("target"), PathBuf::from)
}
