//! The oldest compiler that the published crates promise to build with.

use vm::host::error::Error;
use vm::host::toolchain::Toolchain;
use vm::host::{cache, command};

/// The crates that other people's tools depend on, and the command: all that are published.
fn published() -> Result<Vec<String>, String> {
    let folders = std::fs::read_dir(cache::workspace()).map_err(|error| error.to_string())?;
    let names = folders.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names
        .filter(|name| {
            name.starts_with("mmiotrace-")
                && cache::workspace().join(name).join("Cargo.toml").is_file()
        })
        .collect())
}

/// Checks them with a compiler of exactly the version that `Cargo.toml` names.
pub(crate) fn run() -> Result<(), String> {
    let toolchain = match Toolchain::of_version(env!("CARGO_PKG_RUST_VERSION")) {
        Ok(toolchain) => toolchain,
        Err(Error::Unavailable(what)) => {
            println!("SKIPPED: msrv: {what}");
            return Ok(());
        }
        Err(error) => return Err(error.to_string()),
    };
    let mut cargo = toolchain.cargo();
    cargo.current_dir(cache::workspace()).arg("check");
    let packages = published()?;
    for package in &packages {
        cargo.args(["--package", package]);
    }
    cargo
        .arg("--target-dir")
        .arg(cache::workspace().join("target/msrv"));
    command::run(&mut cargo).map_err(|error| error.to_string())?;
    println!(
        "msrv: {} crates checked with {}",
        packages.len(),
        toolchain.version
    );
    Ok(())
}
