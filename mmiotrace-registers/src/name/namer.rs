//! Following a trace and naming its accesses.

use super::builder::NamerBuilder;
use super::hot::HotRegister;
use super::indirect::InnerState;
use super::inference::Inference;
use super::named::Named;
use super::ranges::{Owner, Range, Ranges};
use super::slot::{Slot, SlotId, SlotTable};
use super::text::TextCache;
use super::unit::Unit;
use super::verbosity::VerbosityRules;
use crate::device::{BarSpec, DeviceAddress, DeviceId, Devices, PciNames, rank};
use crate::index::CompiledMap;
use crate::model::{Place, SpaceId};
use mmiotrace_core::{Access, AccessKind, Event, EventKind, Header, Mapping, PhysAddr};
use std::collections::HashMap;
use std::sync::Arc;

/// Names accesses, in the order of a trace.
///
/// It must be given everything that a trace holds, in order: headers tell the devices, mappings
/// hint at places, values tell where spaces lie and what windows show, and losses make all that
/// doubtful.
#[derive(Debug)]
pub struct Namer {
    pub(super) core: Core,
    pub(super) text: TextCache,
}

/// All of a [`Namer`] but the texts.
#[derive(Debug)]
pub(super) struct Core {
    given: Vec<Given>,
    bundled: Vec<Arc<CompiledMap>>,
    names: PciNames,
    variants: Vec<(String, String)>,
    pub(super) rules: VerbosityRules,
    pub(super) devices: Devices,
    pub(super) ranges: Ranges,
    pub(super) units: Vec<Unit>,
    pub(super) unit_of_device: HashMap<DeviceId, u32>,
    pub(super) table: SlotTable,
    /// For addresses beyond `max_slots`: the access itself, and the one it makes in a space behind.
    pub(super) transient: [Slot; 2],
    pub(super) max_slots: usize,
    /// The last access of a space behind registers.
    pub(super) inner: Option<InnerState>,
    pub(super) histories: Vec<Option<u64>>,
    pub(super) history_of: HashMap<super::slot::Key, u32>,
    /// The slots must be made anew before the next access.
    pub(super) dirty: bool,
    pub(super) untracked: u64,
}

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

/// A register of a device, by name; where it has none, by its offset (`true`) or address.
type HotKey<'n> = (Option<DeviceId>, &'n str, Option<(bool, u64)>);

/// The first slot number that is no place in the table.
const TRANSIENT: u32 = u32::MAX - 1;

impl Default for Namer {
    fn default() -> Self {
        Self::new()
    }
}

impl Namer {
    /// A namer with the bundled maps.
    #[must_use]
    pub fn new() -> Self {
        NamerBuilder::new().build()
    }

    /// Settings to make a namer from.
    pub fn builder() -> NamerBuilder {
        NamerBuilder::new()
    }

    pub(super) fn from_builder(builder: NamerBuilder) -> Self {
        let bundled = if builder.bundled {
            crate::bundled::maps().to_vec()
        } else {
            Vec::new()
        };
        let mut core = Core {
            given: builder.given,
            bundled,
            names: builder.names,
            variants: builder.variants,
            rules: builder.rules,
            devices: Devices::new(),
            ranges: Ranges::default(),
            units: Vec::new(),
            unit_of_device: HashMap::new(),
            table: SlotTable::default(),
            transient: [Slot::default(), Slot::default()],
            inner: None,
            max_slots: builder.max_slots.min(TRANSIENT as usize),
            histories: Vec::new(),
            history_of: HashMap::new(),
            dirty: false,
            untracked: 0,
        };
        core.bind_physical();
        Self {
            core,
            text: TextCache::new(),
        }
    }

    /// Takes a header line: devices and their ranges.
    pub fn header(&mut self, header: &Header<'_>) {
        if let Some(device) = self.core.devices.header(header) {
            self.core.device_changed(device);
        }
    }

    /// Takes a line that `lspci` printed.
    pub fn lspci_line(&mut self, line: &str) {
        if let Some(device) = self.core.devices.lspci_line(line) {
            self.core.device_changed(device);
        }
    }

    /// Takes a range that the user gives; it counts more than what headers say later.
    pub fn bar(&mut self, spec: &BarSpec) {
        if let Some(device) = self.core.devices.bar(spec) {
            self.core.device_changed(device);
        }
    }

    /// Takes a device's sysfs `resource` file.
    pub fn sysfs_resource(&mut self, address: DeviceAddress, ids: Option<(u16, u16)>, text: &str) {
        if let Some(device) = self.core.devices.sysfs_resource(address, ids, text) {
            self.core.device_changed(device);
        }
    }

    /// Takes an event, and names it where it is an access (or the place of one that could not be
    /// decoded).
    pub fn event(&mut self, event: &Event) -> Option<Named<'_>> {
        match &event.kind {
            EventKind::Access(access) => Some(self.access(access)),
            EventKind::UnknownOpcode(unknown) => Some(self.address(unknown.phys)),
            EventKind::Map(mapping) => {
                self.mapping(mapping);
                None
            }
            _ => None,
        }
    }

    /// Names an access, and learns from its value.
    pub fn access(&mut self, access: &Access) -> Named<'_> {
        self.prepare();
        let core = &mut self.core;
        let id = core.slot_for(access.phys, access.width.bytes(), Some(access.kind));
        let number = access.value.and_then(|value| value.to_u64());
        // A value printed wider than the access is a known error of the kernel's decoder; the low
        // bytes are what was moved.
        let value = number.map(|number| number & access.width.max_u64().unwrap_or(u64::MAX));
        let (previous, watched) = core.note(id, access.kind, value);
        let inner = match value {
            Some(value) if watched => core.follow(id, access.kind, value),
            _ => None,
        };
        let wide = access
            .value
            .filter(|_| access.width.bytes() > 8)
            .map(Box::new);
        if !core.dirty {
            return Named::new(self, id, Some(access.kind), (value, wide), previous, inner);
        }
        // What this access told may be what its own name depends on.
        self.prepare();
        let core = &mut self.core;
        let id = core.slot_for(access.phys, access.width.bytes(), Some(access.kind));
        core.note(id, access.kind, value);
        let inner = inner.map(|inner| core.renewed(id, &inner));
        Named::new(self, id, Some(access.kind), (value, wide), previous, inner)
    }

    /// Names an address of which nothing else is known.
    pub fn address(&mut self, phys: PhysAddr) -> Named<'_> {
        self.prepare();
        let id = self.core.slot_for(phys, 1, None);
        Named::new(self, id, None, (None, None), None, None)
    }

    /// Takes a mapping: a hint at what lies where.
    pub fn mapping(&mut self, mapping: &Mapping) {
        self.core.mapping(mapping);
    }

    /// Takes the news that accesses are missing here (a loss, a blind interval): what windows and
    /// index registers hold is doubtful until they are seen again.
    pub fn doubt(&mut self) {
        self.core.units.iter_mut().for_each(Unit::doubt);
        self.core.histories.fill(None);
    }

    /// The devices known so far.
    #[must_use]
    pub const fn devices(&self) -> &Devices {
        &self.core.devices
    }

    /// A device in short: its address.
    #[must_use]
    pub fn device_label(&self, device: DeviceId) -> String {
        self.core
            .devices
            .get(device)
            .map_or_else(String::new, |device| device.address.to_string())
    }

    /// The name of a device: from the PCI database, or what `lspci` printed.
    #[must_use]
    pub fn device_name(&self, device: DeviceId) -> Option<String> {
        let device = self.core.devices.get(device)?;
        let (vendor, id) = device.ids.unwrap_or_default();
        match (
            self.core.names.vendor(vendor),
            self.core.names.device(vendor, id),
        ) {
            (Some(vendor), Some(device)) => Some(format!("{vendor} {device}")),
            _ => Some(device.name.clone()).filter(|name| !name.is_empty()),
        }
    }

    /// Which maps are used for what.
    #[must_use]
    pub fn bindings(&self) -> Vec<Binding> {
        self.core
            .units
            .iter()
            .map(|unit| self.core.binding(unit))
            .collect()
    }

    /// The given maps that are used for nothing so far.
    #[must_use]
    pub fn unused_maps(&self) -> Vec<String> {
        let used = |given: &&Given| {
            !self
                .core
                .units
                .iter()
                .any(|unit| Arc::ptr_eq(&unit.map, &given.map))
        };
        self.core
            .given
            .iter()
            .filter(used)
            .map(|given| given.map.map().name.clone())
            .collect()
    }

    /// Uses other given maps from now on (an edited file). What devices told so far is kept where
    /// a map is the same; else it must be told again.
    pub fn replace_maps(&mut self, maps: Vec<(Arc<CompiledMap>, Option<DeviceAddress>)>) {
        self.core.given = maps
            .into_iter()
            .map(|(map, device)| Given { map, device })
            .collect();
        self.core.rebind();
    }

    /// Uses other rules from now on.
    pub fn set_verbosity(&mut self, rules: VerbosityRules) {
        self.core.rules = rules;
        self.core.dirty = true;
    }

    /// The registers that were accessed most, at most `count`, and how many accesses went to
    /// addresses that were not remembered ([`NamerBuilder::max_slots`]).
    #[must_use]
    pub fn hot_registers(&self, count: usize) -> (Vec<HotRegister>, u64) {
        (self.core.hot_registers(count), self.core.untracked)
    }

    fn prepare(&mut self) {
        if self.core.dirty {
            self.core.renew();
            self.text.clear();
        }
    }
}

impl Core {
    pub(super) fn slot(&self, id: SlotId) -> &Slot {
        match id.0.checked_sub(TRANSIENT) {
            Some(which) => &self.transient[which as usize & 1],
            None => &self.table.slots[id.0 as usize],
        }
    }

    pub(super) fn slot_mut(&mut self, id: SlotId) -> &mut Slot {
        match id.0.checked_sub(TRANSIENT) {
            Some(which) => &mut self.transient[which as usize & 1],
            None => &mut self.table.slots[id.0 as usize],
        }
    }

    /// Whether the slot has a number that stays its own.
    pub(super) const fn is_kept(id: SlotId) -> bool {
        id.0 < TRANSIENT
    }

    pub(super) fn keep(&mut self, key: super::slot::Key, slot: Slot, inner: bool) -> SlotId {
        if self.table.slots.len() < self.max_slots {
            return self.table.insert(key, slot);
        }
        self.transient[usize::from(inner)] = slot;
        SlotId(TRANSIENT + u32::from(inner))
    }

    /// Counts the access and gives the value before it, and whether something depends on it.
    fn note(&mut self, id: SlotId, kind: AccessKind, value: Option<u64>) -> (Option<u64>, bool) {
        if !Self::is_kept(id) {
            self.untracked += 1;
            return (None, self.slot(id).watched);
        }
        let slot = &mut self.table.slots[id.0 as usize];
        match kind {
            AccessKind::Read => slot.reads += 1,
            AccessKind::Write => slot.writes += 1,
        }
        let watched = slot.watched;
        let previous = match self.histories.get_mut(slot.history as usize) {
            Some(last) => core::mem::replace(last, value),
            None => None,
        };
        (previous, watched)
    }

    /// Counts are lost when names change; that happens a few times at the start of a trace.
    fn renew(&mut self) {
        self.dirty = false;
        self.table.clear();
        self.histories.clear();
        self.history_of.clear();
    }

    fn device_changed(&mut self, id: DeviceId) {
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

    fn bind_physical(&mut self) {
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

    fn mapping(&mut self, mapping: &Mapping) {
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
    fn rebind(&mut self) {
        self.dirty = true;
        self.units.clear();
        self.unit_of_device.clear();
        self.ranges = Ranges::default();
        self.bind_physical();
        for id in 0..self.devices.all().len() as u32 {
            self.device_changed(DeviceId(id));
        }
    }

    fn binding(&self, unit: &Unit) -> Binding {
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

    fn hot_registers(&self, count: usize) -> Vec<HotRegister> {
        let mut by_name: HashMap<HotKey<'_>, (u64, u64)> = HashMap::new();
        for slot in &self.table.slots {
            let offset = slot.name.is_empty().then_some(match slot.place.offset {
                Some(offset) => (true, offset),
                None => (false, slot.key.at),
            });
            let counts = by_name
                .entry((slot.place.device, &slot.name, offset))
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

    pub(super) fn inference_of(&self, unit: u32) -> Inference {
        let guessed = self
            .units
            .get(unit as usize)
            .is_some_and(|unit| unit.guessed);
        Inference::NONE.and_if(guessed, Inference::DEVICE)
    }
}

impl Named<'_> {
    pub(super) fn new(
        namer: &mut Namer,
        slot: SlotId,
        kind: Option<AccessKind>,
        (number, wide): (Option<u64>, Option<Box<mmiotrace_core::Value>>),
        previous: Option<u64>,
        inner: Option<InnerState>,
    ) -> Named<'_> {
        let Namer { core, text } = namer;
        let has_inner = inner.is_some();
        if has_inner {
            core.inner = inner;
        }
        Named {
            core,
            text,
            id: slot,
            kind,
            number,
            wide,
            previous,
            has_inner,
        }
    }
}
