//! AVL trees threaded through the nodes of the storage: one ordered by address, one by id.
//!
//! Balanced trees rather than sorted arrays, because a trace may hold a hundred thousand live
//! mappings; indices rather than boxes, because the table also lives where nothing allocates.
//! The depth is at most 1.44 log2(n), so the recursion is shallow for any input.

use super::Node;
use crate::MapId;

/// One tree's links of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    left: Option<u32>,
    right: Option<u32>,
    /// Height of the subtree; 1 for a leaf.
    height: u8,
}

impl Links {
    pub(super) const LEAF: Self = Self {
        left: None,
        right: None,
        height: 1,
    };
}

/// Which of the two trees, and its order.
pub(super) trait Axis {
    const INDEX: usize;
    type Key: Ord;
    fn key(node: &Node) -> Self::Key;
}

/// Ordered by first address, then age.
pub(super) struct ByPhys;

impl Axis for ByPhys {
    const INDEX: usize = 0;
    type Key = (u64, u64);
    fn key(node: &Node) -> (u64, u64) {
        (node.mapping.phys.0, node.order)
    }
}

/// Ordered by id, then age.
pub(super) struct ById;

impl Axis for ById {
    const INDEX: usize = 1;
    type Key = (i32, u64);
    fn key(node: &Node) -> (i32, u64) {
        (node.mapping.id.0, node.order)
    }
}

type Root = Option<u32>;

// Indices come from the storage alone, so they are always within it: nothing here is input.
fn links<A: Axis>(nodes: &[Node], index: u32) -> Links {
    nodes[index as usize].links[A::INDEX]
}

fn height<A: Axis>(nodes: &[Node], root: Root) -> u8 {
    root.map_or(0, |index| links::<A>(nodes, index).height)
}

/// Computes height and highest end of a node from its children.
fn refresh<A: Axis>(nodes: &mut [Node], index: u32) {
    let Links { left, right, .. } = links::<A>(nodes, index);
    let height = 1 + height::<A>(nodes, left).max(height::<A>(nodes, right));
    nodes[index as usize].links[A::INDEX].height = height;
    if A::INDEX == ByPhys::INDEX {
        let end = |root: Root| root.map_or(0, |child| nodes[child as usize].max_end);
        let own = nodes[index as usize].mapping.phys_end().0;
        nodes[index as usize].max_end = own.max(end(left)).max(end(right));
    }
}

fn rotate_right<A: Axis>(nodes: &mut [Node], index: u32) -> u32 {
    let Some(top) = links::<A>(nodes, index).left else {
        return index;
    };
    nodes[index as usize].links[A::INDEX].left = links::<A>(nodes, top).right;
    nodes[top as usize].links[A::INDEX].right = Some(index);
    refresh::<A>(nodes, index);
    refresh::<A>(nodes, top);
    top
}

fn rotate_left<A: Axis>(nodes: &mut [Node], index: u32) -> u32 {
    let Some(top) = links::<A>(nodes, index).right else {
        return index;
    };
    nodes[index as usize].links[A::INDEX].right = links::<A>(nodes, top).left;
    nodes[top as usize].links[A::INDEX].left = Some(index);
    refresh::<A>(nodes, index);
    refresh::<A>(nodes, top);
    top
}

/// How much higher the left subtree is than the right.
fn lean<A: Axis>(nodes: &[Node], index: u32) -> i16 {
    let Links { left, right, .. } = links::<A>(nodes, index);
    i16::from(height::<A>(nodes, left)) - i16::from(height::<A>(nodes, right))
}

fn rebalance<A: Axis>(nodes: &mut [Node], index: u32) -> u32 {
    refresh::<A>(nodes, index);
    let Links { left, right, .. } = links::<A>(nodes, index);
    match (lean::<A>(nodes, index), left, right) {
        (2.., Some(left), _) => {
            if lean::<A>(nodes, left) < 0 {
                nodes[index as usize].links[A::INDEX].left = Some(rotate_left::<A>(nodes, left));
            }
            rotate_right::<A>(nodes, index)
        }
        (..=-2, _, Some(right)) => {
            if lean::<A>(nodes, right) > 0 {
                nodes[index as usize].links[A::INDEX].right = Some(rotate_right::<A>(nodes, right));
            }
            rotate_left::<A>(nodes, index)
        }
        _ => index,
    }
}

/// Inserts the node `new` and returns the new root.
pub(super) fn insert<A: Axis>(nodes: &mut [Node], root: Root, new: u32) -> Root {
    let Some(index) = root else { return Some(new) };
    let Links { left, right, .. } = links::<A>(nodes, index);
    if A::key(&nodes[new as usize]) < A::key(&nodes[index as usize]) {
        nodes[index as usize].links[A::INDEX].left = insert::<A>(nodes, left, new);
    } else {
        nodes[index as usize].links[A::INDEX].right = insert::<A>(nodes, right, new);
    }
    Some(rebalance::<A>(nodes, index))
}

/// Takes the node `old` out and returns the new root.
pub(super) fn remove<A: Axis>(nodes: &mut [Node], root: Root, old: u32) -> Root {
    let index = root?;
    let Links { left, right, .. } = links::<A>(nodes, index);
    if index == old {
        let Some(right) = right else { return left };
        let (rest, first) = remove_first::<A>(nodes, right);
        nodes[first as usize].links[A::INDEX].left = left;
        nodes[first as usize].links[A::INDEX].right = rest;
        return Some(rebalance::<A>(nodes, first));
    }
    if A::key(&nodes[old as usize]) < A::key(&nodes[index as usize]) {
        nodes[index as usize].links[A::INDEX].left = remove::<A>(nodes, left, old);
    } else {
        nodes[index as usize].links[A::INDEX].right = remove::<A>(nodes, right, old);
    }
    Some(rebalance::<A>(nodes, index))
}

/// Takes the lowest node out of a subtree: the rest, and the node.
fn remove_first<A: Axis>(nodes: &mut [Node], index: u32) -> (Root, u32) {
    let Links { left, right, .. } = links::<A>(nodes, index);
    let Some(left) = left else {
        return (right, index);
    };
    let (rest, first) = remove_first::<A>(nodes, left);
    nodes[index as usize].links[A::INDEX].left = rest;
    (Some(rebalance::<A>(nodes, index)), first)
}

/// The newest node of this id.
pub(super) fn newest_of_id(nodes: &[Node], mut root: Root, id: MapId) -> Option<u32> {
    let mut found = None;
    while let Some(index) = root {
        let node = &nodes[index as usize];
        let links = node.links[ById::INDEX];
        if node.mapping.id == id {
            found = Some(index);
        }
        // Equal ids: newer ones stand to the right.
        root = if node.mapping.id > id {
            links.left
        } else {
            links.right
        };
    }
    found
}

/// Shows every node whose mapping holds the address, lowest start first.
pub(super) fn each_at(nodes: &[Node], root: Root, phys: u64, show: &mut dyn FnMut(&Node)) {
    let Some(index) = root else { return };
    let node = &nodes[index as usize];
    if node.max_end < phys {
        return;
    }
    let links = node.links[ByPhys::INDEX];
    each_at(nodes, links.left, phys, show);
    if node.mapping.phys.0 <= phys {
        if node.mapping.contains(crate::PhysAddr(phys)) {
            show(node);
        }
        each_at(nodes, links.right, phys, show);
    }
}

/// Shows every node, lowest start first.
pub(super) fn each(nodes: &[Node], root: Root, show: &mut dyn FnMut(&Node)) {
    let Some(index) = root else { return };
    let links = links::<ByPhys>(nodes, index);
    each(nodes, links.left, show);
    show(&nodes[index as usize]);
    each(nodes, links.right, show);
}
