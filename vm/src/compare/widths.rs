//! The pieces in which a device sees a wide access.

use super::key::Key;
use crate::device_log::DeviceAccess;
use crate::trace::TraceAccess;
use std::collections::{BTreeMap, BTreeSet};

/// QEMU cuts an access that is wider than the device's implementation and logs the pieces. The
/// widths in a region's log show how.
#[derive(Debug, Default)]
pub(super) struct Widths {
    region_at: BTreeMap<u64, usize>,
    seen: BTreeMap<usize, BTreeSet<u8>>,
}

impl Widths {
    pub(super) fn of(device: &[&DeviceAccess]) -> Self {
        let mut widths = Self::default();
        for access in device {
            widths.region_at.insert(access.phys, access.region);
            widths
                .seen
                .entry(access.region)
                .or_default()
                .insert(access.width);
        }
        widths
    }

    pub(super) fn pieces(&self, access: &TraceAccess) -> Vec<Key> {
        let seen = self
            .region_at
            .get(&access.phys)
            .and_then(|region| self.seen.get(region));
        let widest = seen
            .and_then(|seen| seen.last())
            .copied()
            .unwrap_or(8)
            .max(1);
        let piece = access.width.min(widest);
        let mut keys = Vec::new();
        let mut at = 0;
        while at < access.width {
            let width = piece.min(access.width - at);
            let bytes = access
                .value
                .as_ref()
                .and_then(|value| value.get(usize::from(at)..usize::from(at) + usize::from(width)));
            keys.push(Key {
                phys: access.phys + u64::from(at),
                width,
                write: access.write,
                cpu: access.cpu,
                value: bytes.map(|bytes| {
                    bytes
                        .iter()
                        .rev()
                        .fold(0, |all, byte| all << 8 | u64::from(*byte))
                }),
            });
            at += width;
        }
        keys
    }
}
