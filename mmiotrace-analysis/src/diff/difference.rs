//! What a comparison found.

use super::{Act, Register};
use mmiotrace_core::{Timestamp, Width};

/// One step of one of the traces.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Seen {
    /// Its line, counted from 1; of reads in a row that of the last.
    pub line: u64,
    /// Its time.
    pub time: Timestamp,
    /// What it does.
    pub act: Act,
    /// The register; of markers none.
    pub register: Option<Register>,
    /// The width; of what is no access none.
    pub width: Option<Width>,
    /// The value, where known; of an access wider than eight bytes each piece is a step.
    pub value: Option<u64>,
    /// The marker's text.
    pub text: Option<String>,
    /// Reads in a row that the step stands for.
    pub count: u32,
    /// Turns of a loop that the step stands for, of which it is part of the last; 1 outside loops.
    pub turns: u32,
}

/// One difference. Differences come in the order of the first trace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "kind", rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Difference {
    /// The same step with another value.
    Changed {
        /// In the first trace.
        before: Seen,
        /// In the second.
        after: Seen,
        /// The fields of the register that differ, where its fields are known.
        fields: Vec<ChangedField>,
    },
    /// A step of the first trace that the second has not.
    Missing {
        /// In the first trace.
        before: Seen,
    },
    /// A step of the second trace that the first has not.
    Inserted {
        /// In the second trace.
        after: Seen,
    },
    /// A step that stands elsewhere in the second trace.
    Moved {
        /// In the first trace.
        before: Seen,
        /// In the second.
        after: Seen,
    },
}

/// A field with another value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ChangedField {
    /// Its name.
    pub name: String,
    /// Its value in the first trace.
    pub before: u64,
    /// Its value in the second.
    pub after: u64,
}

impl Difference {
    /// The step in the first trace.
    #[must_use]
    pub const fn before(&self) -> Option<&Seen> {
        match self {
            Self::Changed { before, .. }
            | Self::Missing { before }
            | Self::Moved { before, .. } => Some(before),
            Self::Inserted { .. } => None,
        }
    }

    /// The step in the second trace.
    #[must_use]
    pub const fn after(&self) -> Option<&Seen> {
        match self {
            Self::Changed { after, .. } | Self::Inserted { after } | Self::Moved { after, .. } => {
                Some(after)
            }
            Self::Missing { .. } => None,
        }
    }

    /// The bits that differ, of a changed value.
    #[must_use]
    pub const fn changed_bits(&self) -> Option<u64> {
        match self {
            Self::Changed { before, after, .. } => match (before.value, after.value) {
                (Some(before), Some(after)) => Some(before ^ after),
                _ => None,
            },
            _ => None,
        }
    }
}

/// How many differences of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DiffSummary {
    /// Steps of the first trace: accesses, mappings and markers; three and more reads of one register in a row
    /// as one.
    pub steps_before: u64,
    /// Steps of the second trace.
    pub steps_after: u64,
    /// Steps that are the same, after folding.
    pub equal: u64,
    /// Reads that gave another value: what the device answered.
    pub changed_reads: u64,
    /// Writes of another value: what the driver decided.
    pub changed_writes: u64,
    /// Steps that the second trace has not.
    pub missing: u64,
    /// Steps that the first trace has not.
    pub inserted: u64,
    /// Steps that stand elsewhere.
    pub moved: u64,
}

/// The result of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Diff {
    /// All differences, in the order of the first trace.
    pub differences: Vec<Difference>,
    /// Their number by kind.
    pub summary: DiffSummary,
}

impl Diff {
    /// Whether the two traces mean the same.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.differences.is_empty()
    }
}
