//! `mmiotrace check`: whether a trace can be trusted.

mod code;

use crate::failure::{Outcome, Stop};
use crate::input::{Input, Next, Printing};
use crate::output::{Output, printable};
use code::{CodeReport, Seen, Sources};
use core::fmt::{self, Write};
use mmiotrace_analysis::{Checker, Finding, Verdict};
use mmiotrace_core::Timestamp;
use mmiotrace_format::LineKind;
use serde::Serialize;

/// Say whether a trace is complete; if not, what is missing, where, and what to do
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace check trace.mmiotrace.xz
  mmiotrace check --json trace.mmiotrace | jq .findings
  mmiotrace check *.mmiotrace && echo all complete
  mmiotrace check --code e1000.ko@0xffffffffc0240000 trace.mmiotrace

With --code, what the kernel could not decode is looked up in the driver's code, and what it decodes
wrongly is found: give the module's file (.ko, compressed or not) and where its .text was, as
/sys/module/NAME/sections/.text says; a vmlinux knows its addresses; any other file is taken for a dump
of code bytes that begins at ADDRESS. Without ADDRESS the records' addresses and bytes tell the place,
if they can. Traces have addresses where the kernel was told mmiotrace.trace_pc=1.

Exit status: 0 complete; 1 not complete; 2 could not be read.")]
pub(crate) struct Args {
    /// The traces; `-`, or none, is standard input; gzip, xz and zstd are known by content
    #[arg(value_name = "FILE", default_value = "-", hide_default_value = true)]
    files: Vec<String>,

    /// Print one JSON object per trace
    #[arg(long)]
    json: bool,

    /// Say what unknown and wrongly decoded instructions were, by the driver's code
    #[arg(long, value_name = "FILE[@ADDRESS]")]
    code: Vec<String>,
}

/// The verdict on one file.
#[derive(Serialize)]
struct Report<'a> {
    file: &'a str,
    #[serde(flatten)]
    verdict: &'a Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a CodeReport>,
}

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    let mut sources = Sources::open(&args.code)?;
    let mut output = Output::new()?;
    let (mut outcome, mut failed) = (Outcome::Clean, false);
    for file in &args.files {
        match check(file, args.json, &mut sources, &mut output) {
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
fn check(
    file: &str,
    json: bool,
    sources: &mut Sources,
    output: &mut Output,
) -> Result<Outcome, Stop> {
    let mut entries = Input::open(file, Printing::Afterwards)?.entries();
    let mut checker = Checker::new();
    let mut seen = (!sources.is_empty()).then(Seen::default);
    let mut failure = None;
    loop {
        match entries.next() {
            Next::Given(entry) => {
                checker.entry(&entry);
                if let Some(seen) = &mut seen {
                    seen.entry(&entry);
                }
            }
            Next::Invalid(error) => checker.invalid(&error),
            Next::Failed(why) => {
                failure.get_or_insert(why);
                entries.give_up();
            }
            Next::End => break,
        }
    }
    let name = entries.name().to_owned();
    // Takes the progress bar away.
    drop(entries);
    if failure.is_some() {
        checker.cut_off();
    }
    let verdict = checker.finish();
    let code = seen.map(|seen| sources.explain(&seen));
    if json {
        output.json(&Report {
            file: &name,
            verdict: &verdict,
            code: code.as_ref(),
        })?;
    } else {
        output.text(&text(&name, &verdict))?;
        if let Some(code) = &code {
            output.text(&code.to_string())?;
        }
    }
    let found = !verdict.complete || code.is_some_and(|code| code.finds_something());
    match failure {
        Some(failure) => Err(failure.into()),
        None if found => Ok(Outcome::Found),
        None => Ok(Outcome::Clean),
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
        "{}: {}",
        printable(name),
        if verdict.complete {
            "complete"
        } else {
            "NOT COMPLETE"
        }
    )?;
    let count = |kind| verdict.records.get(kind);
    let counted = |kind, noun| count_noun(count(kind), noun);
    writeln!(
        out,
        "  {}, {}, {} unknown; {}, {}, {}; {}",
        counted(LineKind::Read, "read"),
        counted(LineKind::Write, "write"),
        count(LineKind::Unknown),
        counted(LineKind::Map, "map"),
        counted(LineKind::Unmap, "unmap"),
        counted(LineKind::Mark, "mark"),
        span(verdict.first_time, verdict.last_time),
    )?;
    let version = verdict
        .version
        .as_deref()
        .map_or_else(String::new, |version| {
            format!(", version {}", printable(version))
        });
    writeln!(out, "  captured by {}{version}", verdict.capture)?;
    for source in &verdict.sources {
        writeln!(
            out,
            "    source {} is {}, captured by {}",
            source.number,
            printable(&source.name),
            source.capture
        )?;
    }
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
    writeln!(out, "{}", printable(&finding.text))?;
    writeln!(out, "  {:16} -> {}", "", finding.advice)
}

/// `1 map`, `2 maps`.
fn count_noun(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

fn span(first: Option<Timestamp>, last: Option<Timestamp>) -> String {
    match (first, last) {
        (Some(first), Some(last)) => format!("{first} to {last} s"),
        _ => "no times".to_owned(),
    }
}
