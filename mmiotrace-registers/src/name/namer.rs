//! Following a trace and naming its accesses.

use super::binding::{Binding, Bindings, Given};
use super::builder::NamerBuilder;
use super::hot::{HotRegister, hot_registers};
use super::named::Named;
use super::ranges::Ranges;
use super::slot_cache::SlotCache;
use super::state::NamerState;
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
    pub(super) state: NamerState,
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
        let mut bindings = Bindings {
            given: builder.given,
            bundled,
            names: builder.names,
            variants: builder.variants,
            devices: Devices::new(),
            ranges: Ranges::default(),
            maps: Vec::new(),
            by_device: HashMap::new(),
            files: Vec::new(),
            changed: false,
        };
        bindings.bind_physical();
        let state = NamerState {
            bindings,
            cache: SlotCache::new(builder.max_slots),
            rules: builder.rules,
            inner_spaces: Vec::new(),
            inner: None,
        };
        Self {
            state,
            text: String::new(),
        }
    }

    /// Takes a header line: devices and their ranges.
    pub fn header(&mut self, header: &Header<'_>) {
        if let Some(device) = self.state.bindings.devices.header(header) {
            self.state.bindings.device_changed(device);
        }
    }

    /// Takes a line that `lspci` printed.
    pub fn lspci_line(&mut self, line: &str) {
        if let Some(device) = self.state.bindings.devices.lspci_line(line) {
            self.state.bindings.device_changed(device);
        }
    }

    /// Takes a range that the user gives; it counts more than what headers say later.
    pub fn bar(&mut self, spec: &BarSpec) {
        if let Some(device) = self.state.bindings.devices.bar(spec) {
            self.state.bindings.device_changed(device);
        }
    }

    /// Takes a device's sysfs `resource` file.
    pub fn sysfs_resource(&mut self, address: DeviceAddress, ids: Option<(u16, u16)>, text: &str) {
        if let Some(device) = self
            .state
            .bindings
            .devices
            .sysfs_resource(address, ids, text)
        {
            self.state.bindings.device_changed(device);
        }
    }

    /// Takes the name of a file that is mapped (`mmiotrace1 file map=… path=NAME`): a bundled map
    /// may be for it.
    pub fn file(&mut self, path: &str) {
        self.state.bindings.file(path);
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
        let state = &mut self.state;
        let id = state.slot_for(access.phys, access.width.bytes(), Some(access.kind));
        let number = access.value.and_then(|value| value.to_u64());
        // A value printed wider than the access is a known error of the kernel's decoder; the low
        // bytes are what was moved.
        let value = number.map(|number| number & access.width.max_u64().unwrap_or(u64::MAX));
        let (previous, watched) = state.cache.count_access(id, access.kind, value);
        let inner = match value {
            Some(value) if watched => state.update_dependents(id, access.kind, value),
            _ => None,
        };
        let wide = access
            .value
            .filter(|_| access.width.bytes() > 8)
            .map(Box::new);
        if !state.bindings.changed {
            return Named::new(self, id, Some(access.kind), (value, wide), previous, inner);
        }
        // What this access told may be what its own name depends on.
        state.cache.uncount(id, access.kind);
        self.prepare();
        let state = &mut self.state;
        let id = state.slot_for(access.phys, access.width.bytes(), Some(access.kind));
        state.cache.count_access(id, access.kind, value);
        let inner = inner.map(|inner| state.rebuilt(id, &inner));
        Named::new(self, id, Some(access.kind), (value, wide), previous, inner)
    }

    /// Names an address of which nothing else is known.
    pub fn address(&mut self, phys: PhysAddr) -> Named<'_> {
        self.prepare();
        let id = self.state.slot_for(phys, 1, None);
        Named::new(self, id, None, (None, None), None, None)
    }

    /// Takes a mapping: a hint at what lies where.
    pub fn mapping(&mut self, mapping: &Mapping) {
        self.state.bindings.mapping(mapping);
    }

    /// Takes the news that accesses are missing here (a loss, a blind interval): what windows and
    /// index registers hold is doubtful until they are seen again.
    pub fn invalidate_values(&mut self) {
        self.state.invalidate_values();
    }

    /// The devices known so far.
    #[must_use]
    pub const fn devices(&self) -> &Devices {
        &self.state.bindings.devices
    }

    /// A device in short: its address.
    #[must_use]
    pub fn device_label(&self, device: DeviceId) -> String {
        self.state
            .bindings
            .devices
            .get(device)
            .map_or_else(String::new, |device| device.address.to_string())
    }

    /// The name of a device: from the PCI database, or what `lspci` printed.
    #[must_use]
    pub fn device_name(&self, device: DeviceId) -> Option<String> {
        let device = self.state.bindings.devices.get(device)?;
        let (vendor, id) = device.ids.unwrap_or_default();
        match (
            self.state.bindings.names.vendor(vendor),
            self.state.bindings.names.device(vendor, id),
        ) {
            (Some(vendor), Some(device)) => Some(format!("{vendor} {device}")),
            _ => Some(device.name.clone()).filter(|name| !name.is_empty()),
        }
    }

    /// Which maps are used for what.
    #[must_use]
    pub fn bindings(&self) -> Vec<Binding> {
        self.state
            .bindings
            .maps
            .iter()
            .map(|bound| self.state.bindings.binding(bound))
            .collect()
    }

    /// The given maps that are used for nothing so far.
    #[must_use]
    pub fn unused_maps(&self) -> Vec<String> {
        let used = |given: &&Given| {
            !self
                .state
                .bindings
                .maps
                .iter()
                .any(|bound| Arc::ptr_eq(&bound.map, &given.map))
        };
        self.state
            .bindings
            .given
            .iter()
            .filter(used)
            .map(|given| given.map.map().name.clone())
            .collect()
    }

    /// Uses other given maps from now on (an edited file). What devices told so far is kept where
    /// a map is the same; else it must be told again.
    pub fn replace_maps(&mut self, maps: Vec<(Arc<CompiledMap>, Option<DeviceAddress>)>) {
        self.state.bindings.given = maps
            .into_iter()
            .map(|(map, device)| Given { map, device })
            .collect();
        self.state.bindings.rebind();
    }

    /// Uses other rules from now on. Last values and counts stay.
    pub fn set_verbosity(&mut self, rules: VerbosityRules) {
        self.state.rules = rules;
        self.state.cache.apply_rules(&self.state.rules);
    }

    /// The registers that were accessed most, at most `count`, by what they were called at the time;
    /// and how many accesses went to addresses that were not remembered
    /// ([`NamerBuilder::max_slots`]), or to more registers than are counted beyond a change of names.
    #[must_use]
    pub fn hot_registers(&self, count: usize) -> (Vec<HotRegister>, u64) {
        (
            hot_registers(&self.state.cache, &self.state.bindings.devices, count),
            self.state.cache.untracked,
        )
    }

    fn prepare(&mut self) {
        if self.state.bindings.changed {
            self.state.rebuild();
        }
    }
}
