//! `mmiotrace stat`: what is in a trace, in numbers.

use crate::failure::{Outcome, Stop};
use crate::filter_args::{FilterArgs, does_not_fit};
use crate::input::InputArgs;
use crate::output::Output;
use core::fmt::{self, Write};
use core::ops::ControlFlow;
use mmiotrace_analysis::{AccessCounts, Statistics, StatisticsBuilder};

/// Count records by kind, mapping, device BAR and register offset, and how fast they came
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace stat trace.mmiotrace
  mmiotrace stat --top 100 --device 00:02.0 trace.mmiotrace.xz
  mmiotrace stat --json --kind write trace.mmiotrace | jq '.registers[:10]'

The first 65,536 registers and the first 4,096 mappings are told apart; accesses to others are
counted together, and the report says so.")]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,

    /// Print one JSON object, with every register
    #[arg(long)]
    json: bool,

    /// Registers to list, those with most accesses first
    #[arg(long, value_name = "N", default_value_t = 20)]
    top: usize,

    #[command(flatten)]
    filter: FilterArgs,
}

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    let filter = args.filter.filter()?;
    let input = args.input.open()?;
    let (name, mut selector) = (input.name().to_owned(), filter.selector());
    let mut builder = StatisticsBuilder::new();
    let walked = input.lines().walk(|line| {
        let wanted = selector.selects(line)?;
        builder.line(line, wanted)?;
        Ok(ControlFlow::Continue(()))
    })?;
    let statistics = builder.finish();
    let mut output = Output::new()?;
    if args.json {
        output.json(&statistics)?;
    } else {
        let mut text = String::new();
        // Into memory: this does not fail.
        let _ = write_text(&mut text, &statistics, args.top);
        output.write(text.as_bytes())?;
    }
    output.flush()?;
    let outcome = walked.finish()?;
    selector
        .finish()
        .map_err(|error| does_not_fit(&name, &error))?;
    Ok(outcome)
}

fn write_text(out: &mut String, statistics: &Statistics, top: usize) -> fmt::Result {
    writeln!(out, "Records")?;
    for (kind, count) in statistics.records.iter().filter(|(_, count)| *count > 0) {
        writeln!(out, "  {:<10} {count:>12}", kind.name())?;
    }
    if statistics.lost_events > 0 {
        writeln!(
            out,
            "  {:<10} {:>12}   see mmiotrace check",
            "lost", statistics.lost_events
        )?;
    }
    write_rates(out, statistics)?;
    write_mappings(out, statistics)?;
    write_header(out, "Accesses by region", "region")?;
    for region in &statistics.regions {
        write_row(out, &region.region.to_string(), &region.accesses)?;
    }
    write_registers(out, statistics, top)
}

fn write_rates(out: &mut String, statistics: &Statistics) -> fmt::Result {
    let rates = &statistics.rates;
    let (Some(first), Some(last)) = (rates.first_time, rates.last_time) else {
        return Ok(());
    };
    writeln!(out, "\nTimes")?;
    writeln!(out, "  {first} to {last} s: {:.6} s", statistics.seconds())?;
    writeln!(
        out,
        "  {:.1} accesses per second on average",
        rates.accesses_per_second
    )?;
    let (most, second) = (rates.busiest_second_accesses, rates.busiest_second);
    if most > 0 {
        writeln!(out, "  {most} in the busiest second, from {second}.000000")?;
    }
    Ok(())
}

fn write_mappings(out: &mut String, statistics: &Statistics) -> fmt::Result {
    write_header(out, "Accesses by mapping", "mapping")?;
    for mapping in &statistics.mappings {
        let place = match (mapping.phys, mapping.len) {
            (Some(phys), Some(len)) => format!("{} {phys}+{len:#x}", mapping.map_id),
            _ => format!("{} (no MAP)", mapping.map_id),
        };
        write_row(out, &place, &mapping.accesses)?;
    }
    write_others(
        out,
        statistics.accesses_of_other_mappings,
        "of mappings beyond the first 4096",
    )
}

fn write_registers(out: &mut String, statistics: &Statistics, top: usize) -> fmt::Result {
    let all = statistics.registers.len();
    let title = match all {
        _ if all > top => format!("Registers, the {top} of {all} with most accesses"),
        _ => "Registers".to_owned(),
    };
    write_header(out, &title, "register")?;
    for register in statistics.registers.iter().take(top) {
        let place = format!("{} +{:#x}", register.region, register.offset);
        write_row(out, &place, &register.accesses)?;
    }
    write_others(
        out,
        statistics.accesses_of_other_registers,
        "to registers beyond the first 65536",
    )
}

fn write_header(out: &mut String, title: &str, first: &str) -> fmt::Result {
    writeln!(out, "\n{title}")?;
    writeln!(
        out,
        "  {first:<32} {:>10} {:>10} {:>10} {:>12} {:>12}",
        "reads", "writes", "unknown", "bytes read", "written"
    )
}

fn write_row(out: &mut String, place: &str, counts: &AccessCounts) -> fmt::Result {
    let AccessCounts {
        reads,
        writes,
        unknown,
        bytes_read,
        bytes_written,
        ..
    } = counts;
    writeln!(
        out,
        "  {place:<32} {reads:>10} {writes:>10} {unknown:>10} {bytes_read:>12} {bytes_written:>12}"
    )
}

fn write_others(out: &mut String, accesses: u64, which: &str) -> fmt::Result {
    if accesses == 0 {
        return Ok(());
    }
    writeln!(out, "  and {accesses} accesses {which}")
}
