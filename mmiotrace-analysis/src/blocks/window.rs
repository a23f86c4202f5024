//! The records that are waiting to become blocks.

use super::facts::{Before, Known};
use super::registers::number;
use super::{Lines, Location, OtherRecord};
use core::time::Duration;
use mmiotrace_core::{Access, Timestamp, UnknownOpcode};
use std::collections::{HashMap, VecDeque};

/// A record, or the same access several times in a row, with what was known when it came.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) lines: Lines,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) gap: Duration,
    pub(super) repeat: u64,
    pub(super) kind: EntryKind,
}

#[derive(Clone, Debug)]
pub(super) enum EntryKind {
    Access(Seen),
    Undecoded(UnknownOpcode),
    Other(OtherRecord),
}

/// An access, the register's value before it, the access before it, and, for a write, what the
/// register read next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) access: Access,
    pub(super) prior: Option<Known>,
    pub(super) before: Option<Before>,
    /// What the register read before it was last written.
    pub(super) before_write: Option<u64>,
    pub(super) next_read: Option<u64>,
}

impl Seen {
    /// The value as a number, where the access may be part of a run.
    pub(super) fn number(&self) -> Option<u64> {
        number(&self.access)
    }

    pub(super) fn location(&self) -> Location {
        Location::of(&self.access)
    }

    /// What was known when the same access came again.
    fn follow_itself(&mut self) {
        let kind = self.access.kind;
        self.before = self.number().map(|value| Before {
            location: self.location(),
            kind,
            value,
        });
        self.prior = self.number().map(|value| Known {
            value,
            by_read: kind == mmiotrace_core::AccessKind::Read,
        });
    }
}

impl Entry {
    pub(super) const fn seen(&self) -> Option<&Seen> {
        match &self.kind {
            EntryKind::Access(seen) => Some(seen),
            _ => None,
        }
    }

    /// Takes the first `count` accesses off a row of equal ones. Their times are not known one by
    /// one; the row is taken to be even.
    pub(super) fn split_off_front(&mut self, count: u64) -> Self {
        let mut front = self.clone();
        front.repeat = count;
        let each = self.lines.len() / self.repeat.max(1);
        let cut = self.lines.first() + each * count;
        front.lines = self.lines.to(Lines::empty(cut));
        self.lines = Lines::empty(cut).to(self.lines);
        let whole = self.end.as_nanos().saturating_sub(self.start.as_nanos());
        let step = whole / self.repeat.saturating_sub(1).max(1);
        let at = |n: u64| Timestamp::from_nanos(self.start.as_nanos() + step.saturating_mul(n));
        front.end = at(count - 1);
        self.start = at(count);
        self.gap = Duration::from_nanos(step);
        self.repeat -= count;
        if let EntryKind::Access(seen) = &mut self.kind {
            seen.follow_itself();
        }
        front
    }
}

/// The entries in order, and which of them are writes whose register has not been read since.
#[derive(Debug, Default)]
pub(super) struct Window {
    entries: VecDeque<Entry>,
    /// The number of the front entry since the beginning.
    base: u64,
    unread: HashMap<Location, u64>,
}

impl Window {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<&Entry> {
        self.entries.get(index)
    }

    /// The access at `index`, with its row.
    pub(super) fn access(&self, index: usize) -> Option<(&Entry, &Seen)> {
        let entry = self.entries.get(index)?;
        Some((entry, entry.seen()?))
    }

    pub(super) fn back_mut(&mut self) -> Option<&mut Entry> {
        self.entries.back_mut()
    }

    pub(super) fn push(&mut self, entry: Entry) {
        if let Some(seen) = entry.seen() {
            let at = seen.location();
            if seen.access.kind == mmiotrace_core::AccessKind::Write {
                self.unread
                    .insert(at, self.base + self.entries.len() as u64);
            } else if let Some(write) = self.unread.remove(&at) {
                let value = seen.number();
                let index = write
                    .checked_sub(self.base)
                    .and_then(|i| usize::try_from(i).ok());
                if let Some(EntryKind::Access(write)) = index
                    .and_then(|i| self.entries.get_mut(i))
                    .map(|entry| &mut entry.kind)
                {
                    write.next_read = value;
                }
            }
        }
        self.entries.push_back(entry);
    }

    pub(super) fn pop(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        let number = self.base;
        self.base += 1;
        if let Some(seen) = entry.seen() {
            let at = seen.location();
            if self.unread.get(&at) == Some(&number) {
                self.unread.remove(&at);
            }
        }
        Some(entry)
    }

    /// Takes `count` accesses off the front entry and leaves the rest of its row.
    pub(super) fn pop_part(&mut self, count: u64) -> Option<Entry> {
        match self.entries.front_mut() {
            Some(front) if front.repeat > count => Some(front.split_off_front(count)),
            _ => self.pop(),
        }
    }
}
