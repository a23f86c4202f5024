//! `mmiotrace record`: a capture. Each backend has a file below.

mod tracefs;
mod verdict;

use crate::failure::{Outcome, Stop};
use std::ffi::OsString;
use std::path::PathBuf;

/// Capture, and say at the end whether the trace is whole
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sudo mmiotrace record --backend tracefs --driver e1000 -o e1000.mmiotrace -- ./use-the-card.sh
  sudo mmiotrace record --backend tracefs --device 00:03.0 --reload --stop-after 30s
  sudo mmiotrace record --backend tracefs --driver nouveau --buffer 256M --stop-on-loss

The verdict goes to standard error. Exit status: that of COMMAND where it is not 0 (128 and the
signal, where one ended it); else 0 for a complete trace, 1 for one that is not; 2 where it could
not be done.")]
pub(crate) struct Args {
    /// What captures
    #[arg(long, value_enum, default_value_t = Backend::Tracefs)]
    backend: Backend,

    /// The trace's file; `-` is standard output [default: trace.mmiotrace]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write this marker at the beginning; may be given more than once
    #[arg(long, value_name = "TEXT")]
    mark: Vec<String>,

    #[command(flatten)]
    tracefs: tracefs::TracefsArgs,

    /// The program to run; the capture ends with it
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Backend {
    /// The kernel's own tracer: as root, no module needed, one CPU
    Tracefs,
}

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    match args.backend {
        Backend::Tracefs => tracefs::run(args),
    }
}
