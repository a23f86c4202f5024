//! The arguments, and what is wrong with them in one line.

use crate::cli::Cli;
use crate::failure::Failure;
use crate::verb_groups;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use std::process::ExitCode;

/// The arguments, or the exit status if there is nothing more to do.
pub(crate) fn parse() -> Result<Cli, ExitCode> {
    let parsed = verb_groups::grouped(Cli::command())
        .try_get_matches()
        .and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A closed pipe ends quietly.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(2)
        }
        _ => {
            one_line(&error).print();
            ExitCode::from(2)
        }
    })
}

/// What is wrong, from the several lines of clap's message.
fn one_line(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let what = text
        .split("\n\n")
        .next()
        .unwrap_or_default()
        .trim_start_matches("error: ");
    let words: Vec<_> = what.split_whitespace().collect();
    let verb = std::env::args().nth(1).filter(|verb| is_verb(verb));
    let help = match verb {
        Some(verb) => format!("see mmiotrace {verb} --help"),
        None => "see mmiotrace --help".to_owned(),
    };
    Failure::new("usage", words.join(" ")).advise(help)
}

fn is_verb(word: &str) -> bool {
    Cli::command().find_subcommand(word).is_some()
}
