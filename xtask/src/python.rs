//! A Python of the project's own, with the readers of other people that judge what is exported.

use crate::vm::{apt, cache, command};
use std::process::Command;

/// Packages of PyPI: Perfetto's schema, a reader of value change dumps, a database that reads
/// Parquet.
const PACKAGES: [&str; 3] = ["perfetto", "pyvcd", "duckdb"];

/// Makes sure that `target/python` has them.
pub(crate) fn prepare() -> Result<(), String> {
    let folder = cache::workspace().join("target/python");
    let python = folder.join("bin/python3");
    let mut trial = Command::new(&python);
    if command::output(trial.args(["-c", "import perfetto, vcd, duckdb"])).is_ok() {
        return Ok(());
    }
    apt::require(&[("python3", "python3")]).map_err(|error| error.to_string())?;
    let make = || {
        command::output(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&folder),
        )
    };
    if make().is_err() {
        // Debian keeps the module in a package of its own.
        apt::install(&["python3-venv"]).map_err(|error| error.to_string())?;
        make().map_err(|error| error.to_string())?;
    }
    let mut install = Command::new(&python);
    install
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(PACKAGES);
    command::output(&mut install)
        .map(drop)
        .map_err(|error| error.to_string())
}
