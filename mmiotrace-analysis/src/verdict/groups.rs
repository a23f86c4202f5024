//! Findings grouped by their cause.

use super::cause::Cause;
use std::collections::HashMap;

/// At most so many groups are told one by one.
pub(super) const MAX_GROUPS: usize = 1000;

/// How often, and where first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) line: u64,
    pub(super) count: u64,
}

/// Findings grouped by their cause, in the order in which the causes came up. Holds a bounded
/// number of groups whatever the trace.
#[derive(Debug, Default)]
pub(super) struct Groups {
    list: Vec<(Cause, Tally)>,
    index: HashMap<Cause, usize>,
    /// The group of the last finding: causes come in runs.
    last: usize,
    more: Option<Tally>,
    /// Whether a cause that makes a trace incomplete came up, listed or not.
    incomplete: bool,
}

impl Groups {
    pub(super) fn add(&mut self, cause: Cause, line: u64, count: u64) {
        self.incomplete |= cause.kind().makes_incomplete();
        let at = match self.list.get(self.last) {
            Some((last, _)) if *last == cause => Some(self.last),
            _ => self.index.get(&cause).copied(),
        };
        if let Some((at, (_, tally))) = at.and_then(|at| Some((at, self.list.get_mut(at)?))) {
            tally.count = tally.count.saturating_add(count);
            self.last = at;
        } else if self.list.len() < MAX_GROUPS {
            self.last = self.list.len();
            self.index.insert(cause.clone(), self.list.len());
            self.list.push((cause, Tally { line, count }));
        } else {
            count_more(&mut self.more, line, count);
        }
    }

    /// Takes out the groups whose cause `matches`; of what is not listed nothing can be taken.
    pub(super) fn take(&mut self, matches: impl Fn(&Cause) -> bool) -> Vec<(Cause, Tally)> {
        let (taken, kept) = core::mem::take(&mut self.list)
            .into_iter()
            .partition(|(cause, _)| matches(cause));
        self.list = kept;
        self.index = self
            .list
            .iter()
            .enumerate()
            .map(|(at, (cause, _))| (cause.clone(), at))
            .collect();
        self.last = 0;
        if self.more.is_none() {
            self.incomplete = self
                .list
                .iter()
                .any(|(cause, _)| cause.kind().makes_incomplete());
        }
        taken
    }

    /// Whether no cause came up that makes a trace incomplete.
    pub(super) const fn are_harmless(&self) -> bool {
        !self.incomplete
    }

    /// All groups in the order of their first lines, at most [`MAX_GROUPS`], and what is beyond.
    /// Those of `singular` causes, of which there are few, are always listed.
    pub(super) fn finish(
        mut self,
        singular: Vec<(Cause, Tally)>,
    ) -> (Vec<(Cause, Tally)>, Option<Tally>) {
        let room = MAX_GROUPS.saturating_sub(singular.len());
        for (_, tally) in self.list.drain(room.min(self.list.len())..) {
            count_more(&mut self.more, tally.line, tally.count);
        }
        let mut all = self.list;
        all.extend(singular);
        all.sort_by_key(|(cause, tally)| (tally.line, cause.kind()));
        (all, self.more)
    }
}

fn count_more(more: &mut Option<Tally>, line: u64, count: u64) {
    let tally = more.get_or_insert(Tally { line, count: 0 });
    tally.line = tally.line.min(line);
    tally.count = tally.count.saturating_add(count);
}
