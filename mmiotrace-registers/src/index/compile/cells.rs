//! How wide the cells are of the spaces that use a list.

use crate::model::{Item, RegisterMap};

/// How many bytes the cells of the spaces have that use a list.
#[derive(Clone, Copy, Default)]
pub(super) struct Cells {
    /// The fewest; 0 where no space uses it.
    pub(super) fewest: u8,
    /// Spaces with different cells use it.
    pub(super) mixed: bool,
}

impl Cells {
    pub(super) const fn bytes(self) -> u8 {
        if self.fewest == 0 { 1 } else { self.fewest }
    }
}

/// A group may be used by spaces whose cells differ; then its registers have no one extent.
pub(super) fn cells_of_lists(map: &RegisterMap) -> Vec<Cells> {
    let mut cells = vec![Cells::default(); map.lists.len()];
    let mut seen = vec![[false; 4]; map.lists.len()];
    let mut work: Vec<_> = map
        .spaces
        .iter()
        .map(|space| (space.items, space.cell))
        .collect();
    while let Some((list, cell)) = work.pop() {
        let slot = (cell.trailing_zeros() as usize).min(3);
        match seen.get_mut(list.0 as usize) {
            Some(seen) if !seen[slot] => seen[slot] = true,
            _ => continue,
        }
        let known = &mut cells[list.0 as usize];
        known.mixed |= known.fewest != 0 && known.fewest != cell;
        known.fewest = if known.fewest == 0 {
            cell
        } else {
            known.fewest.min(cell)
        };
        let blocks = map.items(list).iter().filter_map(|item| match item {
            Item::Block(block) => Some((block.items, cell)),
            Item::Register(_) => None,
        });
        work.extend(blocks);
    }
    cells
}
