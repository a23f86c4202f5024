//! What happened between markers.

use super::AccessCounts;
use mmiotrace_core::{AccessKind, Marker, Timestamp, Width};

/// At most so many phases are told apart.
const MAX_PHASES: usize = 4_096;

/// As many bytes of a marker's text are kept.
const MAX_TEXT: usize = 256;

/// What happened between one marker and the next.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Phase {
    /// The text of the marker that begins it, its first 256 bytes; `None` before the first marker.
    pub mark: Option<String>,
    /// The marker's line, counted from 1.
    pub line: Option<u64>,
    /// The time of the marker; where it has none, and before the first marker, of the first access.
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::as_printed_or_none"))]
    pub from: Option<Timestamp>,
    /// The time of the next marker; in the last phase, of the last access.
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::as_printed_or_none"))]
    pub to: Option<Timestamp>,
    /// The accesses.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub accesses: AccessCounts,
}

impl Phase {
    /// How long it took, in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.from
            .zip(self.to)
            .and_then(|(from, to)| to.since(from))
            .map_or(0.0, |span| span.as_secs_f64())
    }
}

/// A marker without a time of its own has 0 (those that an import makes).
fn stamped(time: Timestamp) -> Option<Timestamp> {
    (time != Timestamp::ZERO).then_some(time)
}

/// Follows the markers.
#[derive(Debug, Default)]
pub(super) struct Phases {
    done: Vec<Phase>,
    now: Phase,
    /// The marker that began the phase is counted.
    wanted: bool,
    others: u64,
}

impl Phases {
    /// A marker begins the next phase. `line` is counted from 1.
    pub(super) fn mark(&mut self, marker: &Marker<'_>, line: u64, counted: bool) {
        let text = marker.text.get(..MAX_TEXT).unwrap_or(marker.text);
        let next = Phase {
            mark: Some(String::from_utf8_lossy(text).into_owned()),
            line: Some(line),
            from: stamped(marker.time),
            to: None,
            accesses: AccessCounts::default(),
        };
        let mut last = core::mem::replace(&mut self.now, next);
        last.to = stamped(marker.time).or(last.to);
        self.close(last);
        self.wanted = counted;
    }

    pub(super) fn access(&mut self, time: Timestamp, access: Option<(AccessKind, Width)>) {
        self.now.from.get_or_insert(time);
        self.now.to = Some(time);
        self.now.accesses.add(access);
    }

    fn close(&mut self, phase: Phase) {
        if phase.accesses.total() == 0 && !self.wanted {
            return;
        }
        if self.done.len() < MAX_PHASES {
            self.done.push(phase);
        } else {
            self.others += phase.accesses.total();
        }
    }

    /// The phases, and how many accesses had others.
    pub(super) fn finish(mut self) -> (Vec<Phase>, u64) {
        let last = core::mem::take(&mut self.now);
        self.close(last);
        (self.done, self.others)
    }
}
