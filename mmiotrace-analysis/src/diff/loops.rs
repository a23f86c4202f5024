//! Loops over several registers: how often they turned is chance, what they came to is not.

use super::align::Pairing;
use super::polls::{Folded, remove};
use super::runs::{MIN_TURNS, PERIODS, Run, Sequence};
use super::step::{Act, Step};
use core::ops::Range;

/// So far around a loop that writes it is looked whether it is part of a transfer.
const NEIGHBOURHOOD: usize = 256;

/// Leaves of each loop that both sides have its last turn.
///
/// A loop that only reads is folded wherever both sides have it. A loop that also writes is folded only
/// where all of this holds: every turn writes the same, on both sides; what it read says that it
/// waited; and around it nothing differs that is like it but for the values. So no write that one
/// side has and the other has not is ever taken for a turn, but for those of a wait.
pub(super) fn fold_loops(
    pairings: &mut Vec<Pairing>,
    (before, left): (&[Step], &mut Folded),
    (after, right): (&[Step], &mut Folded),
) {
    for max_period in PERIODS {
        let both = Both {
            before: OneSide::new(pairings, before, Pairing::before),
            after: OneSide::new(pairings, after, Pairing::after),
            pairings,
        };
        let mut candidates = both.before.candidates(max_period, left);
        candidates.extend(both.after.candidates(max_period, right));
        candidates.sort_unstable_by_key(|(region, _)| region.start);
        let mut folds: Vec<Fold> = Vec::new();
        for (region, period) in candidates {
            let free_from = folds.last().map_or(0, |fold| fold.region.end);
            if region.start >= free_from {
                folds.extend(both.fold(region, period, free_from));
            }
        }
        replace(pairings, &folds, left, right);
    }
    fold_one_sided(pairings, (before, left), (after, right));
}

/// A loop that both sides have.
struct Fold {
    /// Its pairings.
    region: Range<usize>,
    /// The last turn of both.
    last: Vec<Pairing>,
    turns: (u32, u32),
}

/// What alignment left of one side.
struct OneSide<'s> {
    sequence: Sequence<'s>,
    /// For each step, its pairing.
    at: Vec<u32>,
}

/// What is left of the two sequences.
struct Both<'s> {
    before: OneSide<'s>,
    after: OneSide<'s>,
    pairings: &'s [Pairing],
}

impl<'s> OneSide<'s> {
    fn new(
        pairings: &[Pairing],
        steps: &'s [Step],
        number: impl Fn(&Pairing) -> Option<u32>,
    ) -> Self {
        let own = (0..)
            .zip(pairings)
            .filter_map(|(at, pairing)| Some((at, number(pairing)?)));
        let (at, numbers) = own.unzip();
        Self {
            sequence: Sequence::new(steps, numbers),
            at,
        }
    }

    /// The pairing of a step.
    fn pairing(&self, index: usize) -> Option<usize> {
        self.at.get(index).map(|at| *at as usize)
    }

    /// The steps of a range of pairings.
    fn within(&self, pairings: &Range<usize>) -> Range<usize> {
        let index = |limit: usize| self.at.partition_point(|at| (*at as usize) < limit);
        index(pairings.start)..index(pairings.end)
    }

    /// The pairings from the first to the last step of each loop, and the loop's period: of those
    /// that turn here, and of those that were folded before.
    fn candidates(&self, max_period: usize, folded: &Folded) -> Vec<(Range<usize>, usize)> {
        let of_range = |range: Range<usize>, period: usize| {
            let region = self.pairing(range.start)?..self.pairing(range.end.checked_sub(1)?)? + 1;
            Some((region, period))
        };
        let turning = self.sequence.runs(max_period, |_, _| true).into_iter();
        let folded = folded.loops.iter().filter_map(|(first, period)| {
            let start = self.sequence.index_of(*first);
            (self.sequence.number(start) == Some(*first))
                .then(|| of_range(start..start + period, *period))?
        });
        turning
            .filter_map(|run: Run| of_range(run.range, run.period))
            .chain(folded)
            .collect()
    }
}

impl Both<'_> {
    fn fold(&self, region: Range<usize>, period: usize, free_from: usize) -> Option<Fold> {
        let region = self.extend(region, period, free_from);
        let (left, right) = (self.before.within(&region), self.after.within(&region));
        // At least a turn each, and the same rest: else something is missing that is no turn.
        let (short, long) = (left.len().min(right.len()), left.len().max(right.len()));
        if short < period || long == period || (long - short) % period != 0 {
            return None;
        }
        let (before, after) = (&self.before.sequence, &self.after.sequence);
        if !before.is_periodic(&left, period) || !after.is_periodic(&right, period) {
            return None;
        }
        let (last_left, last_right) = (left.end - period..left.end, right.end - period..right.end);
        let (mut writes, mut uneven) = (false, false);
        let mut last = Vec::with_capacity(period);
        for (i, j) in last_left.zip(last_right) {
            let (a, b) = (before.step(i)?, after.step(j)?);
            if a.exact_key() != b.exact_key() || !matches!(a.act, Act::Read | Act::Write) {
                return None;
            }
            writes |= a.act == Act::Write;
            uneven |= a.count != b.count;
            last.push(Pairing::Same(before.number(i)?, after.number(j)?));
        }
        if writes {
            let is_loop = |range: &Range<usize>| range.len() >= MIN_TURNS * period;
            let waits = is_loop(&left) && is_wait(before, &left, period)
                || is_loop(&right) && is_wait(after, &right, period);
            uneven |= !is_even(before, &left, period) || !is_even(after, &right, period);
            if uneven || !waits || !self.stands_alone(&region, period) {
                return None;
            }
        }
        let turns = |range: &Range<usize>| u32::try_from(range.len() / period).unwrap_or(u32::MAX);
        Some(Fold {
            turns: (turns(&left), turns(&right)),
            region,
            last,
        })
    }

    /// Takes in turns that stand beside the region and that one side has not.
    fn extend(&self, mut region: Range<usize>, period: usize, free_from: usize) -> Range<usize> {
        let is_single = |at: usize| {
            let pairing = self.pairings.get(at);
            pairing.is_some_and(|pairing| !matches!(pairing, Pairing::Same(..)))
        };
        for side in [&self.before, &self.after] {
            let own = side.within(&region);
            if own.is_empty() {
                continue;
            }
            let mut first = own.start;
            while region.start > free_from
                && first > 0
                && side.pairing(first - 1) == Some(region.start - 1)
                && is_single(region.start - 1)
                && side.sequence.is_same(first - 1, first - 1 + period)
            {
                first -= 1;
                region.start -= 1;
            }
            let mut end = own.end;
            while side.pairing(end) == Some(region.end)
                && is_single(region.end)
                && end >= period
                && side.sequence.is_same(end - period, end)
            {
                end += 1;
                region.end += 1;
            }
        }
        region
    }

    /// Whether around the region nothing differs that is like its turns but for the values: bits
    /// that are shifted out one by one look like loops where several are equal, and are none.
    fn stands_alone(&self, region: &Range<usize>, period: usize) -> bool {
        [&self.before, &self.after].into_iter().all(|side| {
            let own = side.within(region);
            let ahead = (own.end..side.sequence.len()).map(|index| (index, index - period));
            let behind = (0..own.start).rev().map(|index| (index, index + period));
            self.is_equal_around(side, ahead) && self.is_equal_around(side, behind)
        })
    }

    /// Whether nothing differs in the steps that are like those a period nearer to the loop.
    fn is_equal_around(
        &self,
        side: &OneSide<'_>,
        mut steps: impl Iterator<Item = (usize, usize)>,
    ) -> bool {
        for _ in 0..NEIGHBOURHOOD {
            let like = steps.next().filter(|(a, b)| side.sequence.is_alike(*a, *b));
            let Some((index, _)) = like else { return true };
            if !side.pairing(index).is_some_and(|at| self.is_equal(at)) {
                return false;
            }
        }
        false
    }

    /// Whether both sides do the same there.
    fn is_equal(&self, at: usize) -> bool {
        let Some(Pairing::Same(i, j)) = self.pairings.get(at) else {
            return false;
        };
        let left = self.before.sequence.of_number(*i);
        let right = self.after.sequence.of_number(*j);
        left.zip(right)
            .is_some_and(|(a, b)| a.exact_key() == b.exact_key())
    }
}

/// Whether each turn reads as often in a row as the one before: else a write may be missing between
/// two reads.
fn is_even(side: &Sequence<'_>, range: &Range<usize>, period: usize) -> bool {
    (range.start + period..range.end).all(|index| {
        let count = |index: usize| side.step(index).map(|step| step.count);
        count(index - period) == count(index)
    })
}

/// Whether a register that is read in each turn gave one value in all of them but the last, and
/// another one then.
fn is_wait(side: &Sequence<'_>, range: &Range<usize>, period: usize) -> bool {
    if range.len() < 2 * period {
        return false;
    }
    (range.end - period..range.end).any(|last| {
        let known = |index: usize| {
            let step = side.step(index)?;
            (step.act == Act::Read && !step.blank).then_some(step.value)
        };
        let (Some(end), Some(waiting)) = (known(last), known(last - period)) else {
            return false;
        };
        let mut earlier = (range.start..=last - period).rev().step_by(period);
        end != waiting && earlier.all(|index| known(index) == Some(waiting))
    })
}

fn replace(pairings: &mut Vec<Pairing>, folds: &[Fold], left: &mut Folded, right: &mut Folded) {
    if folds.is_empty() {
        return;
    }
    let mut rest = Vec::with_capacity(pairings.len());
    let mut from = 0;
    for fold in folds {
        rest.extend_from_slice(pairings.get(from..fold.region.start).unwrap_or(&[]));
        rest.extend_from_slice(&fold.last);
        from = fold.region.end;
        for pairing in &fold.last {
            if let Pairing::Same(i, j) = *pairing {
                left.add_turns(i, fold.turns.0);
                right.add_turns(j, fold.turns.1);
            }
        }
    }
    rest.extend_from_slice(pairings.get(from..).unwrap_or(&[]));
    *pairings = rest;
}

/// Turns of a loop that only one side has come as one, with their number.
fn fold_one_sided(
    pairings: &mut Vec<Pairing>,
    (before, left): (&[Step], &mut Folded),
    (after, right): (&[Step], &mut Folded),
) {
    let mut gone: Vec<usize> = Vec::new();
    let mut from = 0;
    for hunk in pairings.chunk_by(|a, b| core::mem::discriminant(a) == core::mem::discriminant(b)) {
        let numbers = |side: fn(&Pairing) -> Option<u32>| hunk.iter().filter_map(side).collect();
        let (sequence, folded) = match hunk.first() {
            Some(Pairing::Missing(_)) => {
                (Sequence::new(before, numbers(Pairing::before)), &mut *left)
            }
            Some(Pairing::Inserted(_)) => {
                (Sequence::new(after, numbers(Pairing::after)), &mut *right)
            }
            _ => {
                from += hunk.len();
                continue;
            }
        };
        let [_, max_period] = PERIODS;
        for run in sequence.runs(max_period, |_, _| true) {
            for index in run.last_turn() {
                if let Some(number) = sequence.number(index) {
                    folded.add_turns(number, run.turns());
                }
            }
            gone.extend(run.earlier_turns().map(|index| from + index));
        }
        from += hunk.len();
    }
    remove(pairings, gone);
}
