//! `mmiotrace check`: whether a trace can be trusted.

use crate::failure::{Outcome, Stop};
use crate::input::{Input, Next, Printing};
use crate::output::Output;
use core::fmt::{self, Write};
use mmiotrace_analysis::{Checker, Finding, Verdict};
use mmiotrace_core::Timestamp;
use mmiotrace_format::LineKind;
use serde::Serialize;

/// Say whether a trace is whole, and if not, what is missing, where, and what to do
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace check trace.mmiotrace.xz
  mmiotrace check --json trace.mmiotrace | jq .findings
  mmiotrace check *.mmiotrace && echo all complete

Exit status: 0 complete; 1 not complete; 2 could not be read.")]
pub(crate) struct Args {
    /// The traces; `-`, or none, is standard input; gzip, xz and zstd are known by content
    #[arg(value_name = "FILE", default_value = "-", hide_default_value = true)]
    files: Vec<String>,

    /// Print one JSON object per trace
    #[arg(long)]
    json: bool,
}

/// The verdict on one file.
#[derive(Serialize)]
struct Report<'a> {
    file: &'a str,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    let mut output = Output::new()?;
    let (mut outcome, mut failed) = (Outcome::Clean, false);
    for file in &args.files {
        match check(file, args.json, &mut output) {
            Ok(found) => outcome = outcome.or(found),
            Err(Stop::Failed(failure)) => {
                output.flush()?;
                failure.print();
                failed = true;
            }
            Err(stop) => return Err(stop),
        }
    }
    output.flush()?;
    if failed { Err(Stop::Told) } else { Ok(outcome) }
}

/// The verdict on one trace; on what could be read of it, where the rest could not.
fn check(file: &str, json: bool, output: &mut Output) -> Result<Outcome, Stop> {
    let mut lines = Input::open(file, Printing::Afterwards)?.lines();
    let mut checker = Checker::new();
    let mut failure = None;
    loop {
        match lines.next() {
            Next::Given(line) => checker.line(&line),
            Next::Invalid(error) => checker.invalid(&error),
            Next::Failed(why) => {
                failure.get_or_insert(why);
                lines.give_up();
            }
            Next::End => break,
        }
    }
    let name = lines.name().to_owned();
    // Takes the progress bar away.
    drop(lines);
    if failure.is_some() {
        checker.cut_off();
    }
    let verdict = checker.finish();
    if json {
        output.json(&Report {
            file: &name,
            verdict: &verdict,
        })?;
    } else {
        output.write(text(&name, &verdict).as_bytes())?;
    }
    match failure {
        Some(failure) => Err(failure.into()),
        None if verdict.complete => Ok(Outcome::Clean),
        None => Ok(Outcome::Found),
    }
}

/// The verdict for people.
pub(crate) fn text(name: &str, verdict: &Verdict) -> String {
    let mut text = String::new();
    // Into memory: this does not fail.
    let _ = write_text(&mut text, name, verdict);
    text
}

fn write_text(out: &mut String, name: &str, verdict: &Verdict) -> fmt::Result {
    writeln!(
        out,
        "{name}: {}",
        if verdict.complete {
            "complete"
        } else {
            "NOT COMPLETE"
        }
    )?;
    let count = |kind| verdict.records.get(kind);
    writeln!(
        out,
        "  {} reads, {} writes, {} unknown; {} maps, {} unmaps, {} marks; {}",
        count(LineKind::Read),
        count(LineKind::Write),
        count(LineKind::Unknown),
        count(LineKind::Map),
        count(LineKind::Unmap),
        count(LineKind::Mark),
        span(verdict.first_time, verdict.last_time),
    )?;
    let version = verdict
        .version
        .as_deref()
        .map_or_else(String::new, |version| format!(", version {version}"));
    writeln!(out, "  captured by {}{version}", verdict.capture)?;
    if !verdict.findings.is_empty() {
        writeln!(out)?;
    }
    for finding in &verdict.findings {
        write_finding(out, finding)?;
    }
    writeln!(out, "\n  What such a capture cannot see:")?;
    for what in &verdict.not_seen {
        writeln!(out, "    - {what}")?;
    }
    Ok(())
}

fn write_finding(out: &mut String, finding: &Finding) -> fmt::Result {
    let sign = if finding.kind.makes_incomplete() {
        '!'
    } else {
        ' '
    };
    write!(out, "{sign} {:<16} ", finding.kind)?;
    match (finding.line, finding.count) {
        (0, _) => {}
        (line, 1) => write!(out, "line {line}: ")?,
        (line, count) => write!(out, "{count} times, first in line {line}: ")?,
    }
    writeln!(out, "{}", finding.text)?;
    writeln!(out, "  {:16} -> {}", "", finding.advice)
}

fn span(first: Option<Timestamp>, last: Option<Timestamp>) -> String {
    match (first, last) {
        (Some(first), Some(last)) => format!("{first} to {last} s"),
        _ => "no times".to_owned(),
    }
}
