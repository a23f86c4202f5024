//! `mmiotrace diff`: two traces compared by meaning.

use crate::failure::{Failure, Outcome, Stop};
use crate::filter_args::{FilterArgs, does_not_fit};
use crate::input::{ImportArgs, Input, Printing};
use crate::naming::{Names, NamingArgs};
use crate::output::Output;
use core::ops::ControlFlow;
use mmiotrace_analysis::diff::{
    Act, Comparison, Diff, Difference, Field, Known, Register, Seen, Side, Treatment,
};
use mmiotrace_registers::Named;
use regex::Regex;

/// Compare two traces by meaning
///
/// Times, map ids, the addresses that BARs got, and how often a register was polled or a waiting
/// loop turned do not matter.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace diff good.mmiotrace bad.mmiotrace
  mmiotrace diff --between 'load' 'ready' --kind write old.mmiotrace.xz new.mmiotrace.xz
  mmiotrace diff --volatile 'STATUS|TSC' --ignore 'LED' --side-by-side a.mmiotrace b.mmiotrace
  mmiotrace diff --json old.mmiotrace new.mmiotrace | jq .summary

Lines begin with `-` (missing in the second), `+` (inserted), `!` (another value written), `?`
(another value read) and `>` (moved). Exit status: 0 the same, 1 different.")]
pub(crate) struct Args {
    /// The first trace
    #[arg(value_name = "BEFORE")]
    before: String,

    /// The second trace
    #[arg(value_name = "AFTER")]
    after: String,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Print both traces beside each other
    #[arg(long, conflicts_with = "json")]
    side_by_side: bool,

    /// Print at most N differences; all are counted
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    most: usize,

    /// Compare only from the first marker that matches one regular expression to the first that
    /// matches another
    #[arg(long, num_args = 2, value_names = ["REGEX", "REGEX"], conflicts_with_all = ["from_mark", "to_mark"])]
    between: Vec<String>,

    /// Leave out registers whose name or place matches; may be given more than once
    #[arg(long, value_name = "REGEX", value_parser = Regex::new)]
    ignore: Vec<Regex>,

    /// Do not compare what these registers answer: they change by themselves; those that a map calls
    /// volatile are so anyway
    #[arg(long, value_name = "REGEX", value_parser = Regex::new)]
    volatile: Vec<Regex>,

    /// Compare that these registers are accessed, but neither what they answer nor what is written:
    /// addresses of buffers that the system chose
    #[arg(long, value_name = "REGEX", value_parser = Regex::new)]
    any_value: Vec<Regex>,

    /// Compare what registers answer also where a map calls them volatile
    #[arg(long)]
    strict: bool,

    #[command(flatten)]
    import: ImportArgs,

    #[command(flatten)]
    naming: NamingArgs,

    #[command(flatten)]
    filter: FilterArgs,
}

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    let mut filter = args.filter.filter()?;
    if let [from, to] = &args.between[..] {
        filter
            .from_mark(from)
            .map_err(|error| Failure::new("--between", error))?;
        filter
            .to_mark(to)
            .map_err(|error| Failure::new("--between", error))?;
    }
    if args.before == "-" && args.after == "-" {
        return Err(Failure::new("standard input", "cannot be both traces")
            .advise("give a file for one")
            .into());
    }
    let mut comparison = Comparison::new().treat(|register| treatment(args, register));
    let mut outcome = Outcome::Clean;
    for (side, file) in [(Side::Before, &args.before), (Side::After, &args.after)] {
        let input = Input::open_as(file, Printing::Afterwards, &args.import)?;
        let (input_name, mut selector) = (input.name().to_owned(), filter.selector());
        let mut names = Names::new(args.naming.namer()?);
        let walked = input.entries().walk(|entry| {
            let wanted = selector.selects(entry)?;
            let named = names.follow(entry);
            // Mappings and devices tell the registers apart, also where they are not compared.
            if wanted {
                comparison.push_known(side, entry, || named.as_ref().and_then(known))?;
            } else {
                comparison.context(side, entry)?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        outcome = outcome.or(walked.finish()?);
        selector
            .finish()
            .map_err(|error| does_not_fit(&input_name, &error))?;
    }
    let diff = comparison.finish();
    let mut output = Output::new()?;
    if args.json {
        output.json(&diff)?;
    } else {
        print(&diff, args, &mut output)?;
    }
    output.flush()?;
    Ok(if diff.is_same() {
        outcome
    } else {
        outcome.or(Outcome::Found)
    })
}

/// What the maps know of a register.
fn known(named: &Named<'_>) -> Option<Known> {
    let mut known = Known::new(named.name()?);
    known.volatile = named.register().is_some_and(|register| register.volatile);
    for part in named.parts() {
        let shift = u64::from(part.first) * 8;
        for field in part.fields() {
            let low = shift + u64::from(field.low);
            let Some(low) = low.checked_sub(part.within * 8).filter(|low| *low < 64) else {
                continue;
            };
            let ones = u64::MAX >> (63 - u64::from(field.high.saturating_sub(field.low)).min(63));
            known.fields.push(Field {
                name: field.name().to_owned(),
                bits: ones << low,
            });
        }
    }
    Some(known)
}

fn treatment(args: &Args, register: &Register) -> Option<Treatment> {
    let text = register.to_string();
    let matches = |patterns: &[Regex]| patterns.iter().any(|pattern| pattern.is_match(&text));
    if matches(&args.ignore) {
        Some(Treatment::Ignore)
    } else if matches(&args.any_value) {
        Some(Treatment::AnyValue)
    } else if matches(&args.volatile) {
        Some(Treatment::Volatile)
    } else {
        args.strict.then_some(Treatment::Compare)
    }
}

fn print(diff: &Diff, args: &Args, output: &mut Output) -> Result<(), Stop> {
    for difference in diff.differences.iter().take(args.most) {
        if args.side_by_side {
            let column = |seen: Option<&Seen>| seen.map_or_else(String::new, describe);
            let (left, right) = (column(difference.before()), column(difference.after()));
            output.line(format_args!("{left:<58} {} {right}", sign(difference)))?;
        } else {
            output.line(format_args!(
                "{} {}",
                sign(difference),
                one_line(difference)
            ))?;
        }
    }
    let untold = diff.differences.len().saturating_sub(args.most);
    if untold > 0 {
        output.line(format_args!("… and {untold} differences more (--most N)"))?;
    }
    output.line(summary(diff))
}

const fn sign(difference: &Difference) -> char {
    match difference {
        Difference::Missing { .. } => '-',
        Difference::Inserted { .. } => '+',
        Difference::Moved { .. } => '>',
        Difference::Changed { before, .. } if matches!(before.act, Act::Read) => '?',
        _ => '!',
    }
}

fn one_line(difference: &Difference) -> String {
    match difference {
        Difference::Changed {
            before,
            after,
            fields,
        } => {
            let fields: String = fields
                .iter()
                .map(|field| format!("; {} {:#x} -> {:#x}", field.name, field.before, field.after))
                .collect();
            let bits = difference
                .changed_bits()
                .map_or_else(String::new, |bits| format!(" (bits {bits:#x}{fields})"));
            format!(
                "{} -> {}{bits}, line {}",
                describe(before),
                value(after),
                after.line
            )
        }
        Difference::Moved { before, after } => {
            format!("{}, moved to line {}", describe(before), after.line)
        }
        Difference::Missing { before } => describe(before),
        Difference::Inserted { after } => describe(after),
        _ => String::new(),
    }
}

/// `line 12: write PMC.ENABLE/4 = 0x1`.
fn describe(seen: &Seen) -> String {
    let verb = match seen.act {
        Act::Read => "read",
        Act::Write => "write",
        Act::Unknown => "undecoded access",
        Act::Map => "map",
        Act::Unmap => "unmap",
        Act::Mark => "mark",
        _ => "step",
    };
    let place = match (&seen.register, &seen.text) {
        (_, Some(text)) => format!(" {text:?}"),
        (Some(register), None) => format!(" {register}"),
        (None, None) => String::new(),
    };
    let width = seen
        .width
        .map_or_else(String::new, |width| format!("/{width}"));
    let times = if seen.count > 1 {
        format!(" ({} reads)", seen.count)
    } else {
        String::new()
    };
    let turns = if seen.turns > 1 {
        format!(" (last of {} turns)", seen.turns)
    } else {
        String::new()
    };
    let value = match seen.act {
        Act::Read | Act::Write => format!(" = {}", value(seen)),
        Act::Map => format!(" length {}", value(seen)),
        _ => String::new(),
    };
    format!(
        "line {}: {verb}{place}{width}{value}{times}{turns}",
        seen.line
    )
}

fn value(seen: &Seen) -> String {
    seen.value
        .map_or_else(|| "unknown".to_owned(), |value| format!("{value:#x}"))
}

fn summary(diff: &Diff) -> String {
    let s = &diff.summary;
    if diff.is_same() {
        return format!("the same: {} steps", s.equal);
    }
    format!(
        "{} steps the same; {} written otherwise, {} read otherwise, {} missing, {} inserted, {} moved",
        s.equal, s.changed_writes, s.changed_reads, s.missing, s.inserted, s.moved
    )
}
