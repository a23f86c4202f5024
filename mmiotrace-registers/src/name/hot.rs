//! Which registers were accessed most.

use super::core::Core;
use crate::device::DeviceId;
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
type HotKey<'n> = (Option<DeviceId>, &'n str, Option<(bool, u64)>);

impl Core {
    /// At most `count` of them, the busiest first.
    pub(super) fn hot_registers(&self, count: usize) -> Vec<HotRegister> {
        let mut by_name: HashMap<HotKey<'_>, (u64, u64)> = HashMap::new();
        for slot in &self.table.slots {
            let name = self.table.name(slot);
            let offset = name.is_empty().then_some(match slot.place.offset {
                Some(offset) => (true, offset),
                None => (false, slot.key.at),
            });
            let counts = by_name
                .entry((slot.place.device, name, offset))
                .or_default();
            counts.0 += slot.reads;
            counts.1 += slot.writes;
        }
        let mut hot: Vec<_> = by_name
            .into_iter()
            .filter(|(_, (reads, writes))| reads + writes > 0)
            .collect();
        hot.sort_by(|a, b| {
            (b.1.0 + b.1.1)
                .cmp(&(a.1.0 + a.1.1))
                .then_with(|| a.0.cmp(&b.0))
        });
        hot.truncate(count);
        let label = |device: Option<DeviceId>| {
            device
                .and_then(|id| self.devices.get(id))
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
}
