//! Licences, sources and duplicates of all dependencies.

use host::{cache, command};
use std::process::Command;

/// Runs cargo-deny; brings it where it is missing. Its advisories need a database from the
/// network, so a person runs those: `cargo deny check advisories`.
pub(crate) fn run() -> Result<(), String> {
    install("cargo-deny", &["--locked", "cargo-deny"])?;
    let mut deny = Command::new("cargo");
    deny.current_dir(cache::workspace()).args([
        "deny",
        "--offline",
        "check",
        "bans",
        "licenses",
        "sources",
    ]);
    command::run(&mut deny).map_err(|error| error.to_string())
}

/// Installs a cargo subcommand where it is missing.
pub(crate) fn install(program: &str, arguments: &[&str]) -> Result<(), String> {
    if command::exists(program) {
        return Ok(());
    }
    eprintln!("installing {program}");
    command::run(Command::new("cargo").arg("install").args(arguments))
        .map_err(|error| error.to_string())
}
