//! The arguments of the command. Each verb's own are in its file.

use crate::commands::{
    bundle, cat, check, decode, diff, doctor, export, lookup, map, mark, merge, name, record,
    replay, report, stat, watch,
};

/// Captures, checks, filters and names traces of memory-mapped I/O.
///
/// Reads the text format of the Linux kernel's mmiotrace, version 20070824.
#[derive(Debug, clap::Parser)]
#[command(name = "mmiotrace", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  mmiotrace check trace.mmiotrace.xz
  mmiotrace cat --kind write --width 4 trace.mmiotrace | less
  mmiotrace stat trace.mmiotrace

Input `-`, or none, is standard input. Traces compressed with gzip, xz or zstd are read as they are.
Exit status: 0 done and nothing wrong; 1 done and something was found (an incomplete trace, a
malformed line); 2 could not be done.";

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
