//! Arguments that do not fit, told in one line.

use crate::cli::Cli;
use crate::failure::Failure;
use clap::Parser;
use clap::error::ErrorKind;
use std::process::ExitCode;

/// The arguments; or, where there is nothing more to do, the exit status.
pub(crate) fn parse() -> Result<Cli, ExitCode> {
    Cli::try_parse().map_err(|error| match error.kind() {
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

/// What is wrong, from the several lines in which clap tells it.
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
    <Cli as clap::CommandFactory>::command()
        .find_subcommand(word)
        .is_some()
}
