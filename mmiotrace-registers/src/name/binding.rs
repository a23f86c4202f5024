//! Which map is used for what.

use super::core::Core;
use super::ranges::{Owner, Range, Ranges};
use super::unit::Unit;
use crate::device::{DeviceAddress, DeviceId, rank};
use crate::index::CompiledMap;
use crate::model::{Place, SpaceId};
use mmiotrace_core::Mapping;
use std::sync::Arc;

/// A map that the user gave.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) map: Arc<CompiledMap>,
    pub(super) device: Option<DeviceAddress>,
}

/// A map and what it is used for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Binding {
    /// The map's name.
    pub map: String,
    /// The device; `None`: a mapping or range that belongs to no known device.
    pub device: Option<DeviceAddress>,
    /// The map was given without saying for which device.
    pub guessed: bool,
    /// The variants that are known of the device: family and variant.
    pub variants: Vec<(String, String)>,
}

impl Core {
    pub(super) fn device_changed(&mut self, id: DeviceId) {
        self.dirty = true;
        self.ranges.remove_device(id);
        let Some(device) = self.devices.get(id) else {
            return;
        };
        for (bar, range) in device.bars.iter().enumerate() {
            let Some((start, len)) = *range else { continue };
            let end = start.saturating_add(len);
            self.ranges.insert(Range {
                start,
                end,
                owner: Owner::Bar(id, bar as u8),
            });
        }
        if let Some(map) = self.choose(id) {
            self.bind_device(id, map, false);
        }
    }

    /// The best map for a device: one given for it, else the given one that fits best, else the
    /// bundled one that fits best.
    fn choose(&self, id: DeviceId) -> Option<Arc<CompiledMap>> {
        let device = self.devices.get(id)?;
        let asked = |given: &&Given| {
            given
                .device
                .is_some_and(|asked| asked.matches(&device.address))
        };
        if let Some(given) = self.given.iter().find(asked) {
            return Some(Arc::clone(&given.map));
        }
        let best = |maps: &mut dyn Iterator<Item = &Arc<CompiledMap>>| {
            // Of equals the first is wanted, and max_by_key would take the last.
            let ranked = maps.filter_map(|map| Some((rank(map.map(), device, &self.names)?, map)));
            let best = ranked.fold(
                None,
                |best: Option<(u32, &Arc<CompiledMap>)>, (rank, map)| match best {
                    Some((known, _)) if known >= rank => best,
                    _ => Some((rank, map)),
                },
            );
            best.map(|(_, map)| Arc::clone(map))
        };
        best(
            &mut self
                .given
                .iter()
                .filter(|given| given.device.is_none())
                .map(|given| &given.map),
        )
        .or_else(|| best(&mut self.bundled.iter()))
    }

    fn bind_device(&mut self, id: DeviceId, map: Arc<CompiledMap>, guessed: bool) {
        let known = self.unit_of_device.get(&id).copied();
        if known
            .and_then(|unit| self.units.get(unit as usize))
            .is_some_and(|unit| Arc::ptr_eq(&unit.map, &map))
        {
            return;
        }
        let unit = self.unit(map, Some(id), guessed);
        self.dirty = true;
        match known.and_then(|known| self.units.get_mut(known as usize)) {
            Some(known) => *known = unit,
            None => {
                self.units.push(unit);
                self.unit_of_device.insert(id, self.units.len() as u32 - 1);
            }
        }
    }

    fn unit(&self, map: Arc<CompiledMap>, device: Option<DeviceId>, guessed: bool) -> Unit {
        let mut unit = Unit::new(map, device, guessed);
        if let Some((vendor, id)) = device.and_then(|id| self.devices.get(id)?.ids) {
            let map = Arc::clone(&unit.map);
            map.choose_by_pci(&mut unit.selection, vendor, id);
        }
        for (family, variant) in &self.variants {
            // A map without that family or variant is not meant.
            let map = Arc::clone(&unit.map);
            let _ = map.choose(&mut unit.selection, family, variant);
        }
        unit
    }

    pub(super) fn bind_physical(&mut self) {
        for given in self.given.clone() {
            let spaces = given.map.map().spaces.iter().enumerate();
            let physical: Vec<_> = spaces
                .filter_map(|(number, space)| match space.place {
                    Place::Physical(start) => {
                        Some((SpaceId(number as u32), start, given.map.bytes_of(space)))
                    }
                    _ => None,
                })
                .collect();
            if physical.is_empty() {
                continue;
            }
            let unit = self.unit(Arc::clone(&given.map), None, false);
            self.units.push(unit);
            let unit = self.units.len() as u32 - 1;
            for (space, start, len) in physical {
                let end = start.saturating_add(len);
                self.ranges.insert(Range {
                    start,
                    end,
                    owner: Owner::Physical(unit, space),
                });
            }
        }
    }

    pub(super) fn mapping(&mut self, mapping: &Mapping) {
        let owner = self.ranges.find(mapping.phys.0).copied();
        match owner {
            Some(Range {
                start,
                owner: Owner::Bar(device, bar),
                ..
            }) => {
                self.bind_guess(device, bar);
                if let Some(unit) = self.unit_of_device.get(&device).copied() {
                    self.hint(unit, bar, mapping.phys.0 - start, mapping.len);
                }
            }
            Some(Range {
                start,
                owner: Owner::Mapping(unit, bar),
                ..
            }) => {
                self.hint(unit, bar, mapping.phys.0 - start, mapping.len);
            }
            Some(Range {
                owner: Owner::Physical(..),
                ..
            }) => {}
            None => self.bind_mapping(mapping),
        }
    }

    fn hint(&mut self, unit: u32, bar: u8, offset: u64, len: u64) {
        if let Some(unit) = self.units.get_mut(unit as usize) {
            self.dirty |= unit.hint(bar, offset, len);
        }
    }

    /// Uses a map that was given without saying for what, for the first device that is mapped and
    /// has no given map.
    fn bind_guess(&mut self, device: DeviceId, bar: u8) {
        let bound =
            |map: &Arc<CompiledMap>| self.units.iter().any(|unit| Arc::ptr_eq(&unit.map, map));
        if let Some(unit) = self
            .unit_of_device
            .get(&device)
            .and_then(|unit| self.units.get(*unit as usize))
        {
            if self
                .given
                .iter()
                .any(|given| Arc::ptr_eq(&given.map, &unit.map))
            {
                return;
            }
        }
        let fits = |given: &&Given| {
            let map = given.map.map();
            given.device.is_none()
                && map.devices.is_empty()
                && map
                    .spaces
                    .iter()
                    .any(|space| space.place == Place::Bar(bar))
                && !bound(&given.map)
        };
        if let Some(map) = self
            .given
            .iter()
            .find(fits)
            .map(|given| Arc::clone(&given.map))
        {
            self.bind_device(device, map, true);
        }
    }

    /// Uses a given map for a mapping where no device is known at all (no PCIDEV lines).
    fn bind_mapping(&mut self, mapping: &Mapping) {
        if !self.devices.all().is_empty() || mapping.len == 0 {
            return;
        }
        let bound = |map: &Arc<CompiledMap>| {
            self.units
                .iter()
                .position(|unit| Arc::ptr_eq(&unit.map, map))
        };
        let bar = self.given.iter().find_map(|given| {
            let spaces = given.map.map().spaces.iter();
            let mut bars = spaces.filter_map(|space| match space.place {
                Place::Bar(bar) => Some((
                    bar,
                    space
                        .size
                        .map(|size| size.saturating_mul(space.cell.into())),
                )),
                _ => None,
            });
            let unit = bound(&given.map);
            // The first mapping is taken for any BAR; further ones must have its length.
            let bar = bars.find(|(_, size)| {
                *size == Some(mapping.len) || (size.is_none() && unit.is_none())
            })?;
            Some((Arc::clone(&given.map), unit, bar.0))
        });
        let Some((map, unit, bar)) = bar else { return };
        let unit = unit.unwrap_or_else(|| {
            self.units.push(self.unit(map, None, true));
            self.units.len() - 1
        });
        let owner = Owner::Mapping(unit as u32, bar);
        self.dirty |= self.ranges.insert(Range {
            start: mapping.phys.0,
            end: mapping.phys_end().0,
            owner,
        });
    }

    /// Chooses anew for every device.
    pub(super) fn rebind(&mut self) {
        self.dirty = true;
        self.units.clear();
        self.unit_of_device.clear();
        self.ranges = Ranges::default();
        self.bind_physical();
        for id in 0..self.devices.all().len() as u32 {
            self.device_changed(DeviceId(id));
        }
    }

    pub(super) fn binding(&self, unit: &Unit) -> Binding {
        let map = unit.map.map();
        let variants = map
            .varsets
            .iter()
            .enumerate()
            .filter_map(|(number, varset)| {
                let chosen = unit
                    .selection
                    .chosen(crate::model::VarsetId(number as u32))?;
                Some((
                    varset.name.clone(),
                    varset.variants.get(chosen as usize)?.clone(),
                ))
            });
        Binding {
            map: map.name.clone(),
            device: unit
                .device
                .and_then(|id| self.devices.get(id))
                .map(|device| device.address),
            guessed: unit.guessed,
            variants: variants.collect(),
        }
    }
}
