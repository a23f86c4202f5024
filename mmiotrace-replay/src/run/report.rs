//! What came of a run.

use super::{Divergence, Outcome, Timeout};
use crate::plan::{Place, Plan};
use core::error::Error;
use core::fmt;
use mmiotrace_core::Width;

/// What came of a run.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// How it ended.
    pub ending: Ending,
    /// How many steps were done.
    pub steps: usize,
    /// How many writes were issued.
    pub writes: u64,
    /// How many reads were issued, those of waits and preconditions counted.
    pub reads: u64,
    /// Reads, and ends of waits, that were all as recorded.
    pub matched: u64,
    /// Those that were as recorded in the bits that count only.
    pub masked: u64,
    /// Those that were not.
    pub mismatched: u64,
    /// Waits that ended as they should, in vain where they were recorded in vain; not those after
    /// which the register was not as recorded.
    pub waits: u64,
    /// Waits that took too long.
    pub timed_out: u64,
    /// Steps that were not done.
    pub skipped: u64,
    /// The first place where the device did otherwise than recorded.
    pub first_divergence: Option<Divergence>,
    /// The first place where it did otherwise in bits that do not count.
    pub first_masked: Option<Divergence>,
    /// The first wait that took too long, otherwise than recorded.
    pub first_timeout: Option<Timeout>,
    /// The same by register, in the order in which they were first touched.
    pub registers: Vec<RegisterReport>,
}

/// What came of the accesses of one register.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RegisterReport {
    /// Where.
    pub place: Place,
    /// The width of the accesses.
    pub width: Width,
    /// Writes issued.
    pub writes: u64,
    /// Reads issued.
    pub reads: u64,
    /// Reads that were all as recorded.
    pub matched: u64,
    /// Reads that were so in the bits that count.
    pub masked: u64,
    /// Reads that were not, and waits that took too long.
    pub mismatched: u64,
    /// Why bits do not count.
    pub mask_reason: String,
}

/// How a run ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Ending {
    /// All steps were done.
    Complete,
    /// As many steps as asked for were done.
    Limit,
    /// At a stop of the plan, for this reason.
    Stopped(String),
    /// At a mismatch.
    Mismatched,
    /// At a wait that took too long.
    TimedOut,
    /// Nothing was written: this does not hold.
    Refused(String),
    /// It was broken off from outside.
    Aborted,
    /// The target failed.
    Failed(Box<dyn Error + Send + Sync>),
}

impl Ending {
    /// Whether the run did what was asked of it.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        matches!(self, Self::Complete | Self::Limit | Self::Stopped(_))
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => f.write_str("complete"),
            Self::Limit => f.write_str("ended after as many steps as asked for"),
            Self::Stopped(why) => write!(f, "stopped by the plan: {why}"),
            Self::Mismatched => f.write_str("ended at a mismatch"),
            Self::TimedOut => f.write_str("ended at a wait that took too long"),
            Self::Refused(why) => write!(f, "refused, nothing was written: {why}"),
            Self::Aborted => f.write_str("broken off"),
            Self::Failed(error) => write!(f, "the target failed: {error}"),
        }
    }
}

impl Report {
    pub(super) const fn new() -> Self {
        Self {
            ending: Ending::Complete,
            steps: 0,
            writes: 0,
            reads: 0,
            matched: 0,
            masked: 0,
            mismatched: 0,
            waits: 0,
            timed_out: 0,
            skipped: 0,
            first_divergence: None,
            first_masked: None,
            first_timeout: None,
            registers: Vec::new(),
        }
    }

    /// Whether the run did what was asked, and the device did as recorded.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.ending.is_good() && self.mismatched == 0 && self.timed_out == 0
    }

    /// A divergence in words, with the register's name where the plan has one.
    #[must_use]
    pub fn describe(&self, plan: &Plan, divergence: &Divergence) -> String {
        let place = divergence.place.named(&plan.regions);
        let name = plan.names.get(&divergence.place);
        let name = name.map(|name| format!("{name} at ")).unwrap_or_default();
        format!(
            "line {}: {name}{place} ({} bytes) read {}, recorded {} (bits that count: {})",
            divergence.line,
            divergence.width,
            divergence.actual,
            divergence.expected,
            divergence.mask
        )
    }

    /// A wait that took too long in words, with the register's name where the plan has one.
    #[must_use]
    pub fn describe_timeout(&self, plan: &Plan, timeout: &Timeout) -> String {
        let place = timeout.place.named(&plan.regions);
        let name = plan.names.get(&timeout.place);
        let name = name.map(|name| format!("{name} at ")).unwrap_or_default();
        format!(
            "line {}: {name}{place} ({} bytes) read {} last, waited for {}",
            timeout.line, timeout.width, timeout.actual, timeout.until
        )
    }

    /// Adds what came of a read or wait.
    pub(super) fn count(&mut self, register: usize, outcome: &Outcome) {
        let (matched, masked, mismatched) = match outcome {
            Outcome::Matched { .. } => (1, 0, 0),
            Outcome::Masked(divergence) => {
                self.first_masked.get_or_insert_with(|| divergence.clone());
                (0, 1, 0)
            }
            Outcome::Mismatched(divergence) => {
                self.first_divergence
                    .get_or_insert_with(|| divergence.clone());
                (0, 0, 1)
            }
            Outcome::Met { .. } => {
                self.waits += 1;
                (1, 0, 0)
            }
            Outcome::TimedOut { as_recorded, .. } => {
                self.waits += u64::from(*as_recorded);
                self.timed_out += u64::from(!as_recorded);
                (0, 0, 0)
            }
            Outcome::Skipped(_) => {
                self.skipped += 1;
                return;
            }
            _ => return,
        };
        self.matched += matched;
        self.masked += masked;
        self.mismatched += mismatched;
        if let Some(register) = self.registers.get_mut(register) {
            register.matched += matched;
            register.masked += masked;
            register.mismatched += mismatched;
            register.mismatched += u64::from(matches!(
                outcome,
                Outcome::TimedOut {
                    as_recorded: false,
                    ..
                }
            ));
        }
    }
}
