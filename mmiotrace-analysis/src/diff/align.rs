//! Which steps of two sequences are the same.
//!
//! Loops that only read are folded first, because how often they turned is chance. Steps with equal
//! keys (register, kind, width, and for writes the value) are then aligned by a diff of the whole
//! sequences. In what is left between them, steps that differ only in the value are paired. Then
//! polls that were torn are mended, and loops are folded that are known as such only beside the other
//! side. Of the rest, a step that is missing here and inserted not far from here has moved.

use super::loops::fold_loops;
use super::polls::{Folded, fold_reads, mend_torn, remove};
use super::step::{Key, Step};
use imara_diff::{Algorithm, Diff, Token};
use std::collections::{HashMap, VecDeque};

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pairing {
    /// The same step on both sides; the values may differ.
    Same(u32, u32),
    /// Only on the first side.
    Missing(u32),
    /// Only on the second side.
    Inserted(u32),
    /// On both sides, in another order.
    Moved(u32, u32),
}

const _: () = assert!(size_of::<Pairing>() == 12);

impl Pairing {
    /// The step of the first side.
    pub(super) const fn before(&self) -> Option<u32> {
        match self {
            Self::Same(i, _) | Self::Moved(i, _) | Self::Missing(i) => Some(*i),
            Self::Inserted(_) => None,
        }
    }

    /// The step of the second side.
    pub(super) const fn after(&self) -> Option<u32> {
        match self {
            Self::Same(_, j) | Self::Moved(_, j) | Self::Inserted(j) => Some(*j),
            Self::Missing(_) => None,
        }
    }
}

/// A step that stands more than so many steps further on has not moved: it is another one, since
/// most traces do the same again some time.
const MOVE_LIMIT: usize = 256;

/// Two sequences, aligned.
pub(super) struct Aligned {
    /// In the order of the first, what is inserted in its place.
    pub(super) pairings: Vec<Pairing>,
    /// What was folded on the first side.
    pub(super) before: Folded,
    /// What was folded on the second side.
    pub(super) after: Folded,
}

/// Aligns two sequences. Of loops that only read, the last turn is left in them.
pub(super) fn align(before: &mut Vec<Step>, after: &mut Vec<Step>) -> Aligned {
    let (mut left, mut right) = (fold_reads(before), fold_reads(after));
    let mut pairings = pair(before, after);
    mend_torn(&mut pairings, before, after);
    fold_loops(&mut pairings, (before, &mut left), (after, &mut right));
    // What is left beside a folded loop may be the first of two reads.
    mend_torn(&mut pairings, before, after);
    find_moves(&mut pairings, (before, &left), (after, &right));
    Aligned {
        pairings,
        before: left,
        after: right,
    }
}

/// Pairs what is equal, and in between what differs in the value alone.
fn pair(before: &[Step], after: &[Step]) -> Vec<Pairing> {
    let mut pairings = Vec::with_capacity(before.len().max(after.len()));
    for_each_hunk(before, after, Step::exact_key, |hunk| match hunk {
        Hunk::Equal(i, j) => pairings.push(Pairing::Same(i, j)),
        Hunk::Different((i0, i1), (j0, j1)) => {
            let (left, right) = (part(before, i0, i1), part(after, j0, j1));
            for_each_hunk(left, right, Step::key, |inner| match inner {
                Hunk::Equal(i, j) => pairings.push(Pairing::Same(i0 + i, j0 + j)),
                Hunk::Different((a, b), (c, d)) => {
                    pairings.extend((i0 + a..i0 + b).map(Pairing::Missing));
                    pairings.extend((j0 + c..j0 + d).map(Pairing::Inserted));
                }
            });
        }
    });
    pairings
}

fn part(steps: &[Step], from: u32, to: u32) -> &[Step] {
    steps.get(from as usize..to as usize).unwrap_or(&[])
}

enum Hunk {
    Equal(u32, u32),
    Different((u32, u32), (u32, u32)),
}

/// Runs through a diff of the keys.
fn for_each_hunk(
    before: &[Step],
    after: &[Step],
    key: impl Fn(&Step) -> Key,
    mut give: impl FnMut(Hunk),
) {
    let mut numbers: HashMap<Key, u32> = HashMap::new();
    let mut tokens = |steps: &[Step]| -> Vec<Token> {
        let number = |step: &Step| {
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            Token(*numbers.entry(key(step)).or_insert(next))
        };
        steps.iter().map(number).collect()
    };
    let (left, right) = (tokens(before), tokens(after));
    let count = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
    let mut diff = Diff::default();
    diff.compute_with(Algorithm::Myers, &left, &right, count);
    let (mut i, mut j) = (0, 0);
    let equal_until = |i: &mut u32, j: &mut u32, end: u32, give: &mut dyn FnMut(Hunk)| {
        while *i < end {
            give(Hunk::Equal(*i, *j));
            *i += 1;
            *j += 1;
        }
    };
    for hunk in diff.hunks() {
        equal_until(&mut i, &mut j, hunk.before.start, &mut give);
        let (i1, j1) = (hunk.before.end, hunk.after.end);
        give(Hunk::Different((i, i1), (j, j1)));
        (i, j) = (i1, j1);
    }
    let end = u32::try_from(left.len()).unwrap_or(u32::MAX);
    equal_until(&mut i, &mut j, end, &mut give);
}

/// Turns a missing and an inserted step of equal key and value, near each other, into one that moved.
fn find_moves(
    pairings: &mut Vec<Pairing>,
    (before, left): (&[Step], &Folded),
    (after, right): (&[Step], &Folded),
) {
    let mut waiting: HashMap<(Key, u64, Option<&u32>), VecDeque<usize>> = HashMap::new();
    let mut gone = Vec::new();
    for at in 0..pairings.len() {
        let (step, rounds, is_missing) = match pairings.get(at) {
            Some(Pairing::Missing(i)) => (before.get(*i as usize), left.turns.get(i), true),
            Some(Pairing::Inserted(j)) => (after.get(*j as usize), right.turns.get(j), false),
            _ => continue,
        };
        let Some(step) = step else { continue };
        let identity = (step.exact_key(), step.value, rounds);
        let queue = waiting.entry(identity).or_default();
        while queue.front().is_some_and(|front| at - front > MOVE_LIMIT) {
            queue.pop_front();
        }
        let partner = queue.iter().position(|other| {
            matches!(pairings.get(*other), Some(Pairing::Missing(_))) != is_missing
        });
        let Some(partner) = partner.and_then(|position| queue.remove(position)) else {
            queue.push_back(at);
            continue;
        };
        // The pair stands where the first trace has the step.
        let moved = match (pairings.get(partner), pairings.get(at)) {
            (Some(Pairing::Missing(i)), Some(Pairing::Inserted(j))) => Some((partner, at, *i, *j)),
            (Some(Pairing::Inserted(j)), Some(Pairing::Missing(i))) => Some((at, partner, *i, *j)),
            _ => None,
        };
        if let Some((stays, goes, i, j)) = moved {
            if let Some(slot) = pairings.get_mut(stays) {
                *slot = Pairing::Moved(i, j);
            }
            gone.push(goes);
        }
    }
    remove(pairings, gone);
}
