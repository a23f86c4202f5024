//! Which map is used for what.

use super::bound_map::BoundMap;
use super::inference::Inference;
use super::ranges::{Owner, Range, Ranges};
use crate::device::{DeviceAddress, DeviceId, Devices, PciNames, rank};
use crate::index::CompiledMap;
use crate::model::{DeviceMatch, SpaceLocation};
use mmiotrace_core::Mapping;
use std::collections::HashMap;
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

/// The devices of a trace, the maps there are, and which map is used where.
#[derive(Debug)]
pub(super) struct Bindings {
    pub(super) given: Vec<Given>,
    pub(super) bundled: Vec<Arc<CompiledMap>>,
    pub(super) names: PciNames,
    pub(super) variants: Vec<(String, String)>,
    pub(super) devices: Devices,
    pub(super) ranges: Ranges,
    pub(super) maps: Vec<BoundMap>,
    pub(super) by_device: HashMap<DeviceId, u32>,
    /// The bundled maps of files that are mapped.
    pub(super) files: Vec<Arc<CompiledMap>>,
    /// Names may have changed since this was last cleared.
    pub(super) changed: bool,
}

impl Bindings {
    pub(super) fn get(&self, bound: u32) -> Option<&BoundMap> {
        self.maps.get(bound as usize)
    }

    pub(super) fn inference_of(&self, bound: u32) -> Inference {
        let guessed = self.get(bound).is_some_and(|bound| bound.guessed);
        Inference::NONE.and_if(guessed, Inference::DEVICE)
    }

    /// Accesses are missing here: what registers held is doubtful.
    pub(super) fn invalidate_values(&mut self) {
        self.maps.iter_mut().for_each(BoundMap::invalidate_values);
    }

    pub(super) fn device_changed(&mut self, id: DeviceId) {
        self.changed = true;
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
        let known = self.by_device.get(&id).copied();
        if known
            .and_then(|bound| self.maps.get(bound as usize))
            .is_some_and(|bound| Arc::ptr_eq(&bound.map, &map))
        {
            return;
        }
        let bound = self.bind(map, Some(id), guessed);
        self.changed = true;
        match known.and_then(|known| self.maps.get_mut(known as usize)) {
            Some(known) => *known = bound,
            None => {
                self.maps.push(bound);
                self.by_device.insert(id, self.maps.len() as u32 - 1);
            }
        }
    }

    fn bind(&self, map: Arc<CompiledMap>, device: Option<DeviceId>, guessed: bool) -> BoundMap {
        let mut bound = BoundMap::new(map, device, guessed);
        if let Some((vendor, id)) = device.and_then(|id| self.devices.get(id)?.ids) {
            let map = Arc::clone(&bound.map);
            map.choose_by_pci(&mut bound.selection, vendor, id);
        }
        for (family, variant) in &self.variants {
            // A map without that family or variant is not meant.
            let map = Arc::clone(&bound.map);
            let _ = map.choose(&mut bound.selection, family, variant);
        }
        bound
    }

    pub(super) fn bind_physical(&mut self) {
        for given in self.given.clone() {
            self.bind_physical_spaces(&given.map);
        }
    }

    fn bind_physical_spaces(&mut self, map: &Arc<CompiledMap>) {
        let spaces = map.map().spaces.iter();
        let physical: Vec<_> = spaces
            .filter_map(|space| match space.place {
                SpaceLocation::Physical(start) => Some((start, map.bytes_of(space))),
                _ => None,
            })
            .collect();
        if physical.is_empty() {
            return;
        }
        let bound = self.bind(Arc::clone(map), None, false);
        self.maps.push(bound);
        let bound = self.maps.len() as u32 - 1;
        for (start, len) in physical {
            let end = start.saturating_add(len);
            self.ranges.fill(Range {
                start,
                end,
                owner: Owner::Physical(bound),
            });
        }
    }

    /// A file of that name is mapped: uses the bundled maps that are for it.
    pub(super) fn file(&mut self, path: &str) {
        let is_for_it =
            |wanted: &DeviceMatch| matches!(wanted, DeviceMatch::File(name) if name == path);
        let found: Vec<_> = self
            .bundled
            .iter()
            .filter(|map| map.map().devices.iter().any(is_for_it))
            .filter(|map| !self.files.iter().any(|known| Arc::ptr_eq(known, map)))
            .cloned()
            .collect();
        for map in found {
            self.changed = true;
            self.bind_physical_spaces(&map);
            self.files.push(map);
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
                if let Some(bound) = self.by_device.get(&device).copied() {
                    self.hint(bound, bar, mapping.phys.0 - start, mapping.len);
                }
            }
            Some(Range {
                start,
                owner: Owner::Mapping(bound, bar),
                ..
            }) => {
                self.hint(bound, bar, mapping.phys.0 - start, mapping.len);
            }
            Some(Range {
                owner: Owner::Physical(..),
                ..
            }) => {}
            None => self.bind_mapping(mapping),
        }
    }

    fn hint(&mut self, bound: u32, bar: u8, offset: u64, len: u64) {
        if let Some(bound) = self.maps.get_mut(bound as usize) {
            self.changed |= bound.hint(bar, offset, len);
        }
    }

    /// Uses a map that was given without saying for what, for the first device that is mapped and
    /// has no given map.
    fn bind_guess(&mut self, device: DeviceId, bar: u8) {
        let is_bound =
            |map: &Arc<CompiledMap>| self.maps.iter().any(|bound| Arc::ptr_eq(&bound.map, map));
        if let Some(bound) = self
            .by_device
            .get(&device)
            .and_then(|bound| self.maps.get(*bound as usize))
            && self
                .given
                .iter()
                .any(|given| Arc::ptr_eq(&given.map, &bound.map))
        {
            return;
        }
        let fits = |given: &&Given| {
            let map = given.map.map();
            given.device.is_none()
                && map.devices.is_empty()
                && map
                    .spaces
                    .iter()
                    .any(|space| space.place == SpaceLocation::Bar(bar))
                && !is_bound(&given.map)
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
        let bound_to = |map: &Arc<CompiledMap>| {
            self.maps
                .iter()
                .position(|bound| Arc::ptr_eq(&bound.map, map))
        };
        let bar = self.given.iter().find_map(|given| {
            let spaces = given.map.map().spaces.iter();
            let mut bars = spaces.filter_map(|space| match space.place {
                SpaceLocation::Bar(bar) => Some((
                    bar,
                    space
                        .size
                        .map(|size| size.saturating_mul(space.cell.into())),
                )),
                _ => None,
            });
            let bound = bound_to(&given.map);
            // The first mapping is taken for any BAR; further ones must have its length.
            let bar = bars.find(|(_, size)| {
                *size == Some(mapping.len) || (size.is_none() && bound.is_none())
            })?;
            Some((Arc::clone(&given.map), bound, bar.0))
        });
        let Some((map, bound, bar)) = bar else { return };
        let bound = bound.unwrap_or_else(|| {
            self.maps.push(self.bind(map, None, true));
            self.maps.len() - 1
        });
        let owner = Owner::Mapping(bound as u32, bar);
        self.changed |= self.ranges.insert(Range {
            start: mapping.phys.0,
            end: mapping.phys_end().0,
            owner,
        });
    }

    /// Chooses anew for every device.
    pub(super) fn rebind(&mut self) {
        self.changed = true;
        self.maps.clear();
        self.by_device.clear();
        self.ranges = Ranges::default();
        self.bind_physical();
        for map in self.files.clone() {
            self.bind_physical_spaces(&map);
        }
        for id in 0..self.devices.all().len() as u32 {
            self.device_changed(DeviceId(id));
        }
    }

    pub(super) fn binding(&self, bound: &BoundMap) -> Binding {
        let map = bound.map.map();
        let variants = map
            .varsets
            .iter()
            .enumerate()
            .filter_map(|(number, varset)| {
                let chosen = bound
                    .selection
                    .chosen(crate::model::VarsetId(number as u32))?;
                Some((
                    varset.name.clone(),
                    varset.variants.get(chosen as usize)?.clone(),
                ))
            });
        Binding {
            map: map.name.clone(),
            device: bound
                .device
                .and_then(|id| self.devices.get(id))
                .map(|device| device.address),
            guessed: bound.guessed,
            variants: variants.collect(),
        }
    }
}
