//! Reads in a row against reads in a row.

use super::align::Pairing;
use super::step::Step;

/// The reads in a row that a step belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Partner {
    /// Nothing of the row has been aligned yet.
    None,
    /// All that has been aligned of it was aligned with this row.
    One(u32),
    /// It was aligned with parts of several rows.
    Several,
}

/// The rows of one side: for each step the number of its row.
struct Rows {
    of_step: Vec<u32>,
    /// The last step of each row.
    last: Vec<usize>,
    partner: Vec<Partner>,
}

impl Rows {
    fn new(steps: &[Step]) -> Self {
        let mut rows = Self {
            of_step: Vec::with_capacity(steps.len()),
            last: Vec::new(),
            partner: Vec::new(),
        };
        for (at, step) in steps.iter().enumerate() {
            let follows = at
                .checked_sub(1)
                .and_then(|before| steps.get(before))
                .is_some_and(|last| last.is_same_read(step));
            if follows {
                if let Some(last) = rows.last.last_mut() {
                    *last = at;
                }
            } else {
                rows.last.push(at);
                rows.partner.push(Partner::None);
            }
            rows.of_step
                .push(u32::try_from(rows.last.len() - 1).unwrap_or(u32::MAX));
        }
        rows
    }

    fn of(&self, step: usize) -> u32 {
        self.of_step.get(step).copied().unwrap_or(u32::MAX)
    }

    fn meet(&mut self, row: u32, other: u32) {
        if let Some(partner) = self.partner.get_mut(row as usize) {
            *partner = match *partner {
                Partner::None => Partner::One(other),
                Partner::One(same) if same == other => Partner::One(same),
                _ => Partner::Several,
            };
        }
    }

    fn partner(&self, row: u32) -> Partner {
        self.partner
            .get(row as usize)
            .copied()
            .unwrap_or(Partner::None)
    }

    fn last(&self, row: u32) -> usize {
        self.last.get(row as usize).copied().unwrap_or(0)
    }
}

/// Where a row of reads was aligned with one other row and that one with nothing else, keeps one
/// pairing: the last with the last. All else stays as it is.
pub(super) fn fold_polls(pairings: Vec<Pairing>, before: &[Step], after: &[Step]) -> Vec<Pairing> {
    let (mut left, mut right) = (Rows::new(before), Rows::new(after));
    for pairing in &pairings {
        if let Pairing::Same(i, j) = pairing {
            let (a, b) = (left.of(*i), right.of(*j));
            left.meet(a, b);
            right.meet(b, a);
        }
    }
    let opposite = |row: u32| match left.partner(row) {
        Partner::One(other) if right.partner(other) == Partner::One(row) => Some(other),
        _ => None,
    };
    let mut told = vec![false; left.last.len()];
    let mut folded = Vec::with_capacity(pairings.len());
    for pairing in pairings {
        let row = match pairing {
            Pairing::Same(i, _) | Pairing::Missing(i) => {
                Some(left.of(i)).filter(|row| opposite(*row).is_some())
            }
            Pairing::Inserted(j) => match right.partner(right.of(j)) {
                Partner::One(row) => Some(row).filter(|row| opposite(*row) == Some(right.of(j))),
                _ => None,
            },
            Pairing::Moved(..) => None,
        };
        let Some((row, other)) = row.and_then(|row| Some((row, opposite(row)?))) else {
            folded.push(pairing);
            continue;
        };
        if let Some(told) = told.get_mut(row as usize).filter(|told| !**told) {
            *told = true;
            folded.push(Pairing::Same(left.last(row), right.last(other)));
        }
    }
    folded
}
