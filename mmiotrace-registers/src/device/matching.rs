//! How well a map fits a device.

use super::{Device, PciNames};
use crate::model::{DeviceMatch, RegisterMap, SpaceLocation};

/// How well a map fits a device; higher is better, `None`: not at all.
pub(crate) fn rank(map: &RegisterMap, device: &Device, names: &PciNames) -> Option<u32> {
    map.devices
        .iter()
        .filter_map(|wanted| rank_one(map, wanted, device, names))
        .max()
}

fn rank_one(
    map: &RegisterMap,
    wanted: &DeviceMatch,
    device: &Device,
    names: &PciNames,
) -> Option<u32> {
    let (vendor_id, device_id) = device.ids?;
    match wanted {
        DeviceMatch::Pci {
            vendor,
            first,
            last,
        } => {
            let fits = *vendor == vendor_id && (*first..=*last).contains(&device_id);
            match (fits, first == last, (*first, *last) == (0, u16::MAX)) {
                (false, ..) => None,
                (true, true, _) => Some(6),
                (true, false, false) => Some(5),
                // A vendor's other devices (the sound function of a graphics card) have it too.
                (true, false, true) => has_room(map, device).then_some(1),
            }
        }
        DeviceMatch::Driver(driver) => (*driver == device.driver).then_some(4),
        DeviceMatch::Class(class) => (Some(*class) == device.class).then_some(3),
        DeviceMatch::Name(part) => {
            let known = names
                .device(vendor_id, device_id)
                .into_iter()
                .chain([device.name.as_str()]);
            let part = part.to_ascii_lowercase();
            let mut known = known.map(str::to_ascii_lowercase);
            known.any(|name| name.contains(&part)).then_some(2)
        }
        // Not a PCI device's.
        DeviceMatch::File(_) => None,
    }
}

/// Whether the device's BARs are as long as the map's spaces.
fn has_room(map: &RegisterMap, device: &Device) -> bool {
    map.spaces
        .iter()
        .all(|space| match (&space.place, space.size) {
            (SpaceLocation::Bar(bar), Some(size)) => {
                let bytes = size.saturating_mul(u64::from(space.cell));
                device
                    .bars
                    .get(usize::from(*bar))
                    .copied()
                    .flatten()
                    .is_some_and(|(_, len)| len >= bytes)
            }
            _ => true,
        })
}
