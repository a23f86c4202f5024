//! Loops that only read: how often they turned is chance, what they came to is not.

use super::align::Pairing;
use super::runs::{PERIODS, Run, Sequence};
use super::step::{Act, Step};
use core::ops::Range;
use std::collections::HashMap;

/// The loops that were folded on one side.
#[derive(Debug, Default)]
pub(super) struct Folded {
    /// Of each step that stands for several turns, how many.
    pub(super) turns: HashMap<u32, u32>,
    /// The number of the first step and the period of each.
    pub(super) loops: Vec<(u32, usize)>,
}

impl Folded {
    /// The step stands for so many turns; where it did so already, for one turn of each.
    pub(super) fn add_turns(&mut self, step: u32, turns: u32) {
        let all = self.turns.entry(step).or_insert(1);
        *all = (*all).max(1).saturating_add(turns.saturating_sub(1));
    }
}

/// Leaves of each loop that only reads its last turn. How often in a row a register is read in a turn
/// does not matter.
pub(super) fn fold_reads(steps: &mut Vec<Step>) -> Folded {
    let mut folded = Folded::default();
    for max_period in PERIODS {
        let sequence = Sequence::new(steps, Sequence::row_ends(steps));
        let runs = sequence.runs(max_period, Sequence::only_reads);
        let loops: Vec<Loop> = runs.iter().map(|run| Loop::new(&sequence, run)).collect();
        if !loops.is_empty() {
            folded = fold(steps, &loops, &folded);
        }
    }
    folded
}

/// A loop, with numbers of steps.
struct Loop {
    earlier: Range<usize>,
    last: Range<usize>,
    turns: u32,
}

impl Loop {
    fn new(sequence: &Sequence<'_>, run: &Run) -> Self {
        // With the first of two reads in a row, which is no part of the sequence.
        let start = |index: usize| {
            let before = index
                .checked_sub(1)
                .and_then(|index| sequence.number(index));
            before.map_or(0, |number| number as usize + 1)
        };
        let whole = |range: Range<usize>| start(range.start)..start(range.end);
        Self {
            earlier: whole(run.earlier_turns()),
            last: whole(run.last_turn()),
            turns: run.turns(),
        }
    }
}

fn fold(steps: &mut Vec<Step>, loops: &[Loop], before: &Folded) -> Folded {
    let mut folded = Folded::default();
    let mut earlier_loops = before.loops.iter().peekable();
    let mut upcoming = loops.iter().peekable();
    let (mut index, mut kept) = (0_usize, 0_u32);
    steps.retain(|_| {
        while upcoming.next_if(|one| one.last.end <= index).is_some() {}
        let now = upcoming.peek();
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        let known = earlier_loops.next_if(|(first, _)| *first == number);
        let keep = !now.is_some_and(|one| one.earlier.contains(&index));
        if keep {
            if let Some(turns) = before.turns.get(&number) {
                folded.add_turns(kept, *turns);
            }
            folded
                .loops
                .extend(known.map(|(_, period)| (kept, *period)));
            if let Some(one) = now.filter(|one| one.last.contains(&index)) {
                folded.add_turns(kept, one.turns);
                if one.last.start == index {
                    folded.loops.push((kept, one.last.len()));
                }
            }
            kept += 1;
        }
        index += 1;
        keep
    });
    folded
}

/// Of reads in a row on both sides, the last counts. A poll of one side may also be torn in two on the
/// other by something that only the other did: that makes one difference, and not one more for each
/// part. The end is compared with the end.
pub(super) fn mend_torn(pairings: &mut Vec<Pairing>, before: &[Step], after: &[Step]) {
    for torn in [Torn::Before, Torn::After] {
        let mut mender = Mender {
            torn,
            before,
            after,
            pair: None,
            single: Vec::new(),
            gone: Vec::new(),
        };
        for at in 0..pairings.len() {
            mender.look_at(at, pairings);
        }
        remove(pairings, mender.gone);
    }
    let same_read = |pair: &[Pairing]| {
        let [Pairing::Same(i, _), Pairing::Same(next, _)] = pair else {
            return false;
        };
        let read = |number: &u32| before.get(*number as usize);
        read(i)
            .zip(read(next))
            .is_some_and(|(a, b)| a.is_same_read(b))
    };
    let inner = pairings.windows(2).enumerate();
    let inner = inner.filter_map(|(at, pair)| same_read(pair).then_some(at));
    let inner = inner.collect();
    remove(pairings, inner);
}

/// The side on which a poll was torn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Torn {
    Before,
    After,
}

struct Mender<'s> {
    torn: Torn,
    before: &'s [Step],
    after: &'s [Step],
    /// The last pair of reads, if nothing came since that the other side has, and whether the other
    /// side polled.
    pair: Option<(usize, bool)>,
    /// The reads that only the torn side has, since anything came that the other side has.
    single: Vec<usize>,
    gone: Vec<usize>,
}

impl<'s> Mender<'s> {
    /// The step of the torn side.
    fn own(&self, pairing: &Pairing) -> Option<&'s Step> {
        match self.torn {
            Torn::Before => self.before.get(pairing.before()? as usize),
            Torn::After => self.after.get(pairing.after()? as usize),
        }
    }

    fn look_at(&mut self, at: usize, pairings: &mut [Pairing]) {
        let Some(pairing) = pairings.get(at).copied() else {
            return;
        };
        match (pairing, self.own(&pairing)) {
            (Pairing::Same(i, j), Some(step)) => {
                let other = match self.torn {
                    Torn::Before => self.after.get(j as usize),
                    Torn::After => self.before.get(i as usize),
                };
                self.pair = None;
                if step.act == Act::Read {
                    let polled = other.is_some_and(|other| other.count > 1);
                    self.pair = Some((at, polled));
                    self.take_singles(at, step, polled, pairings);
                }
                self.single.clear();
            }
            (Pairing::Missing(_) | Pairing::Inserted(_), Some(step)) => {
                if step.act == Act::Read && !self.join(at, step, pairings) {
                    self.single.push(at);
                }
            }
            _ => {
                self.pair = None;
                self.single.clear();
            }
        }
    }

    /// Takes the reads that led to this pair as turns of its poll: those directly before it, and
    /// where the other side polled, all.
    fn take_singles(&mut self, at: usize, step: &Step, polled: bool, pairings: &[Pairing]) {
        let mut next = at;
        for single in core::mem::take(&mut self.single).into_iter().rev() {
            let own = pairings.get(single).and_then(|pairing| self.own(pairing));
            let is_part = own.is_some_and(|own| own.is_same_read(step));
            if is_part && (polled || single + 1 == next) {
                self.gone.push(single);
                next = single;
            }
        }
    }

    /// Takes a read as the end of the pair's poll, if it is a read of that register.
    fn join(&mut self, at: usize, step: &Step, pairings: &mut [Pairing]) -> bool {
        let Some((first, polled)) = self.pair else {
            return false;
        };
        if !polled && first + 1 != at {
            return false;
        }
        let (Some(Pairing::Same(i, j)), Some(slot)) =
            (pairings.get(first).copied(), pairings.get(at).copied())
        else {
            return false;
        };
        let own = self.own(&Pairing::Same(i, j));
        if !own.is_some_and(|own| own.is_same_read(step)) {
            return false;
        }
        let joined = match slot {
            Pairing::Missing(own) => Pairing::Same(own, j),
            Pairing::Inserted(own) => Pairing::Same(i, own),
            other => other,
        };
        if let Some(slot) = pairings.get_mut(at) {
            *slot = joined;
        }
        self.gone.push(first);
        self.pair = Some((at, polled));
        true
    }
}

/// Takes out the pairings at these places.
pub(super) fn remove(pairings: &mut Vec<Pairing>, mut gone: Vec<usize>) {
    gone.sort_unstable();
    gone.dedup();
    let mut gone = gone.into_iter().peekable();
    let mut at = 0;
    pairings.retain(|_| {
        let keep = gone.next_if_eq(&at).is_none();
        at += 1;
        keep
    });
}
