//! `mmiotrace bundle`: the archive that a driver project asks for.

mod archive;
mod facts;
mod redact;
mod survey;

use crate::failure::{Failure, Outcome, Stop, plain};
use crate::output::{Output, spare};
use archive::Archive;
use mmiotrace_capture::machine::{PciAddress, Root};
use redact::Redactor;
use std::io;
use std::path::{Path, PathBuf};
use survey::Survey;

/// Pack a trace with what a driver project needs beside it: lspci, kernel log, versions, verdict
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sudo mmiotrace bundle trace.mmiotrace --nick jane --describe 'boot, start X, glxgears'
  sudo mmiotrace bundle trace.mmiotrace --device 01:00.0 --redact

Makes PCIID-NICK-mmiotrace.tar.xz: the trace, lspci -vvv, the kernel's log, kernel and module
versions, displays, the markers and your description, the verdict. Run it as root and soon after
the capture: the kernel's log is that of now. --redact takes serial numbers, UUIDs, MAC
addresses, WWNs and machine ids out of the texts and the drivers' names; redacted.txt says what by
kind, count and file; --redact=show prints the lines too: look at them before you send the archive.
Values of registers are never changed; those that hold a MAC address of this machine are named
there.")]
pub(crate) struct Args {
    /// The trace; gzip, xz and zstd are known by content
    #[arg(value_name = "TRACE")]
    trace: String,

    /// The PCI device that was traced [default: the one with most accesses]
    #[arg(long, value_name = "[DDDD:]BB:DD.F")]
    device: Option<PciAddress>,

    /// Your nickname, for the archive's name
    #[arg(long, value_name = "NAME", default_value = "anonymous", value_parser = word)]
    nick: String,

    /// What you did during the trace, in your own words
    #[arg(long, value_name = "TEXT")]
    describe: Option<String>,

    /// Take serial numbers, UUIDs, MAC addresses and the like out; `show` prints every line that was
    /// changed, before and after
    #[arg(long, value_name = "show", num_args = 0..=1, require_equals = true, default_missing_value = "quietly")]
    redact: Option<Redact>,

    /// The archive's file [default: PCIID-NICK-mmiotrace.tar.xz]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// The folder below which proc, sys and dev are
    #[arg(long, value_name = "FOLDER", default_value = "/", hide = true)]
    root: PathBuf,
}

/// How to take out what tells a machine from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Redact {
    /// Only list what was taken out
    #[value(hide = true)]
    Quietly,
    /// Print the lines before and after
    Show,
}

/// What may stand in the name of a file.
fn word(text: &str) -> Result<String, String> {
    let fits = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '.' | '+');
    if text.is_empty() || !text.chars().all(fits) {
        return Err("letters, digits, _ . and + only".to_owned());
    }
    Ok(text.to_owned())
}

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    if args.trace == "-" {
        let failure = Failure::new(
            "bundle",
            "the trace is read twice, so it cannot be standard input",
        );
        return Err(failure.advise("store it in a file first").into());
    }
    if let Some(path) = &args.output {
        spare(path, &[&args.trace])?;
    }
    let root = Root::new(&args.root);
    let show = args.redact == Some(Redact::Show);
    let mut redactor = Redactor::new(&root, args.redact.is_some(), show);
    let survey = Survey::take(&args.trace, args.device, &mut redactor)?;
    let name = format!("{}-{}-mmiotrace", survey.pci_id(), args.nick);
    let path = args
        .output
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("{name}.tar.xz")));
    let facts = facts::collect(&root, &survey, args.describe.as_deref());
    let written = write(&path, &name, args, &survey, &facts, &mut redactor);
    if written.is_err() && path.is_file() {
        // Half an archive looks like one. What is no file (a device) is not ours to remove.
        let _ = std::fs::remove_file(&path);
    }
    written?;
    tell(&path, args, &survey, &facts, &redactor)
}

fn write(
    path: &Path,
    name: &str,
    args: &Args,
    survey: &Survey,
    facts: &facts::Facts,
    redactor: &mut Redactor,
) -> Result<(), Stop> {
    let failed = |error: io::Error| unwritable(path, &error);
    let mut archive = Archive::create(path, name).map_err(failed)?;
    for (file, text) in &facts.files {
        let text = redactor.text(file, text);
        archive.text(file, &text).map_err(failed)?;
    }
    for (file, text) in [
        ("verdict.txt", &survey.verdict_text),
        ("verdict.json", &survey.verdict_json),
    ] {
        let text = redactor.text(file, text);
        archive.text(file, &text).map_err(failed)?;
    }
    if args.redact.is_some() {
        archive
            .text("redacted.txt", &redactor.report())
            .map_err(failed)?;
    }
    let mut trace = archive.begin(redact::TRACE, survey.len).map_err(failed)?;
    survey::copy(&args.trace, redactor, &mut |bytes| {
        trace.write(bytes).map_err(|error| unwritable(path, &error))
    })?;
    trace.write(survey.tail).map_err(failed)?;
    trace.end().map_err(failed)?;
    archive.end().map_err(failed)?;
    Ok(())
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::new(path.display().to_string(), plain(error));
    match error.kind() {
        io::ErrorKind::StorageFull => failure.advise("make room, or give -o a place with more"),
        io::ErrorKind::PermissionDenied => failure.advise("give -o a place that you may write to"),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => {
            failure.advise("the trace grows while it is packed: end the capture first")
        }
        _ => failure,
    }
}

fn tell(
    path: &Path,
    args: &Args,
    survey: &Survey,
    facts: &facts::Facts,
    redactor: &Redactor,
) -> Result<Outcome, Stop> {
    let mut output = Output::new()?;
    let state = if survey.complete {
        "complete"
    } else {
        "NOT COMPLETE (see verdict.txt in it)"
    };
    output.line(format_args!("{}: the trace is {state}", path.display()))?;
    for missing in &facts.missing {
        output.line(format_args!("  missing: {missing}"))?;
    }
    if args.redact.is_some() {
        for changed in redactor.shown() {
            output.line(format_args!("{}: - {}", changed.file, changed.before))?;
            output.line(format_args!("{}: + {}", changed.file, changed.after))?;
        }
        output.text(&redactor.report())?;
    } else {
        output.line(
            "  it holds this machine's serial numbers and MAC addresses; --redact takes them out",
        )?;
    }
    output.flush()?;
    let whole = survey.complete && facts.missing.is_empty();
    Ok(if whole {
        Outcome::Clean
    } else {
        Outcome::Found
    })
}
