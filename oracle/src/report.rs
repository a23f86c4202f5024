//! What was found out about one encoding, and its way from the child process to the parent.

use core::fmt::Write as _;
use mmiotrace_decode::{Context, Reason};
use std::collections::BTreeMap;

/// What kind of disagreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Category {
    /// Whether it reads or writes at all.
    Kind,
    /// Which bytes.
    Extent,
    /// A value told beforehand.
    Value,
    /// The decoder says it reads, and no change of the memory ever mattered.
    ReadNotSeen,
    /// What carrying it out left.
    Way(Context),
    /// What an engine would have recorded.
    Events(Context),
    /// The test came to nothing: its process died.
    Died,
}

impl Category {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Kind,
        Self::Extent,
        Self::Value,
        Self::ReadNotSeen,
        Self::Way(Context::Process),
        Self::Way(Context::Kernel),
        Self::Events(Context::Process),
        Self::Events(Context::Kernel),
        Self::Died,
    ];

    /// The category in a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Extent => "extent",
            Self::Value => "value",
            Self::ReadNotSeen => "read-not-seen",
            Self::Way(Context::Process) => "way-process",
            Self::Way(Context::Kernel) => "way-kernel",
            Self::Events(Context::Process) => "events-process",
            Self::Events(Context::Kernel) => "events-kernel",
            Self::Died => "died",
        }
    }

    /// Whether this says that carrying the instruction out went wrong: a program would not be left as it
    /// is natively. All else is about what is said of it.
    #[must_use]
    pub const fn is_about_carrying_out(self) -> bool {
        matches!(self, Self::Way(_) | Self::Died)
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|category| category.as_str() == word)
    }
}

/// Whether the CPU runs an encoding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// It came to its end in at least one state.
    Executed,
    /// It never did; the word says what happened instead.
    NotExecuted(String),
    /// No state was found in which its accesses fall into the regions.
    #[default]
    NotAimed,
}

/// What was found out about one encoding.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Whether it ran.
    pub status: Status,
    /// The disagreements.
    pub problems: Vec<(Category, String)>,
    /// How many comparisons were made.
    pub checks: u64,
    /// How many positions against a missing page could not be had.
    pub not_slid: u64,
    /// How often both raised an exception.
    pub exceptions: u64,
    /// How often it was carried out: in a process, in the kernel.
    pub carried: [u64; 2],
    /// Accesses recorded while carrying out.
    pub events: u64,
    /// Those of them without a value.
    pub events_without_value: u64,
    /// Refusals at run time, by `context reason`.
    pub refusals: BTreeMap<String, u64>,
}

const fn context_word(context: Context) -> &'static str {
    match context {
        Context::Process => "process",
        Context::Kernel => "kernel",
    }
}

impl Report {
    pub(crate) fn problem(&mut self, category: Category, text: String) {
        // One of a kind tells enough.
        if !self.problems.iter().any(|(known, _)| *known == category) {
            self.problems.push((category, text));
        }
    }

    pub(crate) fn carried_out(&mut self, context: Context) {
        self.carried[usize::from(context == Context::Kernel)] += 1;
    }

    pub(crate) fn cannot_at_run_time(&mut self, context: Context, reason: Reason) {
        *self
            .refusals
            .entry(format!("{} {reason}", context_word(context)))
            .or_default() += 1;
    }

    /// As lines of text, the first of which begins with `encoding`.
    pub(crate) fn to_lines(&self, encoding: usize) -> String {
        let status = match &self.status {
            Status::Executed => "executed".to_owned(),
            Status::NotExecuted(why) => format!("not:{why}"),
            Status::NotAimed => "not-aimed".to_owned(),
        };
        let mut lines = format!(
            "R\t{encoding}\t{status}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n",
            self.checks,
            self.not_slid,
            self.exceptions,
            self.carried[0],
            self.carried[1],
            self.events,
            self.events_without_value,
        );
        for (reason, count) in &self.refusals {
            let _ = writeln!(lines, "C\t{reason}\t{count}");
        }
        for (category, text) in &self.problems {
            let _ = writeln!(
                lines,
                "P\t{}\t{}",
                category.as_str(),
                text.replace(['\t', '\n'], " ")
            );
        }
        lines.push_str("E\n");
        lines
    }

    /// The other way: adds a line of text; gives the number of the encoding for a first line.
    pub(crate) fn add_line(&mut self, line: &str) -> Option<usize> {
        let mut fields = line.split('\t');
        match fields.next()? {
            "R" => {
                let encoding = fields.next()?.parse().ok()?;
                self.status = match fields.next()? {
                    "executed" => Status::Executed,
                    "not-aimed" => Status::NotAimed,
                    other => Status::NotExecuted(other.trim_start_matches("not:").to_owned()),
                };
                let mut number = || {
                    fields
                        .next()
                        .and_then(|field| field.parse().ok())
                        .unwrap_or(0)
                };
                self.checks = number();
                self.not_slid = number();
                self.exceptions = number();
                self.carried = [number(), number()];
                self.events = number();
                self.events_without_value = number();
                return Some(encoding);
            }
            "C" => {
                let reason = fields.next()?.to_owned();
                self.refusals.insert(reason, fields.next()?.parse().ok()?);
            }
            "P" => {
                let category = Category::from_word(fields.next()?)?;
                self.problems.push((category, fields.next()?.to_owned()));
            }
            _ => {}
        }
        None
    }
}
