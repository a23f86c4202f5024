//! The oldest compiler that the published crates promise to build with.

use host::error::Error;
use host::toolchain::Toolchain;
use host::{cache, command};
use std::process::Command;

/// The crates that other people's tools depend on, and the command: all that are published.
fn published() -> Result<Vec<String>, String> {
    let folders = std::fs::read_dir(cache::workspace()).map_err(|error| error.to_string())?;
    let names = folders.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_published = |name: &String| {
        let manifest = cache::workspace().join(name).join("Cargo.toml");
        let text = std::fs::read_to_string(manifest);
        name.starts_with("mmiotrace-") && text.is_ok_and(|text| !text.contains("publish = false"))
    };
    Ok(names.filter(is_published).collect())
}

/// A cargo with a compiler of that version, and where it is from: rustup's where it has one, else
/// Debian's.
fn cargo(version: &str) -> Result<(Command, String), Error> {
    let mut rustup = Command::new("rustup");
    rustup.args(["run", version, "cargo"]);
    // Set by the cargo that runs this program.
    rustup.env_remove("RUSTC").env_remove("RUSTDOC");
    let mut trial = Command::new("rustup");
    match command::output(trial.args(["run", version, "rustc", "--version"])) {
        Ok(said) => Ok((rustup, said.trim().to_owned())),
        Err(_) => {
            let toolchain = Toolchain::of_version(version)?;
            Ok((toolchain.cargo(), format!("rustc {}", toolchain.version)))
        }
    }
}

/// Checks them with a compiler of exactly the version that `Cargo.toml` names. Where there is none,
/// clippy's `incompatible_msrv` has still looked for younger items of the standard library.
pub(crate) fn run() -> Result<(), String> {
    let version = env!("CARGO_PKG_RUST_VERSION");
    let (mut cargo, compiler) = match cargo(version) {
        Ok(found) => found,
        Err(Error::Unavailable(what)) => {
            println!(
                "SKIPPED: msrv: {what}, and rustup has no toolchain {version}: `rustup toolchain install {version}` adds it"
            );
            return Ok(());
        }
        Err(error) => return Err(error.to_string()),
    };
    cargo.current_dir(cache::workspace()).arg("check");
    let packages = published()?;
    for package in &packages {
        cargo.args(["--package", package]);
    }
    cargo
        .arg("--target-dir")
        .arg(cache::workspace().join("target/msrv"));
    command::run(&mut cargo).map_err(|error| error.to_string())?;
    println!("msrv: {} crates checked with {compiler}", packages.len());
    Ok(())
}
