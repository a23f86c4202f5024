//! `mmiotrace --help`: the verbs, grouped by what they are for.

use core::fmt::Write;

/// Each group's heading and its verbs. Every verb is in exactly one group.
const GROUPS: [(&str, &[&str]); 6] = [
    ("Capture", &["record", "mark", "watch", "doctor"]),
    ("Check", &["check", "decode", "bundle"]),
    ("Read", &["cat", "stat", "merge", "diff"]),
    ("Name", &["name", "lookup", "map"]),
    ("Draw and export", &["report", "export"]),
    ("Replay", &["replay"]),
];

/// The command's definition with the groups in its help, in place of one flat list.
pub(crate) fn grouped(command: clap::Command) -> clap::Command {
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{}\nOptions:\n{{options}}{{after-help}}",
        listing(&command)
    );
    command.help_template(template)
}

fn listing(command: &clap::Command) -> String {
    let width = command
        .get_subcommands()
        .map(|verb| verb.get_name().len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (heading, verbs) in GROUPS {
        // Writing to a String does not fail.
        let _ = write!(text, "\n{heading}:\n");
        for verb in verbs
            .iter()
            .filter_map(|name| command.find_subcommand(name))
        {
            let about = verb
                .get_about()
                .map(ToString::to_string)
                .unwrap_or_default();
            let _ = writeln!(text, "  {:width$}  {about}", verb.get_name());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory;

    #[test]
    fn every_verb_is_in_one_group() {
        let mut grouped: Vec<_> = GROUPS
            .iter()
            .flat_map(|(_, verbs)| *verbs)
            .copied()
            .collect();
        let command = Cli::command();
        let mut verbs: Vec<_> = command
            .get_subcommands()
            .map(clap::Command::get_name)
            .collect();
        grouped.sort_unstable();
        verbs.sort_unstable();
        assert_eq!(grouped, verbs);
    }
}
