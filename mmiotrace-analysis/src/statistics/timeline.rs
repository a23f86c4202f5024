//! How many accesses in each slice of time, and how long nothing happened.

use core::cmp::Reverse;
use mmiotrace_core::{AccessKind, Timestamp};
use std::collections::VecDeque;

/// At most so many slices.
const MAX_SLICES: u64 = 64;

/// As many of the longest gaps are told.
const MAX_GAPS: usize = 32;

/// The accesses of one slice of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Slice {
    /// When it begins.
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::as_printed"))]
    pub from: Timestamp,
    /// Reads.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
    /// Accesses that the kernel could not decode.
    pub unknown: u64,
}

/// The accesses over time, in slices of equal length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Timeline {
    /// How long a slice is, in nanoseconds: 1 µs, 2 µs, 10 µs, 20 µs and so on, the least with
    /// which 64 slices hold the trace. A slice begins at a multiple of it.
    pub slice_nanos: u64,
    /// The slices, from the first with an access to the last.
    pub slices: Vec<Slice>,
}

/// A time in which there was no access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Gap {
    /// The time of the access before.
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::as_printed"))]
    pub from: Timestamp,
    /// How long it took, in nanoseconds.
    pub nanos: u64,
    /// The line of the access that ended it, counted from 1.
    pub line: u64,
}

/// How many gaps there are of which length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct GapCount {
    /// Gaps of at least this many nanoseconds, a power of ten or 0, and less than the next.
    pub from_nanos: u64,
    /// So many.
    pub count: u64,
}

/// The times between accesses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Gaps {
    /// The longest, the longest first; at most 32.
    pub longest: Vec<Gap>,
    /// How many of each length, where there are any.
    pub lengths: Vec<GapCount>,
    /// Accesses with an earlier time than the one before them: the CPUs' buffers were not merged
    /// in order.
    pub backwards: u64,
}

/// A timeline being made.
#[derive(Debug)]
pub(super) struct TimelineBuilder {
    nanos: u64,
    /// The number of the first slice: its time divided by the length.
    first: u64,
    /// Reads, writes, unknown.
    slices: VecDeque<[u64; 3]>,
}

impl Default for TimelineBuilder {
    fn default() -> Self {
        Self {
            nanos: 1_000,
            first: 0,
            slices: VecDeque::new(),
        }
    }
}

impl TimelineBuilder {
    pub(super) fn add(&mut self, time: Timestamp, kind: Option<AccessKind>) {
        let column = match kind {
            Some(AccessKind::Read) => 0,
            Some(AccessKind::Write) => 1,
            None => 2,
        };
        let mut number = time.as_nanos() / self.nanos;
        if self.slices.is_empty() {
            self.first = number;
            self.slices.push_back([0; 3]);
        }
        loop {
            let last = self.first + self.slices.len() as u64 - 1;
            if number.max(last) - number.min(self.first) < MAX_SLICES {
                break;
            }
            self.coarsen();
            number = time.as_nanos() / self.nanos;
        }
        while number < self.first {
            self.first -= 1;
            self.slices.push_front([0; 3]);
        }
        let at = usize::try_from(number - self.first).unwrap_or(usize::MAX);
        while self.slices.len() <= at {
            self.slices.push_back([0; 3]);
        }
        if let Some(count) = self
            .slices
            .get_mut(at)
            .and_then(|slice| slice.get_mut(column))
        {
            *count += 1;
        }
    }

    /// Makes slices of two, or of five: 1, 2, 10, 20, 100.
    fn coarsen(&mut self) {
        let is_power_of_ten = self.nanos.to_string().starts_with('1');
        let factor = if is_power_of_ten { 2 } else { 5 };
        let first = self.first / factor;
        let mut merged: VecDeque<[u64; 3]> = VecDeque::new();
        for (number, slice) in (self.first..).zip(&self.slices) {
            let at = usize::try_from(number / factor - first).unwrap_or(usize::MAX);
            while merged.len() <= at {
                merged.push_back([0; 3]);
            }
            if let Some(sum) = merged.get_mut(at) {
                for (sum, count) in sum.iter_mut().zip(slice) {
                    *sum += count;
                }
            }
        }
        (self.nanos, self.first, self.slices) = (self.nanos * factor, first, merged);
    }

    pub(super) fn finish(self) -> Timeline {
        let slices = (self.first..).zip(self.slices);
        Timeline {
            slice_nanos: self.nanos,
            slices: slices
                .map(|(number, [reads, writes, unknown])| Slice {
                    from: Timestamp::from_nanos(number.saturating_mul(self.nanos)),
                    reads,
                    writes,
                    unknown,
                })
                .collect(),
        }
    }
}

/// Follows the times between accesses.
#[derive(Debug, Default)]
pub(super) struct GapsBuilder {
    last: Option<Timestamp>,
    longest: Vec<Gap>,
    /// By the number of decimal digits of the nanoseconds.
    lengths: [u64; 21],
    backwards: u64,
}

impl GapsBuilder {
    pub(super) fn add(&mut self, time: Timestamp, line: u64) {
        let Some(last) = self.last.replace(time) else {
            return;
        };
        let Some(nanos) = time.as_nanos().checked_sub(last.as_nanos()) else {
            self.backwards += 1;
            return;
        };
        let digits = nanos.checked_ilog10().map_or(0, |log| log as usize + 1);
        if let Some(count) = self.lengths.get_mut(digits) {
            *count += 1;
        }
        let shortest = self.longest.last().map_or(0, |gap| gap.nanos);
        if nanos == 0 || self.longest.len() == MAX_GAPS && nanos <= shortest {
            return;
        }
        let at = self.longest.partition_point(|gap| gap.nanos >= nanos);
        self.longest.insert(
            at,
            Gap {
                from: last,
                nanos,
                line,
            },
        );
        self.longest.truncate(MAX_GAPS);
    }

    pub(super) fn finish(self) -> Gaps {
        let lengths = (0_u32..).zip(self.lengths).filter(|(_, count)| *count > 0);
        let mut longest = self.longest;
        longest.sort_by_key(|gap| (Reverse(gap.nanos), gap.line));
        Gaps {
            longest,
            lengths: lengths
                .map(|(digits, count)| GapCount {
                    from_nanos: digits
                        .checked_sub(1)
                        .map_or(0, |zeros| 10_u64.saturating_pow(zeros)),
                    count,
                })
                .collect(),
            backwards: self.backwards,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slices are a count of the times by plain division, whatever the order of the times.
    #[test]
    fn slices_are_what_division_gives() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for spread in [1_000_u64, 50_000, 3_000_000, 77_000_000_000, 1 << 62] {
            let times: Vec<u64> = (0..500)
                .map(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    5_000_000_000 + (state >> 2) % spread
                })
                .collect();
            let mut builder = TimelineBuilder::default();
            for time in &times {
                builder.add(Timestamp::from_nanos(*time), Some(AccessKind::Read));
            }
            let timeline = builder.finish();
            assert!(timeline.slices.len() as u64 <= MAX_SLICES);
            for slice in &timeline.slices {
                let begin = slice.from.as_nanos();
                assert_eq!(begin % timeline.slice_nanos, 0);
                let end = begin.saturating_add(timeline.slice_nanos);
                let inside = times.iter().filter(|time| (begin..end).contains(time));
                assert_eq!(slice.reads, inside.count() as u64);
            }
            let all: u64 = timeline.slices.iter().map(|slice| slice.reads).sum();
            assert_eq!(all, 500);
        }
    }

    #[test]
    fn the_longest_gaps_are_told_in_order() {
        let mut builder = GapsBuilder::default();
        let mut time = 0;
        for (line, nanos) in (1..).zip((0..100).map(|turn| turn * 37 % 101 * 10)) {
            time += nanos;
            builder.add(Timestamp::from_nanos(time), line);
        }
        builder.add(Timestamp::ZERO, 101);
        let gaps = builder.finish();
        let mut all: Vec<u64> = (1..100).map(|turn| turn * 37 % 101 * 10).collect();
        all.sort_unstable_by_key(|nanos| Reverse(*nanos));
        let told: Vec<u64> = gaps.longest.iter().map(|gap| gap.nanos).collect();
        assert_eq!(told, all[..MAX_GAPS]);
        let counted: u64 = gaps.lengths.iter().map(|length| length.count).sum();
        assert_eq!((counted, gaps.backwards), (99, 1));
    }
}
