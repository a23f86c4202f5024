//! A Python of the project's own, with the readers of other people that judge what is exported.

use host::{apt, cache, command};
use std::path::Path;
use std::process::Command;

/// Packages of PyPI: Perfetto's schema, a reader of value change dumps, a database that reads
/// Parquet.
const PACKAGES: [&str; 3] = ["perfetto", "pyvcd", "duckdb"];

/// Drives a browser that the machine has.
const BROWSER_PACKAGE: &str = "playwright";

/// Makes sure that `target/python` has them, and for the browser tests a browser.
pub(crate) fn prepare(browser: bool) -> Result<(), String> {
    let folder = cache::workspace().join("target/python");
    let python = folder.join("bin/python3");
    let has = |modules: &str| {
        let mut trial = Command::new(&python);
        command::output(trial.args(["-c", &format!("import {modules}")])).is_ok()
    };
    if !has("perfetto, vcd, duckdb") {
        make(&folder)?;
        install(&python, &PACKAGES)?;
    }
    if browser {
        apt::require(&[("chromium", "chromium")]).map_err(|error| error.to_string())?;
        if !has("playwright") {
            install(&python, &[BROWSER_PACKAGE])?;
        }
    }
    Ok(())
}

/// Makes an environment of Python without packages.
fn make(folder: &Path) -> Result<(), String> {
    apt::require(&[("python3", "python3")]).map_err(|error| error.to_string())?;
    let make = || {
        command::output(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(folder),
        )
    };
    if make().is_err() {
        // Debian keeps the module in a package of its own.
        apt::install(&["python3-venv"]).map_err(|error| error.to_string())?;
        make().map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn install(python: &Path, packages: &[&str]) -> Result<(), String> {
    let mut install = Command::new(python);
    install
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(packages);
    command::output(&mut install)
        .map(drop)
        .map_err(|error| error.to_string())
}
