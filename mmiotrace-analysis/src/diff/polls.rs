//! Reads in a row: how many there are is chance, what the last one gave is not.

use super::align::Pairing;
use super::step::Step;

/// Nothing of the row has been aligned yet.
const NONE: u32 = u32::MAX;
/// It was aligned with parts of several rows.
const SEVERAL: u32 = u32::MAX - 1;

/// The rows of one side: for each step the number of its row.
struct Rows {
    of_step: Vec<u32>,
    /// The last step of each row.
    last: Vec<u32>,
    /// The one row that all of it was aligned with, or one of the constants above.
    partner: Vec<u32>,
}

impl Rows {
    fn new(steps: &[Step]) -> Self {
        let mut rows = Self {
            of_step: Vec::with_capacity(steps.len()),
            last: Vec::new(),
            partner: Vec::new(),
        };
        let mut before: Option<&Step> = None;
        for (at, step) in (0..).zip(steps) {
            let follows = before.is_some_and(|before| before.is_same_read(step));
            match rows.last.last_mut().filter(|_| follows) {
                Some(last) => *last = at,
                None => {
                    rows.last.push(at);
                    rows.partner.push(NONE);
                }
            }
            let row = rows.last.len() - 1;
            rows.of_step.push(u32::try_from(row).unwrap_or(SEVERAL));
            before = Some(step);
        }
        rows
    }

    fn of(&self, step: u32) -> u32 {
        self.of_step.get(step as usize).copied().unwrap_or(NONE)
    }

    fn meet(&mut self, row: u32, other: u32) {
        if let Some(partner) = self.partner.get_mut(row as usize) {
            *partner = match *partner {
                NONE => other,
                same if same == other => same,
                _ => SEVERAL,
            };
        }
    }

    fn partner(&self, row: u32) -> u32 {
        self.partner.get(row as usize).copied().unwrap_or(NONE)
    }

    fn last(&self, row: u32) -> u32 {
        self.last.get(row as usize).copied().unwrap_or(0)
    }

    /// Whether the step is the last of its row, as every step is that is no read in a row.
    fn is_last(&self, step: u32) -> bool {
        self.last(self.of(step)) == step
    }

    /// Whether a step that the other side has not is only one more turn of a poll: it has a row of
    /// which other turns were aligned, or it is not the last of its row.
    fn is_a_turn(&self, step: u32) -> bool {
        self.partner(self.of(step)) != NONE || !self.is_last(step)
    }
}

/// Leaves of each row of reads what it came to.
///
/// Where a row was aligned with one other row and that one with nothing else, one pairing stays: the
/// last with the last. Where parts of a row were aligned with several rows (something was done
/// between the reads on one side only), those pairings stay in which a row ends. Of a row that was
/// aligned with nothing, the last read stays.
pub(super) fn fold_polls(pairings: &mut Vec<Pairing>, before: &[Step], after: &[Step]) {
    let (mut left, mut right) = (Rows::new(before), Rows::new(after));
    for pairing in pairings.iter() {
        if let Pairing::Same(i, j) = pairing {
            let (a, b) = (left.of(*i), right.of(*j));
            left.meet(a, b);
            right.meet(b, a);
        }
    }
    let opposite = |row: u32| {
        let other = left.partner(row);
        (other < SEVERAL && right.partner(other) == row).then_some(other)
    };
    let mut told = vec![false; left.last.len()];
    pairings.retain_mut(|pairing| {
        let row = match *pairing {
            Pairing::Same(i, _) | Pairing::Missing(i) => Some(left.of(i)),
            Pairing::Inserted(j) => {
                Some(right.partner(right.of(j))).filter(|row| opposite(*row) == Some(right.of(j)))
            }
            Pairing::Moved(..) => return true,
        };
        if let Some((row, other)) = row.and_then(|row| Some((row, opposite(row)?))) {
            let first = told
                .get_mut(row as usize)
                .is_some_and(|told| !core::mem::replace(told, true));
            *pairing = Pairing::Same(left.last(row), right.last(other));
            return first;
        }
        match *pairing {
            Pairing::Same(i, j) => left.is_last(i) || right.is_last(j),
            Pairing::Missing(i) => !left.is_a_turn(i),
            Pairing::Inserted(j) => !right.is_a_turn(j),
            Pairing::Moved(..) => true,
        }
    });
}
