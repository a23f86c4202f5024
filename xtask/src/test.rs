//! All tests, with everything they need.

use crate::steps::Tally;
use crate::{linux_source, python};
use host::build::{self, WORKSPACE};
use std::process::Command;

/// `cargo xtask test [--all]`.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let mut tally = Tally::default();
    add(
        &mut tally,
        arguments.iter().any(|argument| argument == "--all"),
    );
    tally.close()
}

/// Programs that tests run, each with the Debian package that has it: a second reading of traces, a
/// second witness of a program's accesses, and a program that maps a file.
const PROGRAMS: [(&str, &str); 5] = [
    ("gawk", "gawk"),
    ("xz", "xz-utils"),
    ("gcc", "gcc"),
    ("valgrind", "valgrind"),
    ("sqlite3", "sqlite3"),
];

/// Adds the steps of the tests to a run.
pub(crate) fn add(tally: &mut Tally, all: bool) {
    if let Err(error) = host::apt::require(&PROGRAMS) {
        tally.skip(&format!("set-up: {error}"));
    }
    if let Err(error) = python::prepare(all) {
        tally.skip(&format!("readers of exports: {error}"));
    }
    let source = linux_source::prepare();
    if let Err(error) = &source {
        tally.skip(&format!("headers of Linux' drivers: {error}"));
    }
    // Some tests preload the library that is built first.
    for (name, arguments) in [
        ("build", &["build"][..]),
        ("tests", &["test", "--no-fail-fast"]),
    ] {
        let mut step = cargo(arguments);
        if let Ok(source) = &source {
            step.env("MMIOTRACE_LINUX_SOURCE", source);
        }
        step.args(WORKSPACE).env("CARGO_TERM_COLOR", "never");
        tally.program(name, &mut step);
    }
    let mut machines = Command::new(build::target().join("checked/vm"));
    machines.args(["test", if all { "--all" } else { "--quick" }]);
    tally.program("machines", &mut machines);
    if all {
        tally.function("oracle", || oracle(&[]));
        tally.function("oracle through the engine", || {
            oracle(&["--engine".to_owned()])
        });
    }
}

/// `cargo xtask oracle`: the decoder against the CPU, every encoding.
pub(crate) fn oracle(arguments: &[String]) -> Result<(), String> {
    let status = cargo(&["run", "--release", "--package", "oracle", "--"])
        .args(arguments)
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("oracle: {status}")),
        Err(error) => Err(format!("cannot start cargo: {error}")),
    }
}

fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(arguments).current_dir(host::cache::workspace());
    cargo
}
