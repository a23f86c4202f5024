//! `mmiotrace report`: a trace at a glance.

use crate::failure::{Failure, Outcome, Stop, plain};
use crate::input::{InputArgs, Skipped};
use crate::naming::{Identities, Names, NamingArgs};
use crate::output::{create, spare};
use core::cell::RefCell;
use core::ops::ControlFlow;
use mmiotrace_analysis::blocks::{Block, BlockKind, LineFolder};
use mmiotrace_analysis::{Checker, Verdict};
use mmiotrace_export::{Bar, Report, Severity};
use mmiotrace_format::{Entry, Lifter};
use std::io::BufWriter;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Draw the trace: one self-contained page, or one picture
///
/// The page has a map of registers over time with zoom and pan, lanes of values, polls as bars,
/// losses and blind intervals in red, tables, and the verdict on top. It needs no network.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace report trace.mmiotrace.xz -o report.html
  mmiotrace report trace.mmiotrace -o report.html --svg overview.svg")]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,

    /// The page to write
    #[arg(short, long, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,

    /// Also write the map as a picture
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    #[command(flatten)]
    naming: NamingArgs,
}

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    let input = args.input.open()?;
    let read = args.naming.and_files(args.input.file());
    // Before all of it is read in vain.
    for path in [Some(&args.output), args.svg.as_ref()]
        .into_iter()
        .flatten()
    {
        spare(path, &read)?;
    }
    let title = input.name().to_owned();
    let known = RefCell::new(Identities::new(Names::new(args.naming.namer()?)));
    let mut report = Report::new(&title, Box::new(|access| known.borrow().of(access)));
    let (checker, mut lifter) = (RefCell::new(Checker::new()), Lifter::new());
    let mut polls = Polls::default();
    let show = |entry: &Entry<'_>| {
        checker.borrow_mut().entry(entry);
        polls.entry(entry);
        entry.record()?;
        known.borrow_mut().see(entry);
        lifter.push_entry(entry, &mut report);
        Ok(ControlFlow::Continue(()))
    };
    let walked = input.entries().walk_minding(show, |what| match what {
        Skipped::Line(error) => checker.borrow_mut().invalid(error),
        Skipped::Rest => checker.borrow_mut().cut_off(),
    })?;
    lifter.finish(&mut report);
    for bar in polls.finish() {
        report.bar(bar);
    }
    tell(&checker.into_inner().finish(), &mut report);
    write(&args.output, &read, |out| report.write_html(out))?;
    if let Some(path) = &args.svg {
        write(path, &read, |out| report.write_svg(out))?;
    }
    walked.finish()
}

fn write(
    path: &Path,
    read: &[PathBuf],
    draw: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<(), Stop> {
    let failed =
        |error: std::io::Error| Stop::from(Failure::new(path.display().to_string(), plain(&error)));
    let mut out = BufWriter::new(create(path, read)?);
    draw(&mut out).and_then(|()| out.flush()).map_err(failed)
}

fn tell(verdict: &Verdict, report: &mut Report<'_>) {
    if verdict.complete {
        report.verdict(Severity::Good, "the trace is complete");
    } else {
        report.verdict(Severity::Bad, "the trace is not complete");
    }
    for finding in &verdict.findings {
        let severity = if finding.kind.makes_incomplete() {
            Severity::Bad
        } else {
            Severity::Note
        };
        report.verdict(
            severity,
            &format!("line {}: {}", finding.line, finding.text),
        );
    }
}

/// Polls of the trace, by the numbers of their accesses.
#[derive(Debug, Default)]
struct Polls {
    folder: LineFolder,
    accesses: u64,
    bars: Vec<Bar>,
}

impl Polls {
    fn entry(&mut self, entry: &Entry<'_>) {
        // A malformed line is reported by the caller.
        let _ = self.folder.push_entry(entry);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(block) = self.folder.pop() {
            self.block(&block);
        }
    }

    fn block(&mut self, block: &Block) {
        match &block.kind {
            BlockKind::Repeat(repeat) => repeat.blocks.iter().for_each(|block| self.block(block)),
            BlockKind::Undecoded(_) => {}
            kind => {
                let first = self.accesses;
                self.accesses += block.accesses();
                if let BlockKind::Poll(poll) = kind
                    && poll.values.len() > 1
                {
                    let condition = poll
                        .condition
                        .as_ref()
                        .map_or_else(String::new, |found| format!(" until {found}"));
                    let text = format!(
                        "polled {} times{condition}, {:?}",
                        poll.values.len(),
                        poll.outcome
                    );
                    self.bars.push(Bar {
                        accesses: (first, self.accesses.saturating_sub(1)),
                        text,
                    });
                }
            }
        }
    }

    fn finish(mut self) -> Vec<Bar> {
        self.folder.finish();
        self.drain();
        self.bars
    }
}
