//! `mmiotrace stat`: what is in a trace, in numbers.

mod by;
mod tables;

use crate::failure::{Outcome, Stop};
use crate::filter_args::{FilterArgs, does_not_fit};
use crate::input::InputArgs;
use crate::naming::{Names, NamingArgs, SymbolArgs, symbol_text};
use crate::output::Output;
use by::By;
use core::ops::ControlFlow;
use mmiotrace_analysis::{Statistics, StatisticsBuilder};
use mmiotrace_registers::VerbosityRules;

/// Count accesses: by register, value, mapping, device, instruction, thread, marker and time
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace stat trace.mmiotrace
  mmiotrace stat --by register --top 100 --device 00:02.0 trace.mmiotrace.xz
  mmiotrace stat --by mark trace.mmiotrace
  mmiotrace stat --by value --from-mark 'load' --to-mark 'ready' trace.mmiotrace
  mmiotrace stat --by pc --symbols /proc/kallsyms trace.mmiotrace
  mmiotrace stat --json --kind write trace.mmiotrace | jq '.registers[:10]'

The first 50,000 registers (of each the first 16 values) and the first 4,096 program counters, mappings,
threads and phases are told apart; accesses to others are counted together, and the report says so.")]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,

    /// One table only, with every row
    #[arg(long, value_enum, value_name = "WHAT")]
    by: Option<By>,

    /// Print one JSON object, with every row
    #[arg(long)]
    json: bool,

    /// Rows to list, those with most accesses first [default: 20; with --by, all]
    #[arg(long, value_name = "N")]
    top: Option<usize>,

    #[command(flatten)]
    names: NamingArgs,

    #[command(flatten)]
    symbols: SymbolArgs,

    #[command(flatten)]
    filter: FilterArgs,
}

/// As many rows as a page has room for.
const TOP: usize = 20;

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    let filter = args.filter.filter()?;
    let symbols = args.symbols.symbols()?;
    let input = args.input.open()?;
    let (name, mut selector) = (input.name().to_owned(), filter.selector());
    // Only the first access to each register is asked for its name.
    let namer = args.names.namer_with(VerbosityRules::new(), Some(4096))?;
    let mut names = Names::new(namer);
    let mut builder = StatisticsBuilder::new();
    let walked = input.entries().walk(|entry| {
        let wanted = selector.selects(entry)?;
        entry.record()?;
        let named = names.follow(entry);
        if wanted {
            builder.count_named(entry, || named.as_ref()?.name().map(str::to_owned))?;
        } else {
            builder.context(entry)?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let mut statistics = builder.finish();
    if let Some(symbols) = symbols {
        for row in &mut statistics.pcs {
            row.symbol = symbol_text(&symbols, row.pc.0);
        }
    }
    let mut output = Output::new()?;
    print(args, &statistics, &mut output)?;
    output.flush()?;
    let outcome = walked.finish()?;
    selector
        .finish()
        .map_err(|error| does_not_fit(&name, &error))?;
    Ok(outcome)
}

fn print(args: &Args, statistics: &Statistics, output: &mut Output) -> Result<(), Stop> {
    match (args.by, args.json) {
        (None, true) => output.json(statistics),
        (Some(by), true) => output.json(&by.rows(statistics)),
        (by, false) => {
            let mut text = String::new();
            // Into memory: this does not fail.
            let _ = match by {
                Some(by) => tables::one(&mut text, by, statistics, args.top.unwrap_or(usize::MAX)),
                None => tables::all(&mut text, statistics, args.top.unwrap_or(TOP)),
            };
            output.text(&text)
        }
    }
}
