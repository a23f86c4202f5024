//! Where the nodes of the table live.

use super::tree::Links;
use crate::{MapId, Mapping, PhysAddr, VirtAddr};

/// One place of a table's storage. Opaque: only the table fills it.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    pub(super) mapping: Mapping,
    /// Counts the mappings ever inserted: the newest has the highest.
    pub(super) order: u64,
    /// The highest end of any mapping in this node's subtree of the tree by address.
    pub(super) max_end: u64,
    pub(super) links: [Links; 2],
    pub(super) next_free: Option<u32>,
}

impl Node {
    /// A place that holds nothing.
    pub const EMPTY: Self = Self {
        mapping: Mapping {
            id: MapId::UNLISTED,
            phys: PhysAddr(0),
            virt: VirtAddr(0),
            len: 0,
        },
        order: 0,
        max_end: 0,
        links: [Links::LEAF; 2],
        next_free: None,
    };

    pub(super) const fn new(mapping: Mapping, order: u64) -> Self {
        Self {
            mapping,
            order,
            max_end: mapping.phys_end().0,
            ..Self::EMPTY
        }
    }
}

/// Memory for the nodes of a [`MappingTable`](super::MappingTable).
pub trait Storage {
    /// All nodes pushed so far.
    fn nodes(&self) -> &[Node];
    /// The same, to change them.
    fn nodes_mut(&mut self) -> &mut [Node];
    /// Adds a node at the end; `false` where there is no room.
    fn push(&mut self, node: Node) -> bool;
}
