//! The mappings that are alive, within bounds.

use mmiotrace_core::{MapId, Mapping, MappingTable, Node, Storage};

/// At most so many mappings are followed at a time. No driver is known that holds a thousandth of
/// it; a hostile file would otherwise fill the memory.
pub(crate) const MAX_LIVE: usize = 65_536;

/// [`MAX_LIVE`] mappings, on the heap as they are needed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bounded(Vec<Node>);

impl Storage for Bounded {
    fn nodes(&self) -> &[Node] {
        &self.0
    }
    fn nodes_mut(&mut self) -> &mut [Node] {
        &mut self.0
    }
    fn push(&mut self, node: Node) -> bool {
        let room = self.0.len() < MAX_LIVE;
        if room {
            self.0.push(node);
        }
        room
    }
}

/// The mappings that are alive. Remembers the last one asked for, since accesses come in runs.
#[derive(Debug, Default)]
pub(crate) struct Live {
    table: MappingTable<Bounded>,
    last: Option<Mapping>,
    /// Whether a mapping did not fit.
    overflowed: bool,
}

impl Live {
    pub(crate) fn map(&mut self, mapping: Mapping) {
        self.last = None;
        self.overflowed |= !self.table.insert(mapping);
    }

    pub(crate) fn unmap(&mut self, id: MapId) -> Option<Mapping> {
        self.last = None;
        self.table.remove(id)
    }

    #[inline]
    pub(crate) fn get(&mut self, id: MapId) -> Option<Mapping> {
        match self.last {
            Some(last) if last.id == id => Some(last),
            _ => {
                self.last = self.table.get(id).copied();
                self.last
            }
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether mappings are missing here, so that nothing follows from one that is not found.
    pub(crate) const fn has_overflowed(&self) -> bool {
        self.overflowed
    }
}
