//! Everything that must hold before a change lands.

use crate::steps::Tally;
use crate::{deny, fuzz, msrv, no_std, test};
use std::process::Command;

/// `cargo xtask ci`: the tests, then format, lints, documentation, builds without std, the oldest
/// compiler, licences, packages and a short fuzz.
pub(crate) fn run() -> Result<(), String> {
    let mut tally = Tally::default();
    test::add(&mut tally, false);
    tally.program("format", &mut cargo(&["fmt", "--all", "--check"]));
    tally.program(
        "lints",
        &mut cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-D",
            "warnings",
        ]),
    );
    tally.program(
        "documentation",
        cargo(&["doc", "--workspace", "--no-deps", "--all-features"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    );
    tally.function("no_std builds", no_std::run);
    tally.function("oldest compiler", msrv::run);
    tally.function("licences and sources", deny::run);
    tally.program(
        "packages",
        &mut cargo(&[
            "package",
            "--workspace",
            "--allow-dirty",
            "--no-verify",
            "--quiet",
        ]),
    );
    tally.function("short fuzz", || fuzz::run(&[]));
    tally.close()
}

fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(arguments).current_dir(host::cache::workspace());
    cargo
}
