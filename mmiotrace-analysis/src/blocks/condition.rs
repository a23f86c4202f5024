//! What a loop waited for.

use core::fmt;

/// `register & mask == value`: what a driver waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Condition {
    /// The bits that count. Never zero.
    pub mask: u64,
    /// What they must be; no bit outside `mask`.
    pub value: u64,
}

impl Condition {
    /// Whether a value read satisfies it.
    #[must_use]
    pub const fn holds(self, read: u64) -> bool {
        read & self.mask == self.value
    }
}

impl fmt::Display for Condition {
    /// `& 0x10 == 0x10`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "& {:#x} == {:#x}", self.mask, self.value)
    }
}

/// Bits that came on and bits that went off when something was over: candidates for the
/// condition. Every further observation that shares a candidate narrows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Candidates {
    pub(super) set: u64,
    pub(super) clear: u64,
}

impl Candidates {
    /// From one value to the next.
    pub(super) const fn between(before: u64, after: u64) -> Self {
        Self {
            set: after & !before,
            clear: before & !after,
        }
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self {
            set: self.set & other.set,
            clear: self.clear & other.clear,
        }
    }

    pub(super) const fn is_empty(self) -> bool {
        self.set == 0 && self.clear == 0
    }

    pub(super) const fn count(self) -> u32 {
        (self.set | self.clear).count_ones()
    }

    /// All candidates as a condition.
    pub(super) const fn condition(self) -> Option<Condition> {
        if self.is_empty() {
            return None;
        }
        Some(Condition {
            mask: self.set | self.clear,
            value: self.set,
        })
    }

    /// The bits that came on, where there are any: a device that answers a command says so with
    /// a bit of its own, and clears the start bit besides.
    pub(super) const fn completion(self) -> Option<Condition> {
        if self.set == 0 {
            return self.condition();
        }
        Some(Condition {
            mask: self.set,
            value: self.set,
        })
    }
}

/// The conditions that one register has been waited for, each as narrow as the observations
/// allow.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clusters {
    list: [Candidates; Self::MAX],
    /// How many observations each was narrowed by.
    hits: [u32; Self::MAX],
    /// Whether one of these was a row of equal reads and then the change.
    seen_waiting: [bool; Self::MAX],
    len: u8,
}

impl Clusters {
    /// A register has few bits that are waited for; more observations than these are noise.
    const MAX: usize = 6;

    /// The cluster that shares most bits with `seen`.
    fn nearest(&self, seen: Candidates) -> Option<usize> {
        let all = self.list.iter().take(usize::from(self.len));
        let shared = all
            .enumerate()
            .map(|(i, known)| (known.and(seen).count(), i));
        // The first among equals: it has been narrowed longest.
        let best = shared.max_by_key(|&(count, i)| (count, core::cmp::Reverse(i)))?;
        (best.0 > 0).then_some(best.1)
    }

    /// Takes an observation: `waiting` if equal reads came before it, two or more.
    pub(super) fn learn(&mut self, seen: Candidates, waiting: bool) {
        if seen.is_empty() {
            return;
        }
        if let Some(i) = self.nearest(seen) {
            self.list[i] = self.list[i].and(seen);
            self.hits[i] = self.hits[i].saturating_add(1);
            self.seen_waiting[i] |= waiting;
        } else if let Some(free) = self.list.get_mut(usize::from(self.len)) {
            *free = seen;
            self.hits[usize::from(self.len)] = 1;
            self.seen_waiting[usize::from(self.len)] = waiting;
            self.len += 1;
        }
    }

    /// What remains of `seen` after all that was learnt.
    pub(super) fn narrow(&self, seen: Candidates) -> Candidates {
        match self.nearest(seen) {
            Some(i) => self.list[i].and(seen),
            None => Candidates::default(),
        }
    }

    /// Whether what `seen` shares most with was observed twice, and once with equal reads before it:
    /// two values that differ are not yet a wait.
    pub(super) fn is_wait(&self, seen: Candidates) -> bool {
        self.nearest(seen)
            .is_some_and(|i| self.hits[i] >= 2 && self.seen_waiting[i])
    }

    /// The one condition known, where there is exactly one.
    pub(super) fn only(&self) -> Option<Candidates> {
        (self.len == 1).then(|| self.list[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observations_narrow_a_condition() {
        let mut clusters = Clusters::default();
        // A management data register: bit 28 is ready, the low half is the answer.
        clusters.learn(Candidates::between(0x0822_0000, 0x1822_0141), true);
        clusters.learn(Candidates::between(0x0823_0000, 0x1823_0c20), true);
        let left = clusters.narrow(Candidates::between(0x0822_0000, 0x1822_0141));
        assert_eq!(
            left.completion().unwrap(),
            Condition {
                mask: 1 << 28,
                value: 1 << 28
            }
        );
        assert!(clusters.only().is_some());
    }

    #[test]
    fn conditions_with_nothing_in_common_stay_apart() {
        let mut clusters = Clusters::default();
        clusters.learn(Candidates::between(1, 0), true);
        clusters.learn(Candidates::between(0, 1), true);
        assert_eq!(
            clusters.narrow(Candidates::between(1, 0)).condition(),
            Some(Condition { mask: 1, value: 0 })
        );
        assert_eq!(
            clusters.narrow(Candidates::between(0, 1)).condition(),
            Some(Condition { mask: 1, value: 1 })
        );
        assert_eq!(clusters.only(), None);
    }
}
