//! Devices and their memory.

use super::RegionId;
use mmiotrace_core::PhysAddr;
use serde::Deserialize;

/// A PCI device of the plan, by what identifies it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Device {
    /// Its name in this plan.
    pub name: String,
    /// Where it was in the recorded machine, as `lspci` prints it. The trace has no PCI domain.
    pub recorded_at: String,
    /// Vendor id.
    pub vendor: u16,
    /// Device id.
    pub device: u16,
    /// The driver that was recorded, as far as the trace tells; may be empty.
    #[serde(default)]
    pub driver: String,
}

/// A range of device memory in which steps act.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Region {
    /// Its name in this plan: no `+` in it.
    pub name: String,
    /// The device that decodes it, by its name; `None` for memory that belongs to no known device.
    #[serde(default)]
    pub device: Option<String>,
    /// The BAR of that device.
    #[serde(default)]
    pub bar: Option<u8>,
    /// Where it began when it was recorded.
    #[serde(deserialize_with = "base")]
    pub recorded_base: PhysAddr,
    /// How long it is, in bytes.
    #[serde(deserialize_with = "number")]
    pub len: u64,
}

fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = super::number::Number::deserialize(deserializer)?;
    number
        .to_u64()
        .ok_or_else(|| serde::de::Error::custom("more than 64 bits"))
}

fn base<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<PhysAddr, D::Error> {
    number(deserializer).map(PhysAddr)
}

impl Device {
    /// A device from what identifies it.
    #[must_use]
    pub fn new(name: impl Into<String>, vendor: u16, device: u16) -> Self {
        Self {
            name: name.into(),
            recorded_at: String::new(),
            vendor,
            device,
            driver: String::new(),
        }
    }
}

impl Region {
    /// A BAR of a device.
    #[must_use]
    pub fn bar(
        name: impl Into<String>,
        device: &Device,
        bar: u8,
        recorded_base: PhysAddr,
        len: u64,
    ) -> Self {
        let device = Some(device.name.clone());
        Self {
            name: name.into(),
            device,
            bar: Some(bar),
            recorded_base,
            len,
        }
    }

    /// Memory of which only the addresses are known.
    #[must_use]
    pub fn plain(name: impl Into<String>, recorded_base: PhysAddr, len: u64) -> Self {
        Self {
            name: name.into(),
            device: None,
            bar: None,
            recorded_base,
            len,
        }
    }

    /// The offset of a recorded address in this region, where it lies in it.
    #[must_use]
    pub const fn offset_of(&self, phys: PhysAddr) -> Option<u64> {
        match phys.offset_from(self.recorded_base) {
            Some(offset) if offset < self.len => Some(offset),
            _ => None,
        }
    }
}

/// The region of these that holds a recorded address, with the offset in it.
#[must_use]
pub(crate) fn locate(regions: &[Region], phys: PhysAddr) -> Option<super::Place> {
    regions.iter().enumerate().find_map(|(index, region)| {
        let region_id = RegionId(u16::try_from(index).ok()?);
        Some(super::Place {
            region: region_id,
            offset: region.offset_of(phys)?,
        })
    })
}
