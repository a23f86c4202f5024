//! Which items of a list may lie at a place: found in logarithmic time, in the file's order.

use crate::model::{Block, ConditionId, Item, Register};
use std::collections::BTreeSet;

/// The places of the items of one list, cut into segments between which the answer does not
/// change. Arrays are not expanded: an array is one item from its first byte to its last.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListIndex {
    /// The first cell of each segment, ascending.
    starts: Vec<u64>,
    /// Where in `pool` the candidates of each segment begin; one more entry than `starts`.
    pool_at: Vec<u32>,
    /// Item numbers, ascending within a segment.
    pool: Vec<u32>,
    /// No segments: every item is a candidate everywhere (`len` items).
    all: Option<u32>,
    /// From the first cell that any item has to the first past all of them.
    pub(crate) extent: (u64, u64),
}

/// The candidates at one place.
pub(crate) enum Candidates<'a> {
    Some(core::slice::Iter<'a, u32>),
    All(core::ops::Range<u32>),
}

impl Iterator for Candidates<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        match self {
            Self::Some(items) => items.next().copied(),
            Self::All(items) => items.next(),
        }
    }
}

impl ListIndex {
    /// An index over `items`, whose places are given by `extents` (first cell, first cell past).
    /// Where registers have no holes in those (`exact`), what lies behind them is left out.
    pub(crate) fn build(
        items: &[Item],
        extents: &[(u64, u64)],
        by_direction: bool,
        exact: bool,
    ) -> Self {
        let extent = extents
            .iter()
            .filter(|(low, high)| low < high)
            .fold((u64::MAX, 0), |(low, high), (a, b)| {
                (low.min(*a), high.max(*b))
            });
        let extent = if extent.0 > extent.1 { (0, 0) } else { extent };
        let mut edges: Vec<(u64, bool, u32)> = Vec::with_capacity(extents.len() * 2);
        for (at, (low, high)) in extents.iter().enumerate() {
            if low < high {
                edges.push((*low, true, at as u32));
                edges.push((*high, false, at as u32));
            }
        }
        edges.sort_unstable();
        // Stripes that lie over each other could make the pool quadratic; such a list is walked.
        let limit = items.len() * 32 + 65_536;
        let mut index = Self {
            extent,
            ..Self::default()
        };
        let mut active = BTreeSet::new();
        let mut at = 0;
        while at < edges.len() {
            let start = edges[at].0;
            while at < edges.len() && edges[at].0 == start {
                let (_, begins, item) = edges[at];
                if begins {
                    active.insert(item)
                } else {
                    active.remove(&item)
                };
                at += 1;
            }
            index.starts.push(start);
            index.pool_at.push(index.pool.len() as u32);
            let mut sure = None;
            for number in &active {
                let Some(item) = items.get(*number as usize) else {
                    continue;
                };
                match sure {
                    Some(sure) if !differs(item, sure) => continue,
                    Some(_) => {}
                    None if ends_the_search(item, by_direction, exact) => sure = Some(item),
                    None => {}
                }
                index.pool.push(*number);
            }
            if index.pool.len() > limit {
                return Self {
                    all: Some(items.len() as u32),
                    extent,
                    ..Self::default()
                };
            }
        }
        index.pool_at.push(index.pool.len() as u32);
        index
    }

    /// For how many cells from `cell` on no item is a candidate.
    pub(crate) fn gap(&self, cell: u64) -> u64 {
        if self.all.is_some() {
            return 0;
        }
        let after = self.starts.partition_point(|start| *start <= cell);
        let here = after.checked_sub(1).and_then(|segment| {
            let from = self.pool_at.get(segment)?;
            Some(self.pool_at.get(segment + 1)? > from)
        });
        if here == Some(true) {
            return 0;
        }
        self.starts.get(after).map_or(u64::MAX, |next| next - cell)
    }

    /// The items that may lie at `cell`, in the file's order.
    pub(crate) fn candidates(&self, cell: u64) -> Candidates<'_> {
        if let Some(len) = self.all {
            return Candidates::All(0..len);
        }
        let after = self.starts.partition_point(|start| *start <= cell);
        let range = after.checked_sub(1).and_then(|segment| {
            let from = *self.pool_at.get(segment)? as usize;
            let to = *self.pool_at.get(segment + 1)? as usize;
            self.pool.get(from..to)
        });
        Candidates::Some(range.unwrap_or(&[]).iter())
    }
}

/// Whether an item may be meant by an access of its own width, although one before it in the file
/// has the place too.
fn differs(item: &Item, sure: &Item) -> bool {
    match (item, sure) {
        (Item::Register(one), Item::Register(sure)) => one.width != sure.width,
        (Item::Block(block), Item::Register(_)) => !block.reserve,
        (_, Item::Block(_)) => false,
    }
}

/// Whether nothing after `item` can be reached in its extent: it is there on every chip and has
/// no holes.
fn ends_the_search(item: &Item, by_direction: bool, exact: bool) -> bool {
    if item.when() != ConditionId::ALWAYS {
        return false;
    }
    match item {
        Item::Register(register) => {
            exact
                && register.count == 1
                && (!by_direction || register.access == crate::model::AccessMode::ReadWrite)
        }
        Item::Block(block) => block.reserve && block.offsets.is_empty(),
    }
}

/// The place of a register in cells, or `None` where it reaches past the end of 64 bits.
pub(crate) fn register_extent(register: &Register, cell: u8) -> Option<(u64, u64)> {
    let cells = u64::from(register.width / cell.max(1));
    array_extent(register.at, register.count, register.stride, cells)
}

/// The place of a block, whose items end before cell `inner.1`.
pub(crate) fn block_extent(block: &Block, inner: (u64, u64)) -> Option<(u64, u64)> {
    let (from, len) = if block.reserve {
        (0, block.stride)
    } else {
        (inner.0, inner.1 - inner.0)
    };
    if block.offsets.is_empty() {
        let stride = block.stride;
        return array_extent(block.at.checked_add(from)?, block.count, stride, len);
    }
    let low = block.offsets.iter().min()?.checked_add(from)?;
    let high = block
        .offsets
        .iter()
        .max()?
        .checked_add(from)?
        .checked_add(len)?;
    Some((low, high))
}

fn array_extent(at: u64, count: u64, stride: u64, len: u64) -> Option<(u64, u64)> {
    if len == 0 {
        return Some((at, at));
    }
    let last = match count {
        // An array of unknown length goes on to the end.
        0 if stride > 0 => return Some((at, u64::MAX)),
        0 | 1 => 0,
        count => (count - 1).checked_mul(stride)?,
    };
    Some((at, at.checked_add(last)?.checked_add(len)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(at: u64, count: u64, stride: u64) -> Item {
        Item::Register(Register {
            count,
            stride,
            ..Register::new("R", at, 4)
        })
    }

    fn build(items: &[Item]) -> ListIndex {
        let extents: Vec<_> = items
            .iter()
            .map(|item| match item {
                Item::Register(register) => register_extent(register, 1).unwrap(),
                Item::Block(block) => block_extent(block, (0, 0)).unwrap(),
            })
            .collect();
        ListIndex::build(items, &extents, true, true)
    }

    fn at(index: &ListIndex, cell: u64) -> Vec<u32> {
        index.candidates(cell).collect()
    }

    #[test]
    fn candidates_come_in_file_order_and_stop_at_the_first_sure_one() {
        let index = build(&[
            register(0, 1_000_000_000, 8),
            register(0x10, 1, 0),
            register(0x10, 1, 0),
        ]);
        assert_eq!(at(&index, 0), [0]);
        assert_eq!(at(&index, 0x10), [0, 1], "the third can never be reached");
        assert_eq!(at(&index, 8 * 999_999_999 + 3), [0]);
        assert_eq!(at(&index, 8 * 999_999_999 + 4), [] as [u32; 0]);
        assert_eq!(index.extent, (0, 8 * 999_999_999 + 4));
    }

    #[test]
    fn heaps_of_overlaps_take_linear_memory() {
        let items: Vec<_> = (0..20_000)
            .map(|i| register(i, 1_000_000, 1 << 20))
            .collect();
        let index = build(&items);
        assert!(index.pool.len() <= items.len() * 33 + 65_536);
        assert_eq!(at(&index, 5).len(), 20_000);
    }

    #[test]
    fn an_array_past_the_end_of_the_space_is_seen() {
        let Item::Register(register) = register(16, u64::MAX, 4) else {
            unreachable!()
        };
        assert_eq!(register_extent(&register, 1), None);
    }
}
