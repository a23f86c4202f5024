//! Short fuzzing of every target.

use crate::deny::install;
use host::{cache, command};
use std::process::Command;

/// How long a target runs where nobody says, in seconds.
const SHORT: u32 = 20;

/// Runs each target for some seconds on its corpus: with no time given in the same order every time, so
/// that two runs over one tree agree; with a time given from a new place each time, to find what is left.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let (seconds, seed) = match arguments.first() {
        None => (SHORT, "-seed=1"),
        Some(text) => match text.parse() {
            Ok(seconds) => (seconds, "-seed=0"),
            Err(_) => return Err(format!("{text} is no number of seconds")),
        },
    };
    install("cargo-fuzz", &["--locked", "cargo-fuzz"])?;
    let folder = cache::workspace().join("fuzz");
    let mut list = Command::new("cargo");
    let targets = command::output(list.current_dir(&folder).args(["fuzz", "list"]))
        .map_err(|error| error.to_string())?;
    for target in targets.split_whitespace() {
        eprintln!("fuzz: {target} for {seconds} s");
        let mut fuzz = Command::new("cargo");
        // Without a sanitizer, because those need an unstable compiler; all code here is safe Rust.
        fuzz.current_dir(&folder)
            .args(["fuzz", "run", "--sanitizer", "none", target, "--"]);
        fuzz.arg(format!("-max_total_time={seconds}")).args([
            seed,
            "-print_final_stats=1",
            "-rss_limit_mb=2048",
        ]);
        command::run(&mut fuzz).map_err(|error| format!("{target}: {error}"))?;
    }
    Ok(())
}
