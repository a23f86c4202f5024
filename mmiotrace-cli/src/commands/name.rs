//! `mmiotrace name`: the trace with the names of registers and bit fields.

use super::blocks;
use crate::failure::{Failure, Outcome, Stop};
use crate::filter_args::{FilterArgs, does_not_fit};
use crate::input::InputArgs;
use crate::naming::{NamingArgs, SymbolArgs, rules};
use crate::output::{Color, NamedFormat, NamedRows, Output};
use core::ops::ControlFlow;

/// Print the trace with the names of registers and bit fields
///
/// One line for each record: time, time since the line before, direction and width, place, name,
/// value (on a terminal the digits that differ from the register's last value stand out), what it
/// means, and ^MASK with the bits that changed. What a name rests on besides the trace is told as
/// (inferred: …). Accesses to spaces behind registers follow as => SPACE.NAME.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace name trace.mmiotrace.xz | less -R
  mmiotrace name --map mine.toml --device 00:02.0 trace.mmiotrace
  mmiotrace name --map rnndb/root.xml --domain NV_MMIO --chip GF119 trace.mmiotrace
  mmiotrace name --blocks --from-mark load trace.mmiotrace
  mmiotrace name --show '*=name' --show 'CTRL*=fields' --show 'STATUS=off' trace.mmiotrace
  mmiotrace name --symbols /proc/kallsyms --kind write --format jsonl trace.mmiotrace | jq .register")]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,

    /// How to print records
    #[arg(long, value_enum, default_value_t = NamedFormat::Columns, value_name = "FORMAT")]
    format: NamedFormat,

    /// Print what the driver did instead of each access: waits with their condition, bits switched,
    /// transfers, repetitions, pauses; each with its lines
    #[arg(long, conflicts_with_all = ["format", "color", "show", "SymbolArgs"])]
    blocks: bool,

    /// Colour
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,

    /// How much to show of which register: fields, name (without fields), changes (only when its
    /// value differs from the last), off; a pattern with * and ?, the last that fits counts
    #[arg(long, value_name = "PATTERN=HOW")]
    show: Vec<String>,

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
            extract: None,
        });
    }
    let filter = args.filter.filter()?;
    let namer = args.naming.namer_with(rules(&args.show)?, None)?;
    let symbols = args.symbols.symbols()?;
    let input = args.input.open_to_print()?;
    let (name, mut selector) = (input.name().to_owned(), filter.selector());
    let mut output = Output::new()?;
    let mut rows = NamedRows::new(args.format, args.color.is_on(), namer, symbols);
    let walked = input.entries().walk(|entry| {
        let wanted = selector.selects(entry)?;
        output.write(rows.entry(entry, wanted).bytes)?;
        if wanted {
            // Reported after it was printed: with the text that it has.
            entry.record()?;
        }
        Ok(if selector.is_done() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    })?;
    output.flush()?;
    let outcome = walked.finish()?;
    selector
        .finish()
        .map_err(|error| does_not_fit(&name, &error))?;
    tell_unused(rows.namer());
    Ok(outcome)
}

/// A map that was given and named nothing is most likely the wrong one, or for another device.
fn tell_unused(namer: &mmiotrace_registers::Namer) {
    for map in namer.unused_maps() {
        Failure::new("--map", format_args!("{map} fits no device of the trace"))
            .advise("give it for a device: --map BB:DD.F=FILE")
            .print();
    }
}
