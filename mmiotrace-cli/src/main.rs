//! The `mmiotrace` command. Its verbs are in `commands`, one file each; what they share is in the
//! files beside it. The libraries do the work: here are arguments, files and print.
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod failure;
mod filter_args;
mod input;
mod naming;
mod output;
mod units;
mod usage;
mod verb_groups;

use failure::{Outcome, Stop};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match usage::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    match commands::run(cli.command) {
        Ok(Outcome::Clean) | Err(Stop::ClosedPipe) => ExitCode::SUCCESS,
        Ok(Outcome::Found) => ExitCode::from(1),
        Ok(Outcome::Status(status)) => ExitCode::from(status),
        Err(Stop::Failed(failure)) => {
            failure.print();
            ExitCode::from(2)
        }
        Err(Stop::Told) => ExitCode::from(2),
    }
}
