//! Annotations that do not fit what they describe.

use super::cause::{Cause, Damaged};
use super::groups::Tally;
use mmiotrace_core::{Blind, BlindEdge, PhysAddr};
use std::collections::HashMap;

/// Maximum number of blind pages that are followed at a time; of more, nothing is concluded.
const MAX_PAGES: usize = 65_536;

/// What is wrong with annotations that are whole by themselves. In a trace that was derived from
/// another, what an annotation describes may have been left out: there it is no damage.
#[derive(Debug, Default)]
pub(super) struct Damage {
    /// The records that the last annotation describes have not all come yet.
    pub(super) is_awaiting: bool,
    unmet: Option<Tally>,
    blind_pages: HashMap<PhysAddr, u32>,
    has_overflowed: bool,
    never_blind: Option<Tally>,
}

fn add(tally: &mut Option<Tally>, line: u64) {
    tally.get_or_insert(Tally { line, count: 0 }).count += 1;
}

impl Damage {
    /// An annotation describes other records than those that follow it.
    pub(super) fn unmet(&mut self, line: u64) {
        add(&mut self.unmet, line);
    }

    pub(super) fn blind(&mut self, blind: &Blind, line: u64) {
        match blind.edge {
            BlindEdge::Begin if self.blind_pages.len() < MAX_PAGES => {
                *self.blind_pages.entry(blind.page).or_default() += 1;
            }
            BlindEdge::Begin => self.has_overflowed = true,
            BlindEdge::End => match self.blind_pages.get_mut(&blind.page) {
                Some(1) => drop(self.blind_pages.remove(&blind.page)),
                Some(count) => *count -= 1,
                None if self.has_overflowed => {}
                None => add(&mut self.never_blind, line),
            },
        }
    }

    /// What was found; `end` is the last line.
    pub(super) fn finish(mut self, end: u64) -> impl Iterator<Item = (Cause, Tally)> {
        if self.is_awaiting {
            add(&mut self.unmet, end);
        }
        let unmet = self.unmet.map(|tally| (Damaged::Unmet, tally));
        let never_blind = self.never_blind.map(|tally| (Damaged::NeverBlind, tally));
        let all = unmet.into_iter().chain(never_blind);
        all.map(|(damaged, tally)| (Cause::Damaged(damaged), tally))
    }
}
