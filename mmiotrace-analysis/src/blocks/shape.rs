//! What makes two blocks alike, whatever their values.

use super::{Block, BlockKind};
use core::hash::{Hash, Hasher};
use std::collections::hash_map::DefaultHasher;

/// The shape of a block; `None` for what never repeats (markers, mappings, losses, delays).
pub(super) fn shape(block: &Block) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    add(block, &mut hasher)?;
    Some(hasher.finish())
}

fn add(block: &Block, hasher: &mut DefaultHasher) -> Option<()> {
    core::mem::discriminant(&block.kind).hash(hasher);
    match &block.kind {
        BlockKind::Access(access) => {
            (access.kind, access.map_id, access.phys, access.width).hash(hasher);
        }
        // One device answers at once and the next time late: still the same wait.
        BlockKind::Poll(poll) => poll.location.hash(hasher),
        BlockKind::Modify(modify) => modify.location.hash(hasher),
        BlockKind::Acknowledge(ack) => (ack.location, ack.read.is_some()).hash(hasher),
        BlockKind::Upload(t) | BlockKind::Download(t) | BlockKind::Fill(t) => {
            (t.location, t.stride, t.values.len()).hash(hasher);
        }
        BlockKind::Indexed(indexed) => {
            (
                indexed.index,
                indexed.data.kind,
                indexed.data.phys,
                indexed.data.width,
            )
                .hash(hasher);
        }
        BlockKind::Repeat(repeat) => {
            (repeat.period, repeat.blocks.len()).hash(hasher);
            repeat
                .turn(0)
                .iter()
                .try_for_each(|block| add(block, hasher))?;
        }
        BlockKind::Undecoded(u) => (u.map_id, u.phys, u.stride, u.count, u.code).hash(hasher),
        BlockKind::Delay(_) | BlockKind::Other(_) => return None,
    }
    (!block.continued).then_some(())
}
