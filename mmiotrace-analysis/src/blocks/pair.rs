//! Index and data registers: a number goes into one, and what it numbers is behind the other.

use super::Location;
use super::facts::Before;
use mmiotrace_core::AccessKind;

/// Evidence that accesses of a register are addressed by the register written just before.
///
/// A flush (any read after any write) looks the same at first; so the values read must depend on
/// the number written, and the same number must give the same value mostly.
#[derive(Clone, Debug, Default)]
pub(super) struct Pair {
    index: Option<Location>,
    hits: u64,
    misses: u64,
    reads: u64,
    contradictions: u64,
    seen: [Option<(u64, u64)>; Self::SEEN],
    next: usize,
}

impl Pair {
    /// How many numbers are remembered with their values.
    const SEEN: usize = 16;

    pub(super) fn learn(&mut self, index: &Before, kind: AccessKind, value: u64) {
        if *self.index.get_or_insert(index.location) != index.location {
            self.misses += 1;
            return;
        }
        self.hits += 1;
        let known = self
            .seen
            .iter_mut()
            .flatten()
            .find(|(number, _)| *number == index.value);
        if kind == AccessKind::Read {
            self.reads += 1;
            self.contradictions += u64::from(known.as_ref().is_some_and(|(_, old)| *old != value));
        }
        match known {
            Some((_, old)) => *old = value,
            None => {
                self.seen[self.next % Self::SEEN] = Some((index.value, value));
                self.next += 1;
            }
        }
    }

    /// An access of the data register without the index before it: auto-increment, or no pair.
    pub(super) fn miss(&mut self) {
        self.misses += 1;
    }

    /// The index register, where the evidence is enough.
    pub(super) fn index(&self) -> Option<Location> {
        let numbers = || self.seen.iter().flatten();
        let (_, first) = numbers().next()?;
        let depends = numbers().any(|(_, value)| value != first);
        let enough = self.hits >= 4 && numbers().count() >= 3 && self.reads > 0;
        let consistent = self.misses * 8 <= self.hits && self.contradictions * 4 <= self.reads;
        self.index.filter(|_| depends && enough && consistent)
    }
}
