//! What makes a register the same one in two traces.

use crate::Devices;
use core::fmt;
use mmiotrace_core::{Access, MapId, Mapping, PhysAddr};
use std::collections::HashMap;

/// The range of addresses that a register lies in, told so that it is the same in another trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Space {
    /// A BAR of a PCI device.
    Bar {
        /// Vendor id.
        vendor: u16,
        /// Device id.
        device: u16,
        /// Which of several devices of that kind, counted from 0 in the order of their lines.
        number: u16,
        /// BAR 0 to 5; 6 is the expansion ROM.
        bar: u8,
    },
    /// A range that was mapped, where the trace names no device: counted from 0 in the order in
    /// which ranges were first mapped. The same range mapped again is the same space.
    Mapped(u32),
    /// Nothing known but the physical address.
    Absolute,
}

/// A register.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Register {
    /// Where.
    pub space: Space,
    /// The offset in it, in bytes.
    pub offset: u64,
    /// Its name, where one was given.
    pub name: Option<String>,
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            return f.write_str(name);
        }
        match self.space {
            Space::Bar {
                vendor,
                device,
                number,
                bar,
            } => {
                write!(f, "{vendor:04x}:{device:04x}")?;
                if number > 0 {
                    write!(f, "#{number}")?;
                }
                write!(f, " BAR{bar}+{:#x}", self.offset)
            }
            Space::Mapped(number) => write!(f, "range{number}+{:#x}", self.offset),
            Space::Absolute => write!(f, "{:#x}", self.offset),
        }
    }
}

/// What a register map tells of a register.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Known {
    /// Its name.
    pub name: String,
    /// Its fields, as bits of the values that accesses move.
    pub fields: Vec<Field>,
    /// It changes by itself.
    pub volatile: bool,
}

/// A field of a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its bits.
    pub bits: u64,
}

impl Known {
    /// A register with this name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }
}

/// Finds the space and offset of addresses in one trace.
#[derive(Debug, Default)]
pub(super) struct Spaces {
    pub(super) devices: Devices,
    ranges: HashMap<(PhysAddr, u64), u32>,
    live: HashMap<MapId, Mapping>,
}

impl Spaces {
    pub(super) fn map(&mut self, mapping: &Mapping) {
        let number = u32::try_from(self.ranges.len()).unwrap_or(u32::MAX);
        self.ranges
            .entry((mapping.phys, mapping.len))
            .or_insert(number);
        self.live.insert(mapping.id, *mapping);
    }

    /// The place where the mapping began.
    pub(super) fn unmap(&mut self, id: MapId) -> Option<(Space, u64)> {
        let phys = self.live.get(&id)?.phys;
        let place = self.locate(id, phys);
        self.live.remove(&id);
        Some(place)
    }

    pub(super) fn of_access(&self, access: &Access) -> (Space, u64) {
        self.locate(access.map_id, access.phys)
    }

    /// The space of an address: its device's BAR, else the range that was mapped.
    pub(super) fn locate(&self, map_id: MapId, phys: PhysAddr) -> (Space, u64) {
        if let Some(place) = self.devices.locate(phys) {
            return (self.bar(place.bus, place.devfn, place.bar), place.offset);
        }
        let range = self.live.get(&map_id).and_then(|mapping| {
            Some((
                *self.ranges.get(&(mapping.phys, mapping.len))?,
                mapping.offset_of(phys)?,
            ))
        });
        match range {
            Some((number, offset)) => (Space::Mapped(number), offset),
            None => (Space::Absolute, phys.0),
        }
    }

    fn bar(&self, bus: u8, devfn: u8, bar: u8) -> Space {
        let list = self.devices.as_slice();
        let at = list
            .iter()
            .position(|device| (device.pci.bus, device.pci.devfn) == (bus, devfn));
        let Some(found) = at.and_then(|at| list.get(at)) else {
            return Space::Absolute;
        };
        let kind = (found.pci.vendor, found.pci.device);
        let before = list.iter().take(at.unwrap_or(0));
        let number = before
            .filter(|device| (device.pci.vendor, device.pci.device) == kind)
            .count();
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        Space::Bar {
            vendor: kind.0,
            device: kind.1,
            number,
            bar,
        }
    }
}
