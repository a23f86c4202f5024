//! `mmiotrace export`: the trace in the formats of other people's viewers.

use crate::failure::{Failure, Outcome, Stop, plain};
use crate::filter_args::{FilterArgs, does_not_fit};
use crate::input::{Input, InputArgs};
use crate::naming::{Identities, Names, NamingArgs};
use crate::output::create;
use core::cell::{Cell, RefCell};
use core::ops::ControlFlow;
use mmiotrace_analysis::Filter;
use mmiotrace_core::EventSink;
use mmiotrace_export::{Naming, PerfettoExporter, VcdExporter};
use mmiotrace_format::Lifter;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

/// Write the trace for other viewers: Perfetto, GTKWave and Surfer, DuckDB and Spark
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace export --to perfetto -o trace.pftrace trace.mmiotrace   # open in ui.perfetto.dev
  mmiotrace export --to vcd -o trace.vcd --device 00:02.0 trace.mmiotrace.xz
  mmiotrace export --to parquet -o trace.parquet trace.mmiotrace
  duckdb -c \"SELECT register, count(*) FROM 'trace.parquet' GROUP BY ALL ORDER BY 2 DESC\"

CSV and JSON Lines are printed by `mmiotrace cat --format csv|jsonl`. Parquet is there in builds
with the feature `parquet`.")]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,

    /// The format
    #[arg(long, value_enum, value_name = "FORMAT")]
    to: To,

    /// The file to write; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    #[command(flatten)]
    naming: NamingArgs,

    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum To {
    /// A Perfetto trace
    Perfetto,
    /// A value change dump
    Vcd,
    /// A Parquet table with an Arrow schema
    #[cfg(feature = "parquet")]
    Parquet,
}

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    let failed = |error: &io::Error| {
        // As of standard output everywhere: nobody reads it any more.
        if error.kind() == io::ErrorKind::BrokenPipe && args.output.as_os_str() == "-" {
            return Stop::ClosedPipe;
        }
        Stop::from(Failure::new(
            args.output.display().to_string(),
            plain(error),
        ))
    };
    // A file that is there is not emptied for an input, or a map, that is not.
    let input = args.input.open()?;
    let filter = args.filter.filter()?;
    let known = RefCell::new(Identities::new(Names::new(args.naming.namer()?)));
    let naming: Naming<'_> = Box::new(|access| known.borrow().of(access));
    let line = Cell::new(0);
    let feed = |input, sink: &mut dyn EventSink| feed(&filter, input, (&known, &line), sink);
    let out = open(args)?;
    match args.to {
        To::Perfetto => {
            let mut exporter = PerfettoExporter::new(out, naming);
            let outcome = feed(input, &mut exporter)?;
            exporter.finish().map_err(|error| failed(&error))?;
            outcome
        }
        To::Vcd => {
            let mut exporter = VcdExporter::new(out, naming);
            let outcome = feed(input, &mut exporter)?;
            exporter.finish().map_err(|error| failed(&error))?;
            outcome
        }
        #[cfg(feature = "parquet")]
        To::Parquet => {
            let mut exporter = mmiotrace_export::ParquetExporter::new(out, naming)
                .map_err(|error| failed(&error))?
                .with_lines(Box::new(|| Some(line.get())));
            let outcome = feed(input, &mut exporter)?;
            exporter.finish().map_err(|error| failed(&error))?;
            outcome
        }
    }
    .map_or_else(|failure| Err(failure.into()), Ok)
}

fn open(args: &Args) -> Result<Box<dyn Write + Send>, Stop> {
    if args.output.as_os_str() == "-" {
        return Ok(Box::new(BufWriter::new(io::stdout())));
    }
    let file = create(&args.output, &args.naming.and_files(args.input.file()))?;
    Ok(Box::new(BufWriter::new(file)))
}

/// Gives everything that the filter wants to the exporter. What could not be read to the end is
/// told after the file is finished.
fn feed(
    filter: &Filter,
    input: Input,
    (known, number): (&RefCell<Identities>, &Cell<u64>),
    sink: &mut dyn EventSink,
) -> Result<Result<Outcome, Failure>, Stop> {
    let (input_name, mut selector) = (input.name().to_owned(), filter.selector());
    let mut lifter = Lifter::new();
    let walked = input.entries().walk(|entry| {
        let wanted = selector.selects(entry)?;
        entry.record()?;
        known.borrow_mut().see(entry);
        number.set(entry.line().position().line());
        if wanted {
            lifter.push_entry(entry, sink);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    lifter.finish(sink);
    let outcome = match walked.finish() {
        Ok(outcome) => Ok(outcome),
        Err(Stop::Failed(failure)) => Err(failure),
        Err(stop) => return Err(stop),
    };
    selector
        .finish()
        .map_err(|error| does_not_fit(&input_name, &error))?;
    Ok(outcome)
}
