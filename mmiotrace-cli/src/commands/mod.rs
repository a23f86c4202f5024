//! The verbs, one file each: its arguments, and a `run` that does it.

mod blocks;
pub(crate) mod bundle;
pub(crate) mod cat;
pub(crate) mod check;
pub(crate) mod decode;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod lookup;
pub(crate) mod map;
pub(crate) mod mark;
pub(crate) mod merge;
pub(crate) mod name;
pub(crate) mod record;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod stat;
pub(crate) mod watch;

use crate::cli::Command;
use crate::failure::{Outcome, Stop};

/// Does what was asked for.
pub(crate) fn run(command: Command) -> Result<Outcome, Stop> {
    match command {
        Command::Record(args) => record::run(&args),
        Command::Mark(args) => mark::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Cat(args) => cat::run(&args),
        Command::Stat(args) => stat::run(&args),
        Command::Name(args) => name::run(&args),
        Command::Lookup(args) => lookup::run(&args),
        Command::Map(args) => map::run(&args),
        Command::Watch(args) => watch::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Merge(args) => merge::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Decode(args) => decode::run(&args),
        Command::Bundle(args) => bundle::run(&args),
    }
}
