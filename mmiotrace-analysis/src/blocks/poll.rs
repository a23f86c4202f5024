//! Reads that wait.

use super::classify::{MAX_RUN, Parts};
use super::condition::Candidates;
use super::facts::Waits;
use super::window::{Seen, Window};
use super::{
    Block, BlockKind, Condition, Evidence, Outcome, Poll, RegisterFacts, Registers, Values,
};
use mmiotrace_core::AccessKind;

/// More bits than these are data, not a condition.
const MAX_BITS: u32 = 4;
/// Equal reads in a row from which on they are a wait, where a condition is known.
const MIN_UNCHANGED: u64 = 3;
/// The same where none is known: drivers read a status twice or thrice without waiting for it.
const MIN_UNEXPLAINED: u64 = 8;

/// What was found at the front of the window.
struct Found {
    /// How many rows of equal reads belong to it whole.
    rows: usize,
    /// How many reads of the row after them.
    part: u64,
    condition: Option<Condition>,
    outcome: Outcome,
    evidence: Evidence,
}

/// Takes a wait off the front of the window, where there is one.
pub(super) fn take(window: &mut Window, registers: &Registers) -> Option<Block> {
    let (_, first) = window.access(0)?;
    let location = first.location();
    let facts = registers.get(location)?;
    let found = looped(window, facts)
        .or_else(|| unchanged(window, facts))
        .or_else(|| once(first, facts))?;
    let mut values = Values::default();
    let mut parts = Parts::default();
    for row in 0..=found.rows {
        let entry = if row < found.rows {
            window.pop()?
        } else if found.part > 0 {
            window.pop_part(found.part)?
        } else {
            break;
        };
        values.push(entry.seen()?.access.value?, entry.repeat);
        parts.add(&entry);
    }
    parts.block(BlockKind::Poll(Poll {
        location,
        values,
        condition: found.condition,
        outcome: found.outcome,
        evidence: found.evidence,
    }))
}

/// The row of equal reads at `index`, where it is of the same register as the first.
fn row<'w>(window: &'w Window, first: &Seen, index: usize) -> Option<(u64, u64, &'w Seen)> {
    let (entry, seen) = window.access(index)?;
    let same = seen.access.kind == AccessKind::Read && seen.location() == first.location();
    same.then_some((entry.repeat, seen.number()?, seen))
}

/// Read until it changed into something that other waits for the register agree with.
fn looped(window: &Window, facts: &RegisterFacts) -> Option<Found> {
    let waits = facts.waits()?;
    let (_, first) = window.access(0)?;
    let (mut reads, value, _) = row(window, first, 0)?;
    let mut common: Option<Candidates> = None;
    let mut before = vec![value];
    for index in 1..MAX_RUN {
        let (repeat, value, _) = row(window, first, index)?;
        // Bits that set this value apart from every one before it.
        let apart = before.iter().map(|old| Candidates::between(*old, value));
        let apart = apart.reduce(Candidates::and)?;
        let shared = waits.loops.narrow(apart);
        let narrow = facts.without_data(shared);
        // Equal reads and then the change are a wait, whatever other reads say.
        let narrow = if narrow.is_empty() { shared } else { narrow };
        if !narrow.is_empty()
            && narrow.count() <= MAX_BITS
            && (reads >= 2 || waits.loops.is_wait(apart))
        {
            return Some(Found {
                rows: index,
                part: 1,
                condition: narrow.condition(),
                outcome: Outcome::Met,
                evidence: Evidence::Loop,
            });
        }
        // Values that keep changing are data or a clock.
        if before.len() >= 8 && before.len() as u64 * 2 > reads {
            return None;
        }
        common.get_or_insert(apart);
        if !before.contains(&value) {
            before.push(value);
        }
        reads += repeat;
    }
    None
}

/// Over at the first read: an answer to a command, or the effect of another register.
fn once(first: &Seen, facts: &RegisterFacts) -> Option<Found> {
    let value = first.number()?;
    let before = first
        .before
        .filter(|before| before.kind == AccessKind::Write)?;
    let (condition, evidence) = if before.location == first.location() {
        (
            facts.narrow_answer(first.before_write, before.value, value)?,
            Evidence::Answer,
        )
    } else {
        (effect(first, facts.waits()?, value)?, Evidence::Effect)
    };
    (condition.mask.count_ones() <= MAX_BITS).then_some(Found {
        rows: 0,
        part: 1,
        condition: Some(condition),
        outcome: Outcome::Met,
        evidence,
    })
}

fn effect(first: &Seen, waits: &Waits, value: u64) -> Option<Condition> {
    let prior = first.prior.filter(|prior| prior.by_read)?;
    let seen = Candidates::between(prior.value, value);
    waits.after_write.narrow(seen).condition()
}

/// Read again and again for nothing.
fn unchanged(window: &Window, facts: &RegisterFacts) -> Option<Found> {
    let (entry, first) = window.access(0)?;
    let value = first.number()?;
    let known = facts.waits().and_then(|waits| waits.loops.only());
    let condition = known
        .map(|known| facts.without_data(known))
        .and_then(Candidates::condition)
        .filter(|condition| condition.mask.count_ones() <= MAX_BITS);
    let enough = if condition.is_some() {
        MIN_UNCHANGED
    } else {
        MIN_UNEXPLAINED
    };
    if entry.repeat < enough {
        return None;
    }
    let met = condition.is_some_and(|condition| condition.holds(value));
    Some(Found {
        rows: 1,
        part: 0,
        condition,
        outcome: if met { Outcome::Met } else { Outcome::TimedOut },
        evidence: Evidence::Unchanged,
    })
}
