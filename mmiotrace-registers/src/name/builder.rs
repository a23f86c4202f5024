//! Setting a [`Namer`] up.

use super::binding::Given;
use super::namer::Namer;
use super::verbosity::VerbosityRules;
use crate::device::{DeviceAddress, PciNames};
use crate::index::CompiledMap;
use std::sync::Arc;

/// How many different addresses are remembered where nothing else is said.
const DEFAULT_SLOTS: usize = 65_536;

/// Settings of a [`Namer`]. By default: the bundled maps, the system's PCI names, all fields shown,
/// 65,536 different addresses remembered.
#[derive(Debug)]
#[must_use]
pub struct NamerBuilder {
    pub(super) given: Vec<Given>,
    pub(super) bundled: bool,
    pub(super) names: PciNames,
    pub(super) variants: Vec<(String, String)>,
    pub(super) rules: VerbosityRules,
    pub(super) max_slots: usize,
}

impl Default for NamerBuilder {
    fn default() -> Self {
        Self {
            given: Vec::new(),
            bundled: true,
            names: PciNames::none(),
            variants: Vec::new(),
            rules: VerbosityRules::new(),
            max_slots: DEFAULT_SLOTS,
        }
    }
}

impl NamerBuilder {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// A map to use before the bundled ones, for the devices that it says it is for; where it
    /// says none, for the first device that is mapped and that no other given map is for.
    pub fn map(mut self, map: Arc<CompiledMap>) -> Self {
        self.given.push(Given { map, device: None });
        self
    }

    /// A map to use for this device, whatever it says it is for.
    pub fn map_for(mut self, map: Arc<CompiledMap>, device: DeviceAddress) -> Self {
        self.given.push(Given {
            map,
            device: Some(device),
        });
        self
    }

    /// Whether the bundled maps are used. Default: they are.
    pub const fn bundled(mut self, bundled: bool) -> Self {
        self.bundled = bundled;
        self
    }

    /// The names of PCI ids, for maps that choose devices by name and for
    /// [`Namer::device_name`](super::Namer::device_name). Default: none.
    pub fn pci_names(mut self, names: PciNames) -> Self {
        self.names = names;
        self
    }

    /// Says which variant of a family of chips every device is (`chipset`, `GF119`). Maps without
    /// that family are not affected; what a device tells later counts more.
    pub fn variant(mut self, family: impl Into<String>, variant: impl Into<String>) -> Self {
        self.variants.push((family.into(), variant.into()));
        self
    }

    /// How much to show of which register. Default: everything.
    pub fn verbosity(mut self, rules: VerbosityRules) -> Self {
        self.rules = rules;
        self
    }

    /// How many different addresses are remembered: their names, last values and counts. Accesses
    /// to others are named all the same, slower and without these. Default: 65,536, which takes
    /// about 18 MB when full.
    pub const fn max_slots(mut self, max_slots: usize) -> Self {
        self.max_slots = max_slots;
        self
    }

    /// The namer.
    #[must_use]
    pub fn build(self) -> Namer {
        Namer::from_builder(self)
    }
}
