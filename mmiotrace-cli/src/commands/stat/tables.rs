//! The tables as text.

use super::by::By;
use crate::output::printable;
use core::fmt::{self, Display, Write};
use mmiotrace_analysis::{AccessCounts, RegisterStatistics, Statistics, ValueHistogram};

/// As many of the longest gaps as the overview shows.
const GAPS: usize = 3;

/// The overview.
pub(super) fn all(out: &mut String, statistics: &Statistics, top: usize) -> fmt::Result {
    records(out, statistics)?;
    times(out, statistics)?;
    for by in [By::Map, By::Region] {
        one(out, by, statistics, usize::MAX)?;
    }
    // One row of zeros tells nothing: the tracer does not know them.
    let known = |zero: bool, rows: usize| rows > 1 || rows == 1 && !zero;
    let pcs = &statistics.pcs;
    if known(pcs.first().is_some_and(|row| row.pc.0 == 0), pcs.len()) {
        one(out, By::Pc, statistics, top)?;
    }
    let pids = &statistics.pids;
    if known(pids.first().is_some_and(|row| row.pid == 0), pids.len()) {
        one(out, By::Pid, statistics, top)?;
    }
    if statistics.phases.iter().any(|phase| phase.mark.is_some()) {
        one(out, By::Mark, statistics, top)?;
    }
    one(out, By::Register, statistics, top)
}

/// One table.
pub(super) fn one(out: &mut String, by: By, statistics: &Statistics, top: usize) -> fmt::Result {
    let s = statistics;
    let rows = match by {
        By::Register => rows(&s.registers, |row| (place(row), row.accesses)),
        By::Value => return values(out, s, top),
        By::Region => rows(&s.regions, |row| (row.region.to_string(), row.accesses)),
        By::Map => rows(&s.mappings, |row| {
            let place = match (row.phys, row.len) {
                (Some(phys), Some(len)) => format!("{} {phys}+{len:#x}", row.map_id),
                _ => format!("{} (no MAP)", row.map_id),
            };
            (place, row.accesses)
        }),
        By::Pc => rows(&s.pcs, |row| {
            let symbol = row.symbol.clone();
            (symbol.unwrap_or_else(|| row.pc.to_string()), row.accesses)
        }),
        By::Pid => rows(&s.pids, |row| (row.pid.to_string(), row.accesses)),
        By::Mark => return phases(out, s, top),
        By::Time => return slices(out, s),
        By::Gap => return gaps(out, s, top),
    };
    let (title, first, others, beyond) = match by {
        By::Region => ("Accesses by region", "region", 0, ""),
        By::Map => (
            "Accesses by mapping",
            "mapping",
            s.accesses_of_other_mappings,
            "of mappings beyond the first 4096",
        ),
        By::Pc => (
            "Program counters",
            "program counter",
            s.accesses_of_other_pcs,
            "by program counters beyond the first 4096",
        ),
        By::Pid => (
            "Threads",
            "thread",
            s.accesses_of_other_pids,
            "by threads beyond the first 4096",
        ),
        _ => (
            "Registers",
            "register",
            s.accesses_of_other_registers,
            "to registers beyond the first 50000",
        ),
    };
    titled(out, title, rows.len(), top)?;
    table(out, first, rows.iter().take(top))?;
    write_others(out, others, beyond)
}

fn rows<T>(list: &[T], row: impl Fn(&T) -> (String, AccessCounts)) -> Vec<(String, AccessCounts)> {
    list.iter().map(row).collect()
}

/// `00:02.0 BAR 0 +0x8 STATUS`.
fn place(row: &RegisterStatistics) -> String {
    let name = row
        .name
        .as_ref()
        .map_or_else(String::new, |name| format!(" {}", printable(name)));
    format!("{} +{:#x}{name}", row.region, row.offset)
}

fn records(out: &mut String, statistics: &Statistics) -> fmt::Result {
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
    if let Some(ratio) = statistics.reads_per_write {
        writeln!(out, "  {ratio:.2} reads for each write")?;
    }
    Ok(())
}

fn times(out: &mut String, statistics: &Statistics) -> fmt::Result {
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
    let timeline = &statistics.timeline;
    if timeline.slices.len() > 1 {
        let bars: String = sizes(statistics).map(eighths).collect();
        writeln!(out, "  {bars}  each {}", span(timeline.slice_nanos))?;
    }
    for gap in statistics.gaps.longest.iter().take(GAPS) {
        writeln!(
            out,
            "  none for {}, from {} s to line {}",
            span(gap.nanos),
            gap.from,
            gap.line
        )?;
    }
    if statistics.gaps.backwards > 0 {
        let count = statistics.gaps.backwards;
        writeln!(out, "  {count} accesses with a time before the last one's")?;
    }
    Ok(())
}

/// The slices, each as its part of the largest.
fn sizes(statistics: &Statistics) -> impl Iterator<Item = f64> {
    let slices = &statistics.timeline.slices;
    let all = |slice: &mmiotrace_analysis::Slice| slice.reads + slice.writes + slice.unknown;
    let most = slices.iter().map(all).max().unwrap_or(0).max(1) as f64;
    slices.iter().map(move |slice| all(slice) as f64 / most)
}

/// A bar of one character; a blank only where there is nothing.
fn eighths(part: f64) -> char {
    let bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    if part <= 0.0 {
        return ' ';
    }
    let at = (part * 8.0).ceil() as usize;
    bars.get(at.saturating_sub(1)).copied().unwrap_or('█')
}

/// `120 ns`, `4.2 µs`, `1.5 s`.
fn span(nanos: u64) -> String {
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")];
    match units.iter().find(|(unit, _)| nanos >= *unit) {
        None => format!("{nanos} ns"),
        Some((unit, name)) if nanos.is_multiple_of(*unit) => format!("{} {name}", nanos / unit),
        Some((unit, name)) => format!("{:.3} {name}", nanos as f64 / *unit as f64),
    }
}

fn slices(out: &mut String, statistics: &Statistics) -> fmt::Result {
    let timeline = &statistics.timeline;
    let each = span(timeline.slice_nanos);
    writeln!(out, "Accesses over time, each row {each}")?;
    writeln!(
        out,
        "  {:<16} {:>10} {:>10} {:>10}",
        "from", "reads", "writes", "unknown"
    )?;
    for (slice, part) in timeline.slices.iter().zip(sizes(statistics)) {
        let bar = "█".repeat((part * 40.0).round() as usize);
        let from = slice.from.to_string();
        let (reads, writes, unknown) = (slice.reads, slice.writes, slice.unknown);
        let line = format!("  {from:<16} {reads:>10} {writes:>10} {unknown:>10}  {bar}");
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn gaps(out: &mut String, statistics: &Statistics, top: usize) -> fmt::Result {
    let gaps = &statistics.gaps;
    writeln!(out, "Times between accesses")?;
    for length in &gaps.lengths {
        let (from, to) = (length.from_nanos, length.from_nanos.saturating_mul(10));
        let range = match from {
            0 => "0 ns".to_owned(),
            _ => format!("{} to {}", span(from), span(to)),
        };
        writeln!(out, "  {range:<24} {:>10}", length.count)?;
    }
    if gaps.backwards > 0 {
        writeln!(out, "  {:<24} {:>10}", "backwards", gaps.backwards)?;
    }
    writeln!(out, "\nThe longest")?;
    writeln!(out, "  {:<16} {:>14} {:>12}", "from", "length", "to line")?;
    for gap in gaps.longest.iter().take(top) {
        let (from, length, line) = (gap.from.to_string(), span(gap.nanos), gap.line);
        writeln!(out, "  {from:<16} {length:>14} {line:>12}")?;
    }
    Ok(())
}

fn phases(out: &mut String, statistics: &Statistics, top: usize) -> fmt::Result {
    let phases = &statistics.phases;
    let title = match phases.len() {
        all if all > top => format!("Phases between markers, the first {top} of {all}"),
        _ => "Phases between markers".to_owned(),
    };
    title_line(out, &title)?;
    writeln!(
        out,
        "  {:>8} {:>16} {:>12} {:>10} {:>10} {:>10}  marker",
        "line", "from", "seconds", "reads", "writes", "unknown"
    )?;
    for phase in phases.iter().take(top) {
        let (line, from) = (optional(phase.line), optional(phase.from));
        let seconds = phase.seconds();
        let AccessCounts {
            reads,
            writes,
            unknown,
            ..
        } = phase.accesses;
        let mark = phase.mark.as_deref().unwrap_or("(before the first)");
        let mark = printable(mark);
        writeln!(
            out,
            "  {line:>8} {from:>16} {seconds:>12.6} {reads:>10} {writes:>10} {unknown:>10}  {mark}"
        )?;
    }
    write_others(
        out,
        statistics.accesses_of_other_phases,
        "in phases beyond the first 4096",
    )
}

fn optional(what: Option<impl Display>) -> String {
    what.map_or_else(|| "-".to_owned(), |what| what.to_string())
}

fn values(out: &mut String, statistics: &Statistics, top: usize) -> fmt::Result {
    titled(out, "Values of registers", statistics.registers.len(), top)?;
    for register in statistics.registers.iter().take(top) {
        writeln!(out, "  {}", place(register))?;
        for (verb, histogram) in [
            ("read", &register.read_values),
            ("written", &register.written_values),
        ] {
            if let Some(histogram) = histogram {
                value_rows(out, verb, histogram)?;
            }
        }
        let told = register.read_values.is_some() || register.written_values.is_some();
        if !told {
            let total = register.accesses.total();
            writeln!(out, "    {total:>10} accesses whose values were not kept")?;
        }
    }
    let others = statistics.accesses_of_other_registers;
    write_others(out, others, "to registers beyond the first 50000")
}

fn value_rows(out: &mut String, verb: &str, histogram: &ValueHistogram) -> fmt::Result {
    for seen in &histogram.values {
        writeln!(out, "    {:>10} {verb} {:#x}", seen.count, seen.value)?;
    }
    if histogram.accesses_of_other_values > 0 {
        let others = histogram.accesses_of_other_values;
        writeln!(out, "    {others:>10} {verb} other values")?;
    }
    if histogram.without_value > 0 {
        let without = histogram.without_value;
        writeln!(out, "    {without:>10} {verb} values that are not known")?;
    }
    if histogram.values.len() > 1 {
        writeln!(
            out,
            "    {:>10} bits that changed: {:#x}",
            "",
            histogram.changing()
        )?;
    }
    Ok(())
}

fn title_line(out: &mut String, title: &str) -> fmt::Result {
    // The first table has nothing to stand apart from.
    let blank = if out.is_empty() { "" } else { "\n" };
    writeln!(out, "{blank}{title}")
}

fn titled(out: &mut String, title: &str, all: usize, top: usize) -> fmt::Result {
    let title = match all {
        _ if all > top => format!("{title}, the {top} of {all} with most accesses"),
        _ => title.to_owned(),
    };
    title_line(out, &title)
}

/// The first column is as wide as its longest text, within reason.
fn table<'r>(
    out: &mut String,
    first: &str,
    rows: impl Iterator<Item = &'r (String, AccessCounts)> + Clone,
) -> fmt::Result {
    let longest = rows.clone().map(|(place, _)| place.chars().count()).max();
    let width = longest.unwrap_or(0).clamp(32, 60);
    writeln!(
        out,
        "  {first:<width$} {:>10} {:>10} {:>10} {:>12} {:>12} {:>8}",
        "reads", "writes", "unknown", "bytes read", "written", "r/w"
    )?;
    for (place, counts) in rows {
        let AccessCounts {
            reads,
            writes,
            unknown,
            bytes_read,
            bytes_written,
            ..
        } = counts;
        let ratio = counts
            .reads_per_write()
            .map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        writeln!(
            out,
            "  {place:<width$} {reads:>10} {writes:>10} {unknown:>10} {bytes_read:>12} \
             {bytes_written:>12} {ratio:>8}"
        )?;
    }
    Ok(())
}

fn write_others(out: &mut String, accesses: u64, which: &str) -> fmt::Result {
    if accesses == 0 {
        return Ok(());
    }
    writeln!(out, "  and {accesses} accesses {which}")
}
