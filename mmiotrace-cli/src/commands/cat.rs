//! `mmiotrace cat`: records, all or some.

use super::blocks;
use crate::failure::{Failure, Outcome, Stop};
use crate::filter_args::{FilterArgs, does_not_fit};
use crate::input::{InputArgs, LineOutcome};
use crate::naming::{NamingArgs, SymbolArgs};
use crate::output::{Format, Output, Rows};
use core::ops::ControlFlow;
use mmiotrace_analysis::Selector;
use mmiotrace_format::{Entry, ParseError};
use std::path::PathBuf;

/// Print records, all or some
///
/// Without filter and format the output is the input, byte by byte, decompressed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace cat trace.mmiotrace.xz > trace.mmiotrace
  mmiotrace cat --kind write --width 4 --phys 0xfebc0000..0xfebe0000 trace.mmiotrace
  mmiotrace cat --device 00:02.0:0 --from-mark 'load' --to-mark 'ready' --context trace.mmiotrace
  mmiotrace cat --kind read --format jsonl trace.mmiotrace | jq -r .value
  mmiotrace cat --symbols /proc/kallsyms --kind write trace.mmiotrace
  mmiotrace cat --blocks --extract firmware/ trace.mmiotrace")]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,

    /// How to print records
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    format: Format,

    /// Print what the driver did instead of each access: waits with their condition, bits switched,
    /// transfers, repetitions, pauses; each with its lines
    #[arg(long, conflicts_with = "format")]
    blocks: bool,

    /// Write the bytes of uploads and downloads into files in this folder
    #[arg(long, value_name = "FOLDER", requires = "blocks")]
    extract: Option<PathBuf>,

    #[command(flatten)]
    naming: NamingArgs,

    #[command(flatten)]
    symbols: SymbolArgs,

    #[command(flatten)]
    filter: FilterArgs,
}

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    if args.blocks {
        return blocks::run(&blocks::Wanted {
            input: &args.input,
            filter: &args.filter,
            naming: &args.naming,
            extract: args.extract.as_deref(),
        });
    }
    if args.naming.has_maps() {
        return Err(
            Failure::new("usage", "--map names registers in blocks only")
                .advise("add --blocks, or see mmiotrace name")
                .into(),
        );
    }
    let filter = args.filter.filter()?;
    let symbols = args.symbols.symbols()?;
    let input = args.input.open_to_print()?;
    let mut output = Output::new()?;
    if args.format == Format::Text && symbols.is_none() && filter.keeps_everything() {
        let copied = input.copy(|bytes| output.write(bytes));
        // What was read before a failure is written before the failure is told.
        output.flush()?;
        return copied.map(|()| Outcome::Clean);
    }
    let (name, mut selector) = (input.name().to_owned(), filter.selector());
    let walked = match args.format {
        Format::Text if symbols.is_none() => input.blocks().walk(|block, walked| {
            let keep = |line: &[u8]| output.write(line);
            let wrong = |error: &ParseError| walked.wrong_line(error);
            selector.select_block(block, keep, wrong)?;
            Ok(until_done(&selector))
        }),
        format => {
            let mut rows = Rows::new(format, symbols);
            let walked = input.entries().walk(|entry| {
                row_of(entry, &mut selector, &mut rows, &mut output)?;
                Ok(until_done(&selector))
            });
            rows.finish(&mut output)?;
            walked
        }
    }?;
    output.flush()?;
    let outcome = walked.finish()?;
    selector
        .finish()
        .map_err(|error| does_not_fit(&name, &error))?;
    Ok(outcome)
}

fn until_done(selector: &Selector) -> ControlFlow<()> {
    if selector.is_done() {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}

/// A row for a record that is wanted.
fn row_of(
    entry: &Entry<'_>,
    selector: &mut Selector,
    rows: &mut Rows,
    output: &mut Output,
) -> Result<(), LineOutcome> {
    let wanted = selector.selects(entry)?;
    if wanted {
        rows.entry(entry, output)?;
        // Reported after it was printed: with the text that it has.
        entry.record()?;
    }
    Ok(())
}
