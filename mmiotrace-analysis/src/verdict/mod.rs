//! Whether a trace can be trusted.

mod accesses;
mod capture;
mod cause;
mod chain;
mod checker;
mod conclusion;
mod damage;
mod end;
mod evidence;
mod finding;
mod groups;
mod live_feed;
mod loss;
mod rare_lines;
mod sequence;
mod tail;
mod untraced;
mod words;

pub use capture::{BackendName, Capture};
pub use checker::Checker;
pub use evidence::MergedSource;
pub use finding::{Finding, FindingKind};

use crate::RecordCounts;
use mmiotrace_core::Timestamp;

/// What can be said of a whole trace. Made by a [`Checker`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Verdict {
    /// Whether nothing was found that makes the trace incomplete
    /// ([`FindingKind::makes_incomplete`]).
    pub complete: bool,
    /// What the first `VERSION` line says.
    pub version: Option<String>,
    /// How many lines of each kind.
    pub records: RecordCounts,
    /// Events that happened and are not in the trace, each counted once.
    pub lost_events: u64,
    /// The time of the first record that has one. The kernel's word on losses, which has time 0
    /// always, does not count.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_printed"))]
    pub first_time: Option<Timestamp>,
    /// The time of the last record that has one.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_printed"))]
    pub last_time: Option<Timestamp>,
    /// What was found, by first line: at most 1,000 causes, and then one of kind
    /// [`FindingKind::More`] that counts the rest.
    pub findings: Vec<Finding>,
    /// Who captured the trace, as far as it shows.
    pub capture: Capture,
    /// Of a merged trace, its sources in order; of any other none.
    pub sources: Vec<MergedSource>,
    /// What such a capture cannot see, however well it went. In a merged trace, what only one source
    /// cannot see begins with `source 2: `.
    pub not_seen: Vec<String>,
}

#[cfg(feature = "serde")]
#[expect(clippy::ref_option, reason = "serde's interface")]
fn as_printed<S: serde::Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(time),
        None => serializer.serialize_none(),
    }
}
