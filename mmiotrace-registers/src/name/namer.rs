//! Following a trace and naming its accesses.

use super::binding::{Binding, Given};
use super::builder::NamerBuilder;
use super::core::Core;
use super::hot::{HotRegister, PastCounts};
use super::named::Named;
use super::ranges::Ranges;
use super::slot::{Slot, SlotTable, TRANSIENT};
use super::verbosity::VerbosityRules;
use crate::device::{BarSpec, DeviceAddress, DeviceId, Devices};
use crate::index::CompiledMap;
use mmiotrace_core::{Access, Event, EventKind, Header, Mapping, PhysAddr};
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
    /// The text of the last access that was asked for its text.
    pub(super) text: String,
}

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
            transient: [Slot::default(), Slot::default(), Slot::default()],
            inner_spaces: Vec::new(),
            inner: None,
            max_slots: builder.max_slots.min(TRANSIENT as usize),
            doubts: 1,
            dirty: false,
            untracked: 0,
            past: PastCounts::new(),
        };
        core.bind_physical();
        Self {
            core,
            text: String::new(),
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
        core.uncount(id, access.kind);
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
        self.core.doubt();
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

    /// Uses other rules from now on. Last values and counts stay.
    pub fn set_verbosity(&mut self, rules: VerbosityRules) {
        self.core.rules = rules;
        self.core.apply_rules();
    }

    /// The registers that were accessed most, at most `count`, by what they were called at the time;
    /// and how many accesses went to addresses that were not remembered
    /// ([`NamerBuilder::max_slots`]), or to more registers than are counted beyond a change of names.
    #[must_use]
    pub fn hot_registers(&self, count: usize) -> (Vec<HotRegister>, u64) {
        (self.core.hot_registers(count), self.core.untracked)
    }

    fn prepare(&mut self) {
        if self.core.dirty {
            self.core.renew();
        }
    }
}
