//! How fast accesses came.

use mmiotrace_core::Timestamp;

/// How fast accesses came.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Rates {
    /// The time of the first record counted that has one.
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::as_printed_or_none"))]
    pub first_time: Option<Timestamp>,
    /// The time of the last.
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::as_printed_or_none"))]
    pub last_time: Option<Timestamp>,
    /// Accesses per second between these, on average; 0 where no time passed.
    pub accesses_per_second: f64,
    /// The most accesses in any whole second of the clock.
    pub busiest_second_accesses: u64,
    /// That second.
    pub busiest_second: u64,
}

/// Follows the times of a trace.
#[derive(Debug, Default)]
pub(super) struct Clock {
    rates: Rates,
    accesses: u64,
    second: u64,
    in_second: u64,
}

impl Clock {
    /// A record without a time of its own has 0 (losses, and the markers that an import makes).
    pub(super) fn record(&mut self, time: Timestamp) {
        if time == Timestamp::ZERO {
            return;
        }
        self.rates.first_time.get_or_insert(time);
        self.rates.last_time = Some(time);
    }

    pub(super) fn access(&mut self, time: Timestamp) {
        self.accesses += 1;
        let second = time.as_nanos() / 1_000_000_000;
        if second != self.second {
            (self.second, self.in_second) = (second, 0);
        }
        self.in_second += 1;
        if self.in_second > self.rates.busiest_second_accesses {
            self.rates.busiest_second_accesses = self.in_second;
            self.rates.busiest_second = second;
        }
    }

    pub(super) fn finish(mut self) -> Rates {
        let span = match (self.rates.first_time, self.rates.last_time) {
            (Some(first), Some(last)) => last.since(first).unwrap_or_default().as_secs_f64(),
            _ => 0.0,
        };
        if span > 0.0 {
            self.rates.accesses_per_second = self.accesses as f64 / span;
        }
        self.rates
    }
}
