//! What was seen of one offset.

use mmiotrace_core::AccessKind;

/// How many different values are remembered.
const MAX_VALUES: usize = 16;
/// So many reads of one register in a row, with nothing between, are a poll.
const POLL: u32 = 3;

/// What was seen of one offset.
#[derive(Clone, Debug, Default)]
pub(super) struct RegisterHistory {
    pub(super) reads: u64,
    pub(super) writes: u64,
    /// The widest access in bytes.
    pub(super) width: u8,
    pub(super) read: Values,
    pub(super) written: Values,
    /// A read gave something else than the access before it.
    pub(super) changed_by_itself: bool,
    last: Option<u64>,
    pub(super) polls: Polls,
}

/// What values a register had.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    /// Set in all of them.
    pub(super) all: u64,
    /// Set in any of them.
    pub(super) any: u64,
    /// The different ones, as long as there are few.
    pub(super) different: Vec<u64>,
    pub(super) more: bool,
    pub(super) count: u64,
}

/// The polls of a register.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Polls {
    pub(super) count: u64,
    pub(super) longest: u32,
    /// The bits that differed when a poll ended.
    pub(super) waited_for: u64,
    run: u32,
    last: u64,
}

impl Values {
    fn add(&mut self, value: u64) {
        if self.count == 0 {
            (self.all, self.any) = (value, value);
        }
        self.all &= value;
        self.any |= value;
        self.count += 1;
        if self.different.contains(&value) {
            return;
        }
        if self.different.len() < MAX_VALUES {
            self.different.push(value);
        } else {
            self.more = true;
        }
    }
}

impl RegisterHistory {
    pub(super) fn add(&mut self, kind: AccessKind, width: u8, value: Option<u64>, again: bool) {
        self.width = self.width.max(width);
        match kind {
            AccessKind::Read => self.reads += 1,
            AccessKind::Write => self.writes += 1,
        }
        let Some(value) = value else {
            self.last = None;
            return;
        };
        match kind {
            AccessKind::Read => {
                self.changed_by_itself |= self.last.is_some_and(|last| last != value);
                self.read.add(value);
                self.poll(value, again);
            }
            AccessKind::Write => {
                self.written.add(value);
                self.polls.run = 0;
            }
        }
        self.last = Some(value);
    }

    fn poll(&mut self, value: u64, again: bool) {
        let polls = &mut self.polls;
        polls.run = if again {
            polls.run.saturating_add(1)
        } else {
            1
        };
        if polls.run == POLL {
            polls.count += 1;
        }
        if polls.run >= POLL {
            polls.longest = polls.longest.max(polls.run);
            polls.waited_for |= polls.last ^ value;
        }
        polls.last = value;
    }
}
