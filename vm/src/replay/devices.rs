//! The devices whose start-ups are replayed.

use crate::compare::Range;
use crate::devices::Device;
use crate::evidence::ranges_of;
use host::error::{AtPath, Result};
use std::path::Path;

/// The devices whose start-ups are replayed; sections of the recording and phases of its log come in
/// this order.
pub(super) const DEVICES: [&str; 4] = ["e1000", "edu", "nvme", "xhci"];

/// Everything of a boot that the devices are the same for.
pub(super) fn devices(folder: &Path) -> Result<(Vec<String>, String)> {
    let (mut arguments, mut functions) = (Vec::new(), String::new());
    for name in DEVICES {
        let device = Device::from_name(name)?;
        arguments.extend(device.arguments(folder)?);
        functions.push_str(device.guest);
    }
    Ok((arguments, functions))
}

/// The memory ranges of a device, from the list that the guest made.
pub(super) fn windows(out: &Path, device: &str) -> Result<Vec<Range>> {
    let path = out.join("pci");
    let pci = std::fs::read_to_string(&path).at(&path)?;
    let ranges = ranges_of(&pci, Device::from_name(device)?.pci);
    if ranges.is_empty() {
        return Err(format!("no memory of {device} in {}", path.display()).into());
    }
    Ok(ranges)
}

/// The phases around the section or run of that number.
pub(super) fn phases(place: usize) -> (Option<u8>, Option<u8>) {
    let number = u8::try_from(place).unwrap_or(u8::MAX).saturating_mul(2);
    (Some(number + 1), Some(number + 2))
}
