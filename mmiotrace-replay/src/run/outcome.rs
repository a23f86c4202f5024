//! What came of a step.

use crate::plan::Place;
use core::time::Duration;
use mmiotrace_analysis::blocks::Condition;
use mmiotrace_core::{Value, Width};

/// What came of a step. A mismatch is an outcome, not an error.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// Written, waited, marked.
    Done,
    /// Read, and nothing was expected.
    Read {
        /// What was read.
        value: Value,
    },
    /// Read, and all bits are as expected.
    Matched {
        /// What was read.
        value: Value,
    },
    /// Read, and the bits that count are as expected; others are not.
    Masked(Divergence),
    /// Read, and bits that count are not as expected.
    Mismatched(Divergence),
    /// The condition held, and what was read last is as recorded, where that is expected.
    Met {
        /// What the last read gave.
        value: Value,
        /// After how many reads.
        reads: u64,
        /// How long it took.
        took: Duration,
    },
    /// The condition did not hold in time.
    TimedOut {
        /// What the last read gave.
        value: Value,
        /// After how many reads.
        reads: u64,
        /// Whether it did not when it was recorded either.
        as_recorded: bool,
    },
    /// Not done.
    Skipped(SkipReason),
}

/// Why a step was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// The trace has something here that cannot be done again.
    NotInTrace,
    /// The plan forbids the place.
    Forbidden,
    /// The observer said so.
    Asked,
    /// A stop of the plan, passed through.
    StopPassed,
}

/// A wait that took too long.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Timeout {
    /// The step, counted from 0 over all sections.
    pub step: usize,
    /// The line of the trace.
    pub line: u64,
    /// Where.
    pub place: Place,
    /// The width of the reads.
    pub width: Width,
    /// What was waited for.
    pub until: Condition,
    /// What the last read returned.
    pub actual: Value,
}

/// A place where a device does otherwise than it did when it was recorded.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Divergence {
    /// The step, counted from 0 over all sections.
    pub step: usize,
    /// The line of the trace.
    pub line: u64,
    /// Where.
    pub place: Place,
    /// The width of the access.
    pub width: Width,
    /// What was recorded.
    pub expected: Value,
    /// The bits that count.
    pub mask: Value,
    /// What was read.
    pub actual: Value,
}
