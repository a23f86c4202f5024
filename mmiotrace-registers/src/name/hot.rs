//! Which registers were accessed most.

use super::slot_cache::SlotCache;
use crate::device::{DeviceId, Devices};
use std::collections::HashMap;

/// How often a register was accessed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct HotRegister {
    /// The device, as [`DeviceLabel`](crate::Namer::device_label) has it; empty where none is known.
    pub device: String,
    /// The register's name; where it has none the offset, or the physical address.
    pub name: String,
    /// How many reads.
    pub reads: u64,
    /// How many writes.
    pub writes: u64,
}

/// A register of a device, by name; where it has none, by its offset (`true`) or address.
pub(super) type HotKey<Name> = (Option<DeviceId>, Name, Option<(bool, u64)>);

/// At most `count` of them, the busiest first.
pub(super) fn hot_registers(
    cache: &SlotCache,
    devices: &Devices,
    count: usize,
) -> Vec<HotRegister> {
    let past = cache.past.iter().map(|((device, name, offset), counts)| {
        let key = (*device, name.as_str(), *offset);
        (key, *counts)
    });
    let mut by_name: HashMap<HotKey<&str>, (u64, u64)> = HashMap::new();
    for (key, (reads, writes)) in past.chain(cache.counts()) {
        let counts = by_name.entry(key).or_default();
        counts.0 += reads;
        counts.1 += writes;
    }
    let mut hot: Vec<_> = by_name.into_iter().collect();
    hot.sort_by(|a, b| {
        (b.1.0 + b.1.1)
            .cmp(&(a.1.0 + a.1.1))
            .then_with(|| a.0.cmp(&b.0))
    });
    hot.truncate(count);
    let label = |device: Option<DeviceId>| {
        device
            .and_then(|id| devices.get(id))
            .map_or_else(String::new, |device| device.address.to_string())
    };
    hot.into_iter()
        .map(|((device, name, offset), (reads, writes))| HotRegister {
            device: label(device),
            name: match offset {
                Some((true, offset)) => format!("+{offset:#x}"),
                Some((false, phys)) => format!("{phys:#x}"),
                None => name.to_owned(),
            },
            reads,
            writes,
        })
        .collect()
}
