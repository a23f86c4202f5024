//! Counts by key, within bounds.

use super::AccessCounts;
use core::hash::Hash;
use mmiotrace_core::{AccessKind, Width};
use std::collections::HashMap;

/// Accesses counted by a key. Keys beyond a limit are counted together, so that memory does not
/// grow with the trace.
#[derive(Debug)]
pub(super) struct Table<K> {
    index: HashMap<K, usize>,
    list: Vec<(K, AccessCounts)>,
    limit: usize,
    last: usize,
    others: u64,
}

impl<K: Copy + Eq + Hash> Table<K> {
    pub(super) fn with_limit(limit: usize) -> Self {
        Self {
            index: HashMap::new(),
            list: Vec::new(),
            limit,
            last: 0,
            others: 0,
        }
    }

    /// Counts an access. Whether its key is listed.
    pub(super) fn add(&mut self, key: K, access: Option<(AccessKind, Width)>) -> bool {
        let at = match self.list.get(self.last) {
            Some((last, _)) if *last == key => Some(self.last),
            _ => self.find_or_insert(key),
        };
        let listed = at.and_then(|at| {
            self.last = at;
            self.list.get_mut(at)
        });
        match listed {
            Some((_, counts)) => {
                counts.add(access);
                true
            }
            None => {
                self.others += 1;
                false
            }
        }
    }

    /// Lists a key without counting anything.
    pub(super) fn list(&mut self, key: K) {
        self.find_or_insert(key);
    }

    fn find_or_insert(&mut self, key: K) -> Option<usize> {
        if let Some(at) = self.index.get(&key) {
            return Some(*at);
        }
        let at = self.list.len();
        (at < self.limit).then(|| {
            self.index.insert(key, at);
            self.list.push((key, AccessCounts::default()));
            at
        })
    }

    /// Every key in the order in which they came up, and how many accesses had others.
    pub(super) fn finish(self) -> (Vec<(K, AccessCounts)>, u64) {
        (self.list, self.others)
    }
}
