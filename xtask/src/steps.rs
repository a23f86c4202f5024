//! Running named steps one after the other and counting what they report.

use crate::watch::{self, Watch};
use core::time::Duration;
use host::cache::workspace;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

/// What the steps so far came to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// What tests said they could not do here, one line each.
    pub(crate) skipped: Vec<String>,
    broken: Vec<String>,
}

impl Tally {
    /// Runs a step that is a program. All it prints is shown; the closing lines of test runners and
    /// the lines with which tests report that they skipped something are counted.
    pub(crate) fn program(&mut self, name: &str, command: &mut Command) {
        eprintln!("\n== {name}");
        let begun = Instant::now();
        let outcome = self.stream(command, watch::LIMIT);
        self.end(name, begun, outcome);
    }

    /// Runs a step that is a function.
    pub(crate) fn function(&mut self, name: &str, step: impl FnOnce() -> Result<(), String>) {
        eprintln!("\n== {name}");
        let begun = Instant::now();
        let outcome = step();
        self.end(name, begun, outcome);
    }

    fn end(&mut self, name: &str, begun: Instant, outcome: Result<(), String>) {
        let seconds = begun.elapsed().as_secs();
        match outcome {
            Ok(()) => eprintln!("== {name}: done in {seconds} s"),
            Err(error) => {
                eprintln!("== {name}: FAILED after {seconds} s: {error}");
                self.broken.push(name.to_owned());
            }
        }
    }

    /// Reports that something could not be tested here.
    pub(crate) fn skip(&mut self, what: &str) {
        eprintln!("SKIPPED: {what}");
        self.skipped.push(what.to_owned());
    }

    fn stream(&mut self, command: &mut Command, quiet_limit: Duration) -> Result<(), String> {
        command
            .current_dir(workspace())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|error| format!("cannot start {:?}: {error}", command.get_program()))?;
        let watch = Watch::over(child.id(), quiet_limit);
        let errors = child.stderr.take().map(|errors| {
            let watch = watch.clone();
            std::thread::spawn(move || relay(errors, std::io::stderr(), &watch))
        });
        let mut lines = child
            .stdout
            .take()
            .map(|output| relay(output, std::io::stdout(), &watch))
            .unwrap_or_default();
        lines.extend(
            errors
                .and_then(|thread| thread.join().ok())
                .unwrap_or_default(),
        );
        for line in &lines {
            self.count(line);
        }
        let status = child.wait().map_err(|error| error.to_string())?;
        if watch.end() {
            let seconds = quiet_limit.as_secs();
            Err(format!(
                "no output for {seconds} s, so it was killed: what it printed last has hung"
            ))
        } else if status.success() {
            Ok(())
        } else {
            Err(status.to_string())
        }
    }

    /// Takes the figures out of `test result: ok. 7 passed; 0 failed; …`, `3 passed, 0 failed`
    /// and `SKIPPED: …` lines.
    fn count(&mut self, line: &str) {
        if let Some(what) = line.trim_start().strip_prefix("SKIPPED: ") {
            self.skipped.push(what.to_owned());
        } else if line.starts_with("test result: ") || line.contains(" passed, ") {
            let number_before = |word: &str| {
                let head = line.split(word).next()?;
                head.rsplit(|c: char| !c.is_ascii_digit())
                    .next()?
                    .parse::<u64>()
                    .ok()
            };
            self.passed += number_before(" passed").unwrap_or(0);
            self.failed += number_before(" failed").unwrap_or(0);
        }
    }

    /// Says how it all went; an error where anything failed.
    pub(crate) fn close(self) -> Result<(), String> {
        if !self.skipped.is_empty() {
            println!("\nSkipped on this machine:");
            for what in &self.skipped {
                println!("  {what}");
            }
        }
        for name in &self.broken {
            println!("Failed step: {name}");
        }
        let failed = self.failed.max(self.broken.len() as u64);
        println!(
            "\n{} passed, {failed} failed, {} skipped",
            self.passed,
            self.skipped.len()
        );
        if failed == 0 {
            Ok(())
        } else {
            Err(format!("{failed} failed"))
        }
    }
}

/// Shows a stream line by line and returns those lines that are worth counting.
fn relay(from: impl std::io::Read, mut to: impl Write, watch: &Watch) -> Vec<String> {
    let mut kept = Vec::new();
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while reader
        .read_until(b'\n', &mut line)
        .is_ok_and(|read| read > 0)
    {
        watch.note_output();
        // A closed terminal must not end the tests.
        let _ = to.write_all(&line);
        let text = String::from_utf8_lossy(&line);
        if text.contains("SKIPPED: ") || text.contains(" passed") {
            kept.push(text.trim_end().to_owned());
        }
        line.clear();
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_killed_with_its_children() {
        let mut tally = Tally::default();
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo begun; (sleep 1000; echo never) & wait"]);
        let begun = Instant::now();
        let outcome = tally.stream(&mut shell, Duration::from_millis(300));
        assert!(outcome.is_err_and(|error| error.contains("killed")));
        assert!(begun.elapsed() < Duration::from_secs(100));
    }

    #[test]
    fn counts_the_closing_lines_of_test_runners() {
        let mut tally = Tally::default();
        tally.count("test result: ok. 7 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        tally.count("vm: 12 passed, 1 failed, 3 skipped");
        tally.count("SKIPPED: native_avx512: the CPU has no AVX-512");
        assert_eq!(
            (tally.passed, tally.failed, tally.skipped.len()),
            (19, 3, 1)
        );
        assert!(tally.close().is_err());
    }
}
