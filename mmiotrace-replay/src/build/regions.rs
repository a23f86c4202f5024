//! Which device memory a trace touches.

use crate::plan::{Device, Place, Region, RegionId, locate};
use mmiotrace_analysis::blocks::{Block, BlockKind, OtherRecord, Unfolded};
use mmiotrace_analysis::{self as analysis, Devices};
use mmiotrace_core::{Bar, EventKind, MapId, Mapping, PhysAddr};
use std::collections::HashMap;

/// The regions of a plan, and how addresses fall into them.
#[derive(Debug, Default)]
pub(super) struct RegionFinder {
    devices: Vec<Device>,
    regions: Vec<Region>,
    /// I/O ranges of the devices in use, as text: `bar1 of 00:03.0`.
    pub(super) io_ranges: Vec<String>,
    /// Which of the trace's devices each region belongs to.
    owners: Vec<Option<usize>>,
    known: HashMap<u64, RegionId>,
}

impl RegionFinder {
    pub(super) fn find(blocks: &[Block], devices: &Devices) -> Self {
        let mut finder = Self::default();
        let mut mappings: HashMap<MapId, Mapping> = HashMap::new();
        for block in blocks {
            if let BlockKind::Other(OtherRecord::Event(event)) = &block.kind
                && let EventKind::Map(mapping) = event.kind
            {
                mappings.insert(mapping.id, mapping);
            }
            block.unfold(&mut |item| {
                let (phys, map_id) = match item {
                    Unfolded::Access(access) => (access.phys, access.map_id),
                    Unfolded::Undecoded(unknown) => (unknown.phys, unknown.map_id),
                    _ => return,
                };
                finder.touch(phys, mappings.get(&map_id), devices);
            });
        }
        finder.name(devices.as_slice());
        finder
    }

    /// Sees to it that a region holds `phys`.
    fn touch(&mut self, phys: PhysAddr, mapping: Option<&Mapping>, devices: &Devices) {
        if self.known.contains_key(&phys.page().0) && self.place(phys).is_some() {
            return;
        }
        let id = match locate(&self.regions, phys) {
            Some(place) => place.region,
            None => {
                let Some(id) = self.add(phys, mapping, devices) else {
                    return;
                };
                id
            }
        };
        self.known.insert(phys.page().0, id);
    }

    fn add(
        &mut self,
        phys: PhysAddr,
        mapping: Option<&Mapping>,
        devices: &Devices,
    ) -> Option<RegionId> {
        let id = RegionId(u16::try_from(self.regions.len()).ok()?);
        if let Some(place) = devices.locate(phys) {
            let owner = devices
                .as_slice()
                .iter()
                .position(|d| (d.pci.bus, d.pci.devfn) == (place.bus, place.devfn))?;
            let bar: Bar = *devices
                .as_slice()
                .get(owner)?
                .pci
                .bars
                .get(usize::from(place.bar))?;
            self.regions.push(Region {
                bar: Some(place.bar),
                ..Region::plain("", bar.start(), bar.len)
            });
            self.owners.push(Some(owner));
        } else {
            let region = match mapping.filter(|mapping| mapping.contains(phys)) {
                Some(mapping) => Region::plain("", mapping.phys, mapping.len),
                None => Region::plain("", phys.page(), 0x1000),
            };
            self.regions.push(region);
            self.owners.push(None);
        }
        Some(id)
    }

    /// Gives names: `bar0` where one device is in use, `e1000.bar0` or `dev1.bar0` where several
    /// are, `mem0` for what belongs to none.
    fn name(&mut self, all: &[analysis::Device]) {
        let mut used: Vec<usize> = self.owners.iter().flatten().copied().collect();
        used.sort_unstable();
        used.dedup();
        for (index, owner) in used.iter().enumerate() {
            let Some(told) = all.get(*owner) else {
                continue;
            };
            let twice = used
                .iter()
                .filter(|other| all.get(**other).is_some_and(|d| d.driver == told.driver))
                .count();
            let plain = told
                .driver
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
            let name = match told.driver.as_str() {
                driver if !driver.is_empty() && plain && twice == 1 => driver.to_owned(),
                _ => format!("dev{index}"),
            };
            let mut device = Device::new(name, told.pci.vendor, told.pci.device);
            device.recorded_at = told.slot_name();
            device.driver.clone_from(&told.driver);
            for (bar, range) in told.pci.bars.iter().enumerate() {
                // A legacy range lacks the flag bit, but lies where ports are.
                if range.len != 0 && (!range.is_memory() || range.start_and_flags < 0x1_0000) {
                    self.io_ranges
                        .push(format!("BAR {bar} of {}", device.recorded_at));
                }
            }
            let alone = used.len() == 1;
            for (region, of) in self.regions.iter_mut().zip(&self.owners) {
                if *of == Some(*owner) {
                    let bar = region.bar.unwrap_or_default();
                    region.name = if alone {
                        format!("bar{bar}")
                    } else {
                        format!("{}.bar{bar}", device.name)
                    };
                    region.device = Some(device.name.clone());
                }
            }
            self.devices.push(device);
        }
        let orphans = self
            .regions
            .iter_mut()
            .filter(|region| region.device.is_none());
        for (number, region) in orphans.enumerate() {
            region.name = format!("mem{number}");
        }
    }

    /// Where a recorded address lies.
    pub(super) fn place(&self, phys: PhysAddr) -> Option<Place> {
        let quick = self.known.get(&phys.page().0).and_then(|id| {
            let offset = self.region(*id)?.offset_of(phys)?;
            Some(Place {
                region: *id,
                offset,
            })
        });
        quick.or_else(|| locate(&self.regions, phys))
    }

    /// The recorded address of a place.
    pub(super) fn phys(&self, place: Place) -> Option<PhysAddr> {
        self.region(place.region)?
            .recorded_base
            .checked_add(place.offset)
    }

    pub(super) fn region(&self, id: RegionId) -> Option<&Region> {
        self.regions.get(usize::from(id.0))
    }

    pub(super) fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// What tells devices apart: the device, or the region where it has none.
    pub(super) fn owner(&self, id: RegionId) -> Option<&str> {
        let region = self.region(id)?;
        Some(region.device.as_deref().unwrap_or(&region.name))
    }

    pub(super) fn into_parts(self) -> (Vec<Device>, Vec<Region>) {
        (self.devices, self.regions)
    }
}
