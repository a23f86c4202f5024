//! The arguments of the command. Each verb's own are in its file.

use crate::commands::{
    bundle, cat, check, decode, diff, doctor, export, lookup, map, mark, merge, name, record,
    replay, report, stat, watch,
};

/// Records, checks, names, compares and replays memory-mapped I/O of drivers.
///
/// Traces are in the text format of the Linux kernel's mmiotrace, version 20070824.
#[derive(Debug, clap::Parser)]
#[command(name = "mmiotrace", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  mmiotrace record --demo -o demo.mmiotrace
  mmiotrace check trace.mmiotrace.xz
  mmiotrace name trace.mmiotrace | less
  mmiotrace cat --kind write --width 4 trace.mmiotrace

Input `-`, or none, is standard input. gzip, xz and zstd are decompressed on reading.
`mmiotrace VERB --help` has every option of a verb, with examples; `-h` has the short form.
Exit status: 0 nothing was found; 1 something was found (an incomplete trace, a malformed line, a
difference); 2 could not be done.";

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Record(record::Args),
    Mark(mark::Args),
    Doctor(doctor::Args),
    Check(check::Args),
    Cat(cat::Args),
    Stat(stat::Args),
    Name(name::Args),
    Lookup(lookup::Args),
    Watch(watch::Args),
    Map(map::Args),
    Diff(diff::Args),
    Merge(merge::Args),
    Export(export::Args),
    Report(report::Args),
    Replay(replay::Args),
    Decode(decode::Args),
    Bundle(bundle::Args),
}
