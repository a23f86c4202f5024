//! What the code says of a whole trace.

use super::told::Told;
use core::fmt;
use serde::Serialize;

/// What the code says of a whole trace.
#[derive(Debug, Default, Serialize)]
pub(in super::super) struct CodeReport {
    /// Files, and where they were loaded.
    pub(super) images: Vec<String>,
    pub(super) instructions: Vec<Told>,
    /// Records that do not fit the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mismatch: Option<Mismatch>,
    /// Records that there was no room for.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) more: u64,
}

/// Decoded accesses whose instruction, by the code, does something else.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Mismatch {
    /// The first line.
    pub(super) line: u64,
    /// How many records.
    pub(super) count: u64,
    pub(super) text: String,
}

impl Mismatch {
    /// Adds one to what is known.
    pub(super) fn join(self, known: Option<Self>) -> Self {
        match known {
            None => self,
            Some(known) => Self {
                count: known.count + self.count,
                ..if known.line <= self.line { known } else { self }
            },
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl CodeReport {
    /// Whether a record that looks right is wrong.
    pub(in super::super) fn finds_something(&self) -> bool {
        !self.instructions.is_empty() || self.mismatch.is_some()
    }
}

/// For people.
impl fmt::Display for CodeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n  By the code in {}:", self.images.join(" and "))?;
        if self.instructions.is_empty() {
            writeln!(
                f,
                "    nothing is unknown, and nothing that could be looked up is wrong"
            )?;
        }
        for told in &self.instructions {
            write!(f, "{told}")?;
        }
        if let Some(Mismatch { line, count, text }) = &self.mismatch {
            writeln!(
                f,
                "    ! {count} records do not fit, first in line {line}: {text}\n      \
                 is it this version, at this address?"
            )?;
        }
        match self.more {
            0 => Ok(()),
            more => writeln!(f, "    and {more} records more, of too many sorts"),
        }
    }
}
