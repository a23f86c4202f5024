//! Where a sequence goes in circles.

use super::step::{Act, Step};
use core::ops::Range;

/// The fewest turns, on one of the sides, that make a loop, as of blocks.
pub(super) const MIN_TURNS: usize = 3;

/// Steps a turn: short turns first, because they may be part of long ones.
pub(super) const PERIODS: [usize; 2] = [8, 48];

/// Steps of one side, in order, by their numbers.
pub(super) struct Sequence<'s> {
    steps: &'s [Step],
    numbers: Vec<u32>,
    /// For each, a hash of its exact key.
    hashes: Vec<u32>,
}

/// Steps that are each like the one a period before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Where in the sequence.
    pub(super) range: Range<usize>,
    /// Steps in a turn.
    pub(super) period: usize,
}

impl Run {
    /// Whole turns.
    pub(super) fn turns(&self) -> u32 {
        u32::try_from(self.range.len() / self.period.max(1)).unwrap_or(u32::MAX)
    }

    /// The last turn.
    pub(super) fn last_turn(&self) -> Range<usize> {
        self.range.end.saturating_sub(self.period)..self.range.end
    }

    /// All whole turns but the last. What is left before the first of them is none.
    pub(super) fn earlier_turns(&self) -> Range<usize> {
        let rest = self.range.len() % self.period.max(1);
        self.range.start + rest..self.last_turn().start
    }
}

impl<'s> Sequence<'s> {
    pub(super) fn new(steps: &'s [Step], numbers: Vec<u32>) -> Self {
        let hash = |number: &u32| {
            let step = steps.get(*number as usize);
            step.map_or(0, |step| step.exact_key().hash())
        };
        Self {
            steps,
            hashes: numbers.iter().map(hash).collect(),
            numbers,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    pub(super) fn step(&self, index: usize) -> Option<&'s Step> {
        self.steps.get(self.number(index)? as usize)
    }

    /// The number of the step on its side.
    pub(super) fn number(&self, index: usize) -> Option<u32> {
        self.numbers.get(index).copied()
    }

    /// The numbers of the steps whose next is not a read of the same register once more.
    pub(super) fn row_ends(steps: &[Step]) -> Vec<u32> {
        let count = u32::try_from(steps.len()).unwrap_or(u32::MAX);
        let goes_on = |number: u32| steps.get(number as usize + 1).is_some_and(Step::is_second);
        (0..count).filter(|number| !goes_on(*number)).collect()
    }

    /// The step with that number on its side, also where it is not part of the sequence.
    pub(super) fn of_number(&self, number: u32) -> Option<&'s Step> {
        self.steps.get(number as usize)
    }

    /// Where the first step from that number on is.
    pub(super) fn index_of(&self, number: u32) -> usize {
        self.numbers.partition_point(|other| *other < number)
    }

    /// Whether both do exactly the same.
    pub(super) fn is_same(&self, index: usize, other: usize) -> bool {
        self.hashes.get(index) == self.hashes.get(other)
            && self
                .step(index)
                .zip(self.step(other))
                .is_some_and(|(a, b)| a.exact_key() == b.exact_key())
    }

    /// Whether both access the same register in the same way, whatever the value.
    pub(super) fn is_alike(&self, index: usize, other: usize) -> bool {
        self.step(index)
            .zip(self.step(other))
            .is_some_and(|(a, b)| a.key() == b.key())
    }

    /// Whether each step of the range is the same as that a period before.
    pub(super) fn is_periodic(&self, range: &Range<usize>, period: usize) -> bool {
        (range.start + period..range.end).all(|index| self.is_same(index - period, index))
    }

    /// Whether nothing is done but to read.
    pub(super) fn only_reads(&self, mut range: Range<usize>) -> bool {
        range.all(|index| self.step(index).is_some_and(|step| step.act == Act::Read))
    }

    /// Loops of at least two steps a turn that `wanted` takes by their first turn, in order and not
    /// overlapping.
    pub(super) fn runs(
        &self,
        max_period: usize,
        wanted: impl Fn(&Self, Range<usize>) -> bool,
    ) -> Vec<Run> {
        let mut runs = Vec::new();
        let mut from = 0;
        while from < self.len() {
            match self.run_at(from, max_period, &wanted) {
                Some(run) => {
                    from = run.range.end;
                    runs.push(run);
                }
                None => from += 1,
            }
        }
        runs
    }

    fn run_at(
        &self,
        from: usize,
        max_period: usize,
        wanted: impl Fn(&Self, Range<usize>) -> bool,
    ) -> Option<Run> {
        let hash = self.hashes.get(from)?;
        let ahead = self.hashes.get(from + 1..)?;
        // The same step twice in a row is no turn of two.
        if ahead.first() == Some(hash) {
            return None;
        }
        let candidates = ahead.iter().take(max_period).zip(1..);
        let mut periods = candidates.filter(|(other, _)| *other == hash);
        periods.find_map(|(_, period)| {
            if !wanted(self, from..from + period) {
                return None;
            }
            let mut end = from + period;
            while end < self.len() && self.is_same(end - period, end) {
                end += 1;
            }
            (end - from >= MIN_TURNS * period).then_some(Run {
                range: from..end,
                period,
            })
        })
    }
}
