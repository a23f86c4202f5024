//! The mappings that are alive at one point of a trace.

use crate::{Event, EventKind, MapId, Mapping, PhysAddr};

mod storage;
mod tree;

pub use storage::{Node, Storage};
use tree::{ById, ByPhys};

/// What an event did to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Applied {
    /// The event is neither a map nor an unmap.
    Unrelated,
    /// A mapping began.
    Mapped,
    /// This mapping ended.
    Unmapped(Mapping),
    /// A mapping ended that the table does not hold: made before the trace began (id -1), or its
    /// map event was lost.
    NotListed(MapId),
    /// The table's storage is full; the mapping is not in it.
    Full(Mapping),
}

/// The mappings that are alive: map and unmap events applied one after the other.
///
/// Mappings may overlap (two drivers map one page; both keep their own id), start anywhere, and
/// have any length. Ids are never reset by the kernel, but nothing here depends on it: where an
/// id occurs twice the newest mapping counts. Every operation takes O(log n), [`lookup_phys`] and
/// [`each_at`] plus the number of overlapping mappings that they look at.
///
/// The storage decides the capacity: an array needs no allocator, a `Vec` (feature `std`) grows.
///
/// ```
/// use mmiotrace_core::{Event, EventKind, FixedMappings, MapId, Mapping, MappingTable, PhysAddr, Timestamp, VirtAddr};
///
/// let mut table: MappingTable<FixedMappings<8>> = MappingTable::new();
/// let bar = Mapping { id: MapId(3), phys: PhysAddr(0xfeb0_0104), virt: VirtAddr(0x104), len: 0x200 };
/// let _ = table.apply(&Event::new(Timestamp::ZERO, EventKind::Map(bar)));
/// assert_eq!(table.lookup_phys(PhysAddr(0xfeb0_0303)), Some((MapId(3), 0x1ff)));
/// assert_eq!(table.lookup_phys(PhysAddr(0xfeb0_0103)), None);
/// ```
///
/// [`lookup_phys`]: Self::lookup_phys
/// [`each_at`]: Self::each_at
#[derive(Clone, Debug, Default)]
pub struct MappingTable<S> {
    storage: S,
    by_phys: Option<u32>,
    by_id: Option<u32>,
    free: Option<u32>,
    len: usize,
    next_order: u64,
}

/// Storage for at most `N` mappings, without an allocator.
#[derive(Clone, Copy, Debug)]
pub struct FixedMappings<const N: usize> {
    nodes: [Node; N],
    used: usize,
}

impl<const N: usize> Default for FixedMappings<N> {
    fn default() -> Self {
        Self {
            nodes: [Node::EMPTY; N],
            used: 0,
        }
    }
}

impl<const N: usize> Storage for FixedMappings<N> {
    fn nodes(&self) -> &[Node] {
        self.nodes.get(..self.used).unwrap_or(&[])
    }
    fn nodes_mut(&mut self) -> &mut [Node] {
        self.nodes.get_mut(..self.used).unwrap_or(&mut [])
    }
    fn push(&mut self, node: Node) -> bool {
        match self.nodes.get_mut(self.used) {
            Some(slot) => {
                *slot = node;
                self.used += 1;
                true
            }
            None => false,
        }
    }
}

#[cfg(feature = "std")]
impl Storage for std::vec::Vec<Node> {
    fn nodes(&self) -> &[Node] {
        self
    }
    fn nodes_mut(&mut self) -> &mut [Node] {
        self
    }
    fn push(&mut self, node: Node) -> bool {
        if u32::try_from(self.len()).is_err() {
            return false;
        }
        Self::push(self, node);
        true
    }
}

impl<S: Storage + Default> MappingTable<S> {
    /// A table without mappings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl<S: Storage> MappingTable<S> {
    /// How many mappings are alive.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether no mapping is alive.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Applies one event. Events other than map and unmap change nothing.
    pub fn apply(&mut self, event: &Event) -> Applied {
        match event.kind {
            EventKind::Map(mapping) => {
                if self.insert(mapping) {
                    Applied::Mapped
                } else {
                    Applied::Full(mapping)
                }
            }
            EventKind::Unmap(id) => self
                .remove(id)
                .map_or(Applied::NotListed(id), Applied::Unmapped),
            _ => Applied::Unrelated,
        }
    }

    /// Adds a mapping; `false` where the storage is full.
    #[must_use]
    pub fn insert(&mut self, mapping: Mapping) -> bool {
        let node = Node::new(mapping, self.next_order);
        let Some(index) = self.allocate(node) else {
            return false;
        };
        self.next_order += 1;
        self.len += 1;
        let nodes = self.storage.nodes_mut();
        self.by_phys = tree::insert::<ByPhys>(nodes, self.by_phys, index);
        self.by_id = tree::insert::<ById>(nodes, self.by_id, index);
        true
    }

    /// Takes the newest mapping of this id out of the table.
    pub fn remove(&mut self, id: MapId) -> Option<Mapping> {
        let index = tree::newest_of_id(self.storage.nodes(), self.by_id, id)?;
        let nodes = self.storage.nodes_mut();
        self.by_phys = tree::remove::<ByPhys>(nodes, self.by_phys, index);
        self.by_id = tree::remove::<ById>(nodes, self.by_id, index);
        let node = nodes.get_mut(index as usize)?;
        let mapping = node.mapping;
        *node = Node::EMPTY;
        node.next_free = self.free;
        self.free = Some(index);
        self.len -= 1;
        Some(mapping)
    }

    /// The newest mapping of this id.
    #[must_use]
    pub fn get(&self, id: MapId) -> Option<&Mapping> {
        let nodes = self.storage.nodes();
        let index = tree::newest_of_id(nodes, self.by_id, id)?;
        Some(&nodes.get(index as usize)?.mapping)
    }

    /// The mapping that holds `phys`, as its id and the offset in it. Where several overlap, the
    /// newest.
    #[must_use]
    pub fn lookup_phys(&self, phys: PhysAddr) -> Option<(MapId, u64)> {
        let mut newest: Option<(u64, MapId, u64)> = None;
        self.each_node_at(phys, &mut |node| {
            if newest.is_none_or(|(order, ..)| order < node.order) {
                newest = Some((node.order, node.mapping.id, phys.0 - node.mapping.phys.0));
            }
        });
        newest.map(|(_, id, offset)| (id, offset))
    }

    /// Shows every mapping that holds `phys`, lowest start first.
    pub fn each_at(&self, phys: PhysAddr, mut show: impl FnMut(&Mapping)) {
        self.each_node_at(phys, &mut |node| show(&node.mapping));
    }

    /// Shows every mapping that is alive, lowest start first.
    pub fn each(&self, mut show: impl FnMut(&Mapping)) {
        tree::each(self.storage.nodes(), self.by_phys, &mut |node| {
            show(&node.mapping)
        });
    }

    fn each_node_at(&self, phys: PhysAddr, show: &mut dyn FnMut(&Node)) {
        tree::each_at(self.storage.nodes(), self.by_phys, phys.0, show);
    }

    fn allocate(&mut self, node: Node) -> Option<u32> {
        if let Some(index) = self.free {
            let slot = self.storage.nodes_mut().get_mut(index as usize)?;
            self.free = slot.next_free;
            *slot = node;
            return Some(index);
        }
        let index = u32::try_from(self.storage.nodes().len()).ok()?;
        self.storage.push(node).then_some(index)
    }
}
