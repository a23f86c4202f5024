//! `mmiotrace replay export`: a plan as code.

use super::file::{self, OutputArgs};
use crate::failure::{Failure, Outcome, Stop};
use mmiotrace_replay::{Language, PlanNames};
use std::path::PathBuf;

/// Write a plan as source code: a function a section, waits as loops with time-outs
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace replay export e1000.plan.toml --lang c -o e1000.c
  mmiotrace replay export e1000.plan.toml --lang python | less

C compiles in the kernel and in user space, Rust with and without the standard library; each file
says at its top what it runs on.")]
pub(super) struct Args {
    /// The plan
    #[arg(value_name = "PLAN")]
    plan: PathBuf,

    /// The language: c, rust, python, json
    #[arg(long, value_name = "LANGUAGE")]
    lang: Language,

    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args) -> Result<Outcome, Stop> {
    let (plan, files) = file::read(&args.plan)?;
    let code = mmiotrace_replay::export(&plan, &files, args.lang, &PlanNames)
        .map_err(|fault| Failure::new(args.plan.display().to_string(), fault))?;
    file::write(&args.output.output, &file::all(&args.plan, &files), &code)?;
    Ok(Outcome::Clean)
}
