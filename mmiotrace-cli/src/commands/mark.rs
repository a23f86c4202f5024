//! `mmiotrace mark`: a marker into the capture that runs.

use crate::failure::{Failure, Outcome, Stop};
use mmiotrace_capture::machine::Root;
use mmiotrace_capture::tracefs;
use std::path::PathBuf;

/// Write a marker into the capture that runs
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sudo mmiotrace mark 'X is up'
  sudo mmiotrace mark --to tracefs 'suspend begins'

A marker has one line, at most 1000 bytes, and does not begin with the word mmiotrace1, which
traces use for themselves.")]
pub(crate) struct Args {
    /// The marker's text
    #[arg(value_name = "TEXT", allow_hyphen_values = true)]
    text: String,

    /// The capture, where several run
    #[arg(long, value_enum, default_value_t = Target::Tracefs)]
    to: Target,

    /// The folder below which proc and sys are
    #[arg(long, value_name = "FOLDER", default_value = "/", hide = true)]
    root: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Target {
    /// The kernel's own tracer
    Tracefs,
}

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    let root = Root::new(&args.root);
    let marked = match args.to {
        Target::Tracefs => tracefs::mark(&root, args.text.as_bytes()),
    };
    marked.map_err(|error| Failure::new("mark", error))?;
    Ok(Outcome::Clean)
}
