//! Rows by key, within bounds.

use core::hash::Hash;
use std::collections::HashMap;

/// Rows by a key. Accesses to keys beyond a limit are counted together, so that memory does not
/// grow with the trace.
#[derive(Debug)]
pub(super) struct Table<K, R> {
    index: HashMap<K, usize>,
    list: Vec<(K, R)>,
    limit: usize,
    last: usize,
    others: u64,
}

impl<K: Copy + Eq + Hash, R> Table<K, R> {
    pub(super) fn with_limit(limit: usize) -> Self {
        Self {
            index: HashMap::new(),
            list: Vec::new(),
            limit,
            last: 0,
            others: 0,
        }
    }

    /// The row of a key, made where there is none yet. `None` where there is no room: an access
    /// has been counted among the others.
    pub(super) fn row(&mut self, key: K, new: impl FnOnce() -> R) -> Option<&mut R> {
        let at = match self.list.get(self.last) {
            Some((last, _)) if *last == key => Some(self.last),
            _ => self.find_or_insert(key, new),
        };
        let Some(at) = at else {
            self.others += 1;
            return None;
        };
        self.last = at;
        self.list.get_mut(at).map(|(_, row)| row)
    }

    /// Lists a key without counting anything.
    pub(super) fn list(&mut self, key: K, new: impl FnOnce() -> R) {
        self.find_or_insert(key, new);
    }

    fn find_or_insert(&mut self, key: K, new: impl FnOnce() -> R) -> Option<usize> {
        if let Some(at) = self.index.get(&key) {
            return Some(*at);
        }
        let at = self.list.len();
        (at < self.limit).then(|| {
            self.index.insert(key, at);
            self.list.push((key, new()));
            at
        })
    }

    /// Every row in the order in which they came up, and how many accesses had others.
    pub(super) fn finish(self) -> (Vec<(K, R)>, u64) {
        (self.list, self.others)
    }
}
