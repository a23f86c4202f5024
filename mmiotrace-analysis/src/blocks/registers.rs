//! The registers that a trace touched.

use super::facts::Before;
use super::window::Seen;
use super::{Location, RegisterFacts};
use mmiotrace_core::{Access, AccessKind, PhysAddr, Width};
use std::collections::HashMap;

/// What the trace has shown of every register so far. At most 16,384 registers are remembered;
/// a trace that paints a frame buffer has more places than that, and they are no registers.
#[derive(Clone, Debug, Default)]
pub struct Registers {
    table: HashMap<(PhysAddr, Width), RegisterFacts>,
    before: Option<Before>,
    writes: u64,
    full: bool,
}

impl Registers {
    /// How many registers are remembered at most.
    pub const MAX: usize = 16_384;

    /// Nothing seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is known of one. The mapping does not matter: a register that is mapped again is still
    /// the same.
    #[must_use]
    pub fn get(&self, location: Location) -> Option<&RegisterFacts> {
        self.table.get(&key(location))
    }

    /// All that are known, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (PhysAddr, Width, &RegisterFacts)> {
        self.table
            .iter()
            .map(|((phys, width), facts)| (*phys, *width, facts))
    }

    /// Whether there were more registers than are remembered.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.full
    }

    /// Learns from an access. Nothing is learnt from values that are unknown or do not fit their
    /// width.
    pub fn learn(&mut self, access: &Access) {
        let _ = self.take(access);
    }

    /// Takes an access, and returns it with what was known before it.
    pub(super) fn take(&mut self, access: &Access) -> Seen {
        let at = Location::of(access);
        let mut seen = Seen {
            access: *access,
            prior: None,
            before: self.before.take(),
            before_write: None,
            next_read: None,
        };
        if access.kind == AccessKind::Write {
            self.writes += 1;
        }
        let goes_on = |before: &Before| {
            let reads_again = before.location == at && access.kind == AccessKind::Read;
            before.kind == AccessKind::Read && !reads_again
        };
        if let Some(before) = seen.before.filter(goes_on)
            && let Some(facts) = self.table.get_mut(&key(before.location))
        {
            facts.leave(before.value);
        }
        let Some(value) = number(access) else {
            return seen;
        };
        self.before = Some(Before {
            location: at,
            kind: access.kind,
            value,
        });
        if self.table.len() >= Self::MAX && !self.table.contains_key(&key(at)) {
            self.full = true;
            return seen;
        }
        let facts = self.table.entry(key(at)).or_default();
        seen.prior = facts.known();
        seen.before_write = facts.before_write();
        facts.learn(access.kind, value, at, seen.before, self.writes);
        seen
    }

    /// Takes the same access again, `count` times.
    pub(super) fn take_again(&mut self, access: &Access, count: u64) {
        if access.kind == AccessKind::Write {
            self.writes += count;
        }
        if let Some(facts) = self.table.get_mut(&key(Location::of(access))) {
            facts.learn_again(access.kind, count);
        }
    }
}

const fn key(location: Location) -> (PhysAddr, Width) {
    (location.phys, location.width)
}

/// The value of an access as a number, where it is known, fits its width and is at most eight
/// bytes.
pub(super) fn number(access: &Access) -> Option<u64> {
    if access.is_suspicious() {
        return None;
    }
    access.value?.to_u64()
}
