//! Proof that the crates which say `no_std` are: a build for a target that has no std.

use host::error::{Error, Result};
use host::toolchain::Toolchain;
use host::{cache, command};
use std::process::Command;

const TARGET: &str = "x86_64-unknown-none";

/// Each crate with the sets of features that must build without std.
const BUILDS: [(&str, &str); 6] = [
    ("mmiotrace-core", ""),
    ("mmiotrace-core", "serde,test-util"),
    ("mmiotrace-decode", ""),
    ("mmiotrace-format", ""),
    ("mmiotrace-format", "alloc"),
    ("mmiotrace-kmod", ""),
];

/// Builds them all.
pub(crate) fn run() -> core::result::Result<(), String> {
    build().map_err(|error| match error {
        Error::Unavailable(what) => format!("no compiler for {TARGET} here: {what}"),
        Error::Failed(what) => what,
    })
}

fn build() -> Result<()> {
    let installed = command::output(Command::new("rustup").args(["target", "list", "--installed"]));
    let ready = installed.is_ok_and(|targets| targets.lines().any(|target| target == TARGET));
    let toolchain = if ready {
        None
    } else {
        Some(Toolchain::newest_with_sources()?)
    };
    for (package, features) in BUILDS {
        let mut cargo = match &toolchain {
            None => Command::new("cargo"),
            Some(toolchain) => {
                let mut cargo = toolchain.cargo();
                // Unstable flags of a stable compiler: only to build core and alloc from source.
                cargo.env("RUSTC_BOOTSTRAP", "1");
                cargo
            }
        };
        cargo.current_dir(cache::workspace()).arg("build").args([
            "--package",
            package,
            "--target",
            TARGET,
        ]);
        cargo.args(["--no-default-features", "--features", features]);
        cargo
            .arg("--target-dir")
            .arg(cache::workspace().join("target/no-std"));
        if toolchain.is_some() {
            cargo.arg("-Zbuild-std=core,alloc");
        }
        eprintln!("no_std: {package} with features [{features}]");
        command::run(&mut cargo)?;
    }
    println!("no_std: {} builds for {TARGET}", BUILDS.len());
    Ok(())
}
