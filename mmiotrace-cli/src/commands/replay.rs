//! `mmiotrace replay`: what a driver did, done again. Each of its verbs has a file below.

mod bisect;
mod export;
mod file;
mod plan;
mod print;
mod run;
mod target;

use crate::failure::{Outcome, Stop};

/// Replay a driver's accesses: plan, run, find the step that hangs, export as code
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace replay plan e1000.mmiotrace.xz --to-mark ifup -o e1000.plan.toml
  mmiotrace replay run e1000.plan.toml
  mmiotrace replay run e1000.plan.toml --target model:e1000.mmiotrace.xz --record replayed.mmiotrace
  sudo mmiotrace replay run e1000.plan.toml --target pci:00:03.0 --breadcrumbs crumbs --yes
  mmiotrace replay export e1000.plan.toml --lang c -o e1000.c

A trace does not hold everything that a device needs (host memory, interrupts, configuration space,
ports): the plan lists what it lacks, with the lines that show it.")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Plan(plan::Args),
    Run(run::Args),
    Bisect(bisect::Args),
    Export(export::Args),
}

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    match &args.verb {
        Verb::Plan(args) => plan::run(args),
        Verb::Run(args) => run::run(args),
        Verb::Bisect(args) => bisect::run(args),
        Verb::Export(args) => export::run(args),
    }
}
