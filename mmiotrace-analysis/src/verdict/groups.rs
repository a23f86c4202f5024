//! Findings grouped by their cause.

use super::cause::Cause;
use super::finding::FindingKind;
use std::collections::{BTreeMap, HashMap};

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
    /// What is beyond the limit, by kind.
    hidden: BTreeMap<FindingKind, Tally>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.line = self.line.min(other.line);
        self.count = self.count.saturating_add(other.count);
    }
}

impl Groups {
    pub(super) fn add(&mut self, cause: Cause, line: u64, count: u64) {
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
            self.hide(cause.kind(), Tally { line, count });
        }
    }

    fn hide(&mut self, kind: FindingKind, tally: Tally) {
        self.hidden
            .entry(kind)
            .and_modify(|hidden| hidden.add(tally))
            .or_insert(tally);
    }

    /// Takes out everything of a kind, as one.
    pub(super) fn take(&mut self, kind: FindingKind) -> Option<Tally> {
        let hidden = self.hidden.remove(&kind);
        self.take_listed(hidden, |cause| cause.kind() == kind)
    }

    /// Takes out one cause.
    pub(super) fn take_cause(&mut self, wanted: &Cause) -> Option<Tally> {
        self.take_listed(None, |cause| cause == wanted)
    }

    fn take_listed(
        &mut self,
        mut taken: Option<Tally>,
        is_wanted: impl Fn(&Cause) -> bool,
    ) -> Option<Tally> {
        self.list.retain(|(cause, tally)| {
            if !is_wanted(cause) {
                return true;
            }
            match &mut taken {
                Some(taken) => taken.add(*tally),
                None => taken = Some(*tally),
            }
            false
        });
        let listed = self.list.iter().enumerate();
        self.index = listed.map(|(at, (cause, _))| (cause.clone(), at)).collect();
        self.last = 0;
        taken
    }

    /// Whether nothing came up that makes a trace incomplete.
    pub(super) fn are_harmless(&self) -> bool {
        let mut kinds = self.list.iter().map(|(cause, _)| cause.kind());
        let mut hidden = self.hidden.keys();
        !kinds.any(FindingKind::makes_incomplete) && !hidden.any(|kind| kind.makes_incomplete())
    }

    /// All groups in the order of their first lines, at most [`MAX_GROUPS`], and what is beyond.
    /// Those of `singular` causes, of which there are few, are always listed.
    pub(super) fn finish(
        mut self,
        singular: Vec<(Cause, Tally)>,
    ) -> (Vec<(Cause, Tally)>, Option<Tally>) {
        let room = MAX_GROUPS
            .saturating_sub(singular.len())
            .min(self.list.len());
        for (cause, tally) in self.list.split_off(room) {
            self.hide(cause.kind(), tally);
        }
        let mut all = self.list;
        all.extend(singular);
        all.sort_by_key(|(cause, tally)| (tally.line, cause.kind()));
        let more = self.hidden.into_values().reduce(|mut all, tally| {
            all.add(tally);
            all
        });
        (all, more)
    }
}
