//! How a verb ends.

use crate::output::{OneLine, printable};
use core::fmt;
use std::io::{self, Write};

/// A verb has done what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing was wrong. Exit status 0.
    Clean,
    /// Something was found: an incomplete trace, a malformed line, a difference. Exit status 1.
    Found,
    /// The command that was recorded ended with this status, which is not 0.
    Status(u8),
}

impl Outcome {
    /// The graver of both.
    pub(crate) const fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Clean, Self::Clean) => Self::Clean,
            (Self::Status(status), _) | (_, Self::Status(status)) => Self::Status(status),
            _ => Self::Found,
        }
    }
}

/// A verb has stopped before it was done.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Nobody reads the output any more. Exit status 0.
    ClosedPipe,
    /// It cannot be done. Exit status 2.
    Failed(Failure),
    /// It could not be done, and that has been told already. Exit status 2.
    Told,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Why something cannot be done, or what is wrong with a line: where, what, and what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    place: String,
    line: Option<u64>,
    what: String,
    advice: Option<String>,
}

impl Failure {
    /// `place` is the name of a file, or of what else is concerned.
    pub(crate) fn new(place: impl Into<String>, what: impl fmt::Display) -> Self {
        Self {
            place: place.into(),
            line: None,
            what: what.to_string(),
            advice: None,
        }
    }

    /// In this line, counted from 1.
    pub(crate) const fn at_line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// What to do about it.
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Writes it to standard error.
    pub(crate) fn print(&self) {
        note(self);
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.place))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", printable(&self.what))?;
        match &self.advice {
            Some(advice) => write!(f, " ({})", printable(advice)),
            None => Ok(()),
        }
    }
}

/// Writes one line to standard error.
pub(crate) fn note(text: impl fmt::Display) {
    // If standard error is closed there is nobody to say so to.
    let _ = writeln!(io::stderr().lock(), "mmiotrace: {}", OneLine(text));
}

/// Writes a line to standard error that continues a note.
pub(crate) fn note_continued(text: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{}", OneLine(text));
}

/// An error of the system in plain words, without its number.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((plain, _)) => plain.to_owned(),
        None => text,
    }
}
