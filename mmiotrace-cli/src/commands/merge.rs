//! `mmiotrace merge`: several traces and logs on one clock.

use crate::failure::{Failure, Outcome, Stop, plain};
use crate::input::{ImportArgs, Input, Printing, unreadable};
use crate::output::{Output, create};
use core::ops::ControlFlow;
use mmiotrace_analysis::merge::{Merge, MergeError, MergeErrorKind, Shift};
use mmiotrace_core::Timestamp;
use mmiotrace_format::{Entry, Record};
use regex::bytes::Regex;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// Merge traces and foreign logs into one, on one clock
///
/// Every line of every source comes out once, in the order of time. Nothing is changed but times,
/// where a source is shifted, and map ids: those of the second source are higher by 1,000,000, of
/// the third by 2,000,000. Markers name the sources. Of a trace that was merged before, each source
/// counts as one.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace merge driver.mmiotrace device.qemu.log -o both.mmiotrace
  mmiotrace merge --align 'load e1000' first.mmiotrace second.mmiotrace
  mmiotrace merge --align '^W 4 [^ ]+ [^ ]+ 0xfebc00d8 0xffffffff' a.mmiotrace b.qemu.log
  mmiotrace merge --offset 2=-1.250 a.mmiotrace b.mmiotrace | mmiotrace check")]
pub(crate) struct Args {
    /// The sources; `-` is standard input
    #[arg(value_name = "FILE", required = true, num_args = 1..)]
    files: Vec<String>,

    /// Shift the times of source N (counted from 1) by so many seconds; may be given for each
    #[arg(long, value_name = "N=SECONDS", value_parser = offset)]
    offset: Vec<(usize, Shift)>,

    /// Shift the sources so that in each the first line that matches happened at the same time;
    /// lines are matched as they stand in a trace, a marker as `MARK time text`
    #[arg(long, value_name = "REGEX", value_parser = Regex::new)]
    align: Option<Regex>,

    /// The trace to write, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    import: ImportArgs,
}

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    let import = args.import.sparing_traces();
    let shifts = shifts(args, &import)?;
    let mut merge = Merge::new();
    for (file, shift) in args.files.iter().zip(shifts) {
        let printing = match args.output {
            Some(_) => Printing::Afterwards,
            None => Printing::Meanwhile,
        };
        let input = Input::open_as(file, printing, &import)?;
        let name = input.name().to_owned();
        merge.add(&name, shift, input.into_source());
    }
    let mut to = To::open(args)?;
    let (mut outcome, mut failure) = (Outcome::Clean, None);
    let mut lines = Vec::new();
    loop {
        lines.clear();
        match merge.next(&mut lines) {
            Ok(true) => to.write(&lines)?,
            Ok(false) => break,
            Err(error) => {
                let told = tell(args, &error);
                if error.is_fatal() {
                    return Err(told.into());
                }
                if matches!(error.kind, MergeErrorKind::Read(_)) {
                    failure.get_or_insert(told);
                } else {
                    told.print();
                }
                outcome = Outcome::Found;
            }
        }
    }
    to.finish()?;
    failure.map_or(Ok(outcome), |failure| Err(failure.into()))
}

/// How far each source is shifted.
fn shifts(args: &Args, import: &ImportArgs) -> Result<Vec<Shift>, Failure> {
    let mut shifts = vec![Shift::default(); args.files.len()];
    if args.files.iter().filter(|file| *file == "-").count() > 1 {
        return Err(Failure::new("standard input", "cannot be two sources")
            .advise("give files for the others"));
    }
    if let Some(pattern) = &args.align {
        let mut first = None;
        for (file, shift) in args.files.iter().zip(&mut shifts) {
            let time = time_of_match(file, pattern, import)?;
            *shift = Shift::between(time, *first.get_or_insert(time));
        }
    }
    let sources = shifts.len();
    for (number, given) in &args.offset {
        let shift = number.checked_sub(1).and_then(|at| shifts.get_mut(at));
        let Some(shift) = shift else {
            return Err(
                Failure::new("--offset", format_args!("there is no source {number}"))
                    .advise(format!("they are counted from 1 to {sources}")),
            );
        };
        *shift = shift.and(*given);
    }
    Ok(shifts)
}

fn time_of_match(file: &str, pattern: &Regex, import: &ImportArgs) -> Result<Timestamp, Failure> {
    if file == "-" {
        return Err(
            Failure::new("standard input", "is read once, and --align reads twice")
                .advise("give a file"),
        );
    }
    let input = Input::open_as(file, Printing::Afterwards, import)?;
    let mut found = None;
    let walked = input.entries().walk(|entry| {
        let line = entry.line().without_newline();
        found = time_of(entry).filter(|_| pattern.is_match(line));
        Ok(match found {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        })
    });
    match (found, walked) {
        (Some(time), _) => Ok(time),
        (None, Err(Stop::Failed(failure))) => Err(failure),
        (None, _) => Err(
            Failure::new(file, format_args!("no line with a time matches {pattern}"))
                .advise("give its shift with --offset"),
        ),
    }
}

fn time_of(entry: &Entry<'_>) -> Option<Timestamp> {
    let time = match entry.record().ok()? {
        Record::Event(event) => event.time,
        Record::Marker(marker) => marker.time,
        Record::Lost(loss) => loss.time,
        _ => return None,
    };
    (time != Timestamp::ZERO).then_some(time)
}

fn tell(args: &Args, error: &MergeError) -> Failure {
    let at = error.source_number.saturating_sub(1);
    let name = args.files.get(at).map_or("a source", String::as_str);
    if let MergeErrorKind::Read(error) = &error.kind {
        return unreadable(name, error);
    }
    let failure = Failure::new(name, error.kind.to_string());
    let failure = match error.line {
        0 => failure,
        line => failure.at_line(line),
    };
    match error.kind {
        MergeErrorKind::BeforeZero => failure.advise("shift all by more, with --offset for each"),
        MergeErrorKind::MapId => failure.advise("make it the first source"),
        MergeErrorKind::Device => failure.advise("name and compare each source by itself"),
        _ => failure.advise("it is kept as it is"),
    }
}

/// `2=-1.5`.
fn offset(text: &str) -> Result<(usize, Shift), String> {
    let wrong = || "write it as N=SECONDS, as 2=-1.250".to_owned();
    let (number, shift) = text.split_once('=').ok_or_else(wrong)?;
    let number = number.parse().map_err(|_| wrong())?;
    Ok((number, shift.parse().map_err(|error| format!("{error}"))?))
}

/// Where the merged trace goes.
enum To {
    Standard(Output),
    File(BufWriter<File>, String),
}

impl To {
    fn open(args: &Args) -> Result<Self, Stop> {
        let Some(path) = args.output.as_ref().filter(|path| path.as_os_str() != "-") else {
            return Ok(Self::Standard(Output::new()?));
        };
        let file = create(path, &args.files)?;
        Ok(Self::File(BufWriter::new(file), path.display().to_string()))
    }

    fn write(&mut self, lines: &[u8]) -> Result<(), Stop> {
        match self {
            Self::Standard(output) => output.write(lines),
            Self::File(file, name) => file
                .write_all(lines)
                .map_err(|error| Failure::new(name.as_str(), plain(&error)).into()),
        }
    }

    fn finish(&mut self) -> Result<(), Stop> {
        match self {
            Self::Standard(output) => output.flush(),
            Self::File(file, name) => file
                .flush()
                .map_err(|error| Failure::new(name.as_str(), plain(&error)).into()),
        }
    }
}
