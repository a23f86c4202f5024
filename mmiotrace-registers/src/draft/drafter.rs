//! Following a trace and noting what it touches.

use super::build;
use super::history::RegisterHistory;
use crate::device::{BarSpec, DeviceAddress, DeviceId, Devices};
use crate::model::RegisterMap;
use mmiotrace_core::{Access, AccessKind, Event, EventKind, Header, Mapping, PhysAddr};
use std::collections::BTreeMap;

/// How many offsets of one BAR are looked at closely; beyond, only pages are counted.
const MAX_OFFSETS: usize = 1 << 16;
/// How many pages beyond that are counted.
const MAX_PAGES: usize = 1 << 20;

/// Notes what a trace touches, for a first map of each of its devices.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    devices: Devices,
    /// Mappings that belong to no known device: start and length.
    mappings: BTreeMap<u64, u64>,
    bars: BTreeMap<(Owner, u8), Bar>,
    last: Option<(Owner, u8, u64)>,
}

/// Whose a BAR is: a device's, or the mapping's that begins there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Device(DeviceId),
    Mapping(u64),
}

/// What was seen of a BAR.
#[derive(Clone, Debug, Default)]
pub(super) struct Bar {
    pub(super) len: u64,
    pub(super) offsets: BTreeMap<u64, RegisterHistory>,
    /// Pages with accesses beyond those that are looked at closely.
    pub(super) pages: BTreeMap<u64, u64>,
    pub(super) accesses: u64,
}

/// A drafted map.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Drafted {
    /// The device; `None`: a mapping that belongs to no known device.
    pub device: Option<DeviceAddress>,
    /// How many accesses it was drafted from.
    pub accesses: u64,
    /// The map. What was seen stands in the descriptions.
    pub map: RegisterMap,
}

impl Draft {
    /// Nothing seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a header line.
    pub fn header(&mut self, header: &Header<'_>) {
        self.devices.header(header);
    }

    /// Takes a range that the user gives.
    pub fn bar(&mut self, spec: &BarSpec) {
        self.devices.bar(spec);
    }

    /// Takes an event.
    pub fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Access(access) => self.access(access),
            EventKind::UnknownOpcode(unknown) => self.note(unknown.phys, None, 0, None),
            EventKind::Map(mapping) => self.mapping(mapping),
            _ => {}
        }
    }

    fn mapping(&mut self, mapping: &Mapping) {
        if self.device_at(mapping.phys.0).is_none()
            && mapping.len > 0
            && self.mappings.len() < MAX_OFFSETS
        {
            let len = self.mappings.entry(mapping.phys.0).or_default();
            *len = mapping.len.max(*len);
        }
    }

    fn access(&mut self, access: &Access) {
        let mask = access.width.max_u64().unwrap_or(u64::MAX);
        let value = access
            .value
            .and_then(|value| value.to_u64())
            .map(|value| value & mask);
        // Wider accesses touch several registers; which, nobody can say.
        self.note(
            access.phys,
            Some(access.kind),
            access.width.bytes().min(8),
            value,
        );
    }

    fn note(&mut self, phys: PhysAddr, kind: Option<AccessKind>, width: u8, value: Option<u64>) {
        let Some((owner, bar, offset, len)) = self.place(phys.0) else {
            return;
        };
        let again = self.last == Some((owner, bar, offset));
        self.last = Some((owner, bar, offset));
        let seen = self.bars.entry((owner, bar)).or_default();
        seen.len = len;
        seen.accesses += 1;
        if seen.offsets.len() < MAX_OFFSETS || seen.offsets.contains_key(&offset) {
            let seen = seen.offsets.entry(offset).or_default();
            match kind {
                Some(kind) => seen.add(kind, width, value, again),
                None => seen.width = seen.width.max(1),
            }
        } else if seen.pages.len() < MAX_PAGES || seen.pages.contains_key(&(offset >> 12)) {
            *seen.pages.entry(offset >> 12).or_default() += 1;
        }
    }

    fn place(&self, phys: u64) -> Option<(Owner, u8, u64, u64)> {
        if let Some((device, bar, offset, len)) = self.device_at(phys) {
            return Some((Owner::Device(device), bar, offset, len));
        }
        let (start, len) = self.mappings.range(..=phys).next_back()?;
        (phys - start < *len).then_some((Owner::Mapping(*start), 0, phys - start, *len))
    }

    fn device_at(&self, phys: u64) -> Option<(DeviceId, u8, u64, u64)> {
        self.devices
            .all()
            .iter()
            .enumerate()
            .find_map(|(id, device)| {
                device.bars.iter().enumerate().find_map(|(bar, range)| {
                    let (start, len) = (*range)?;
                    let offset = phys.checked_sub(start).filter(|offset| *offset < len)?;
                    Some((DeviceId(id as u32), bar as u8, offset, len))
                })
            })
    }

    /// The maps, one for each device that was accessed; the most accessed first.
    #[must_use]
    pub fn finish(&self) -> Vec<Drafted> {
        let mut owners: Vec<_> = self.bars.keys().map(|(owner, _)| *owner).collect();
        owners.dedup();
        let mut drafts: Vec<_> = owners.into_iter().map(|owner| self.draft(owner)).collect();
        drafts.sort_by_key(|draft| core::cmp::Reverse(draft.accesses));
        drafts
    }

    fn draft(&self, owner: Owner) -> Drafted {
        let device = match owner {
            Owner::Device(id) => self.devices.get(id),
            Owner::Mapping(_) => None,
        };
        let name = match (device, owner) {
            (Some(device), _) if !device.driver.is_empty() => device.driver.clone(),
            (Some(device), _) => match device.ids {
                Some((vendor, id)) => format!("{vendor:04x}-{id:04x}"),
                None => "device".to_owned(),
            },
            (None, Owner::Mapping(start)) => format!("mapping-{start:x}"),
            (None, Owner::Device(_)) => "device".to_owned(),
        };
        let bars: Vec<_> = self
            .bars
            .iter()
            .filter(|((of, _), _)| *of == owner)
            .collect();
        let accesses = bars.iter().map(|(_, bar)| bar.accesses).sum();
        let mut map = RegisterMap::new(name);
        map.doc = format!("Drafted from {accesses} accesses; every name is to be replaced");
        if let Some((vendor, id)) = device.and_then(|device| device.ids) {
            map.devices = vec![crate::model::DeviceMatch::Pci {
                vendor,
                first: id,
                last: id,
            }];
        }
        for ((_, number), bar) in bars {
            build::space(&mut map, *number, bar);
        }
        Drafted {
            device: device.map(|device| device.address),
            accesses,
            map,
        }
    }
}
