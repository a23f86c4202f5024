//! A whole map.

use super::{
    Condition, ConditionId, Item, List, ListId, NamedType, Space, SpaceId, TypeId, Varset, VarsetId,
};
use core::fmt;

/// Which devices a map is for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceMatch {
    /// PCI vendor and a range of device ids, both ends included.
    Pci {
        /// Vendor id.
        vendor: u16,
        /// First device id.
        first: u16,
        /// Last device id.
        last: u16,
    },
    /// The driver's name, as a `PCIDEV` line ends with it.
    Driver(String),
    /// Class and subclass, as `lspci -n` has them (0x0108 is NVM storage).
    Class(u16),
    /// A part of the device's name as the system's pci.ids has it; ASCII case does not matter.
    Name(String),
    /// A file or device of code that a program has mapped, by its name in the trace
    /// (`mmiotrace1 file map=… path=NAME`). The map's physical spaces are used then.
    File(String),
}

/// As in the `match` of a map in TOML: `8086:100e`, `8086:1000-10ff`, `8086:*`, `driver:nvme`,
/// `class:0108`, `name:TEXT`, `file:NAME`.
impl fmt::Display for DeviceMatch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pci {
                vendor,
                first: 0,
                last: 0xffff,
            } => write!(out, "{vendor:04x}:*"),
            Self::Pci {
                vendor,
                first,
                last,
            } if first == last => write!(out, "{vendor:04x}:{first:04x}"),
            Self::Pci {
                vendor,
                first,
                last,
            } => write!(out, "{vendor:04x}:{first:04x}-{last:04x}"),
            Self::Driver(name) => write!(out, "driver:{name}"),
            Self::Class(class) => write!(out, "class:{class:04x}"),
            Self::Name(name) => write!(out, "name:{name}"),
            Self::File(name) => write!(out, "file:{name}"),
        }
    }
}

/// Everything that is known of a device's registers.
///
/// Made by a loader ([`from_toml`](Self::from_toml), …) or by hand; used after
/// [`compile`](Self::compile).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegisterMap {
    /// The map's name.
    pub name: String,
    /// What it describes.
    pub doc: String,
    /// The specification it was written from.
    pub source: String,
    /// The devices it is for; empty: the user says.
    pub devices: Vec<DeviceMatch>,
    /// The address spaces.
    pub spaces: Vec<Space>,
    /// The lists of items that spaces and blocks refer to.
    pub lists: Vec<List>,
    /// The shared types.
    pub types: Vec<NamedType>,
    /// The families of chips.
    pub varsets: Vec<Varset>,
    /// The conditions; the first always holds.
    pub conditions: Vec<Condition>,
    /// Whether two registers may share an offset if one is read only and the other write only,
    /// and the direction of an access tells them apart. rnndb does not look at directions: there
    /// the first in the file wins.
    pub by_direction: bool,
}

impl Default for RegisterMap {
    fn default() -> Self {
        Self::new("")
    }
}

impl RegisterMap {
    /// A map without anything in it.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            doc: String::new(),
            source: String::new(),
            devices: Vec::new(),
            spaces: Vec::new(),
            lists: Vec::new(),
            types: Vec::new(),
            varsets: Vec::new(),
            conditions: vec![Condition::default()],
            by_direction: true,
        }
    }

    /// Adds a list of items and says its place. After 2^32 lists they all go to the last.
    pub fn add_list(&mut self, items: Vec<Item>) -> ListId {
        self.lists.push(List::new(items));
        ListId(u32::try_from(self.lists.len() - 1).unwrap_or(u32::MAX))
    }

    /// The items of a list; none where there is no such list.
    #[must_use]
    pub fn items(&self, list: ListId) -> &[Item] {
        self.lists
            .get(list.0 as usize)
            .map_or(&[], |list| &list.items)
    }

    /// Adds a space and says its place.
    pub fn add_space(&mut self, space: Space) -> SpaceId {
        self.spaces.push(space);
        SpaceId(u32::try_from(self.spaces.len() - 1).unwrap_or(u32::MAX))
    }

    /// The space at that place.
    #[must_use]
    pub fn space(&self, id: SpaceId) -> Option<&Space> {
        self.spaces.get(id.0 as usize)
    }

    /// The space with that name.
    #[must_use]
    pub fn space_named(&self, name: &str) -> Option<SpaceId> {
        let at = self.spaces.iter().position(|space| space.name == name)?;
        u32::try_from(at).ok().map(SpaceId)
    }

    /// Adds a shared type and says its place.
    pub fn add_type(&mut self, named: NamedType) -> TypeId {
        self.types.push(named);
        TypeId(u32::try_from(self.types.len() - 1).unwrap_or(u32::MAX))
    }

    /// The shared type at that place.
    #[must_use]
    pub fn named_type(&self, id: TypeId) -> Option<&NamedType> {
        self.types.get(id.0 as usize)
    }

    /// Adds a family of chips and says its place.
    pub fn add_varset(&mut self, varset: Varset) -> VarsetId {
        self.varsets.push(varset);
        VarsetId(u32::try_from(self.varsets.len() - 1).unwrap_or(u32::MAX))
    }

    /// The family at that place.
    #[must_use]
    pub fn varset(&self, id: VarsetId) -> Option<&Varset> {
        self.varsets.get(id.0 as usize)
    }

    /// The family with that name.
    #[must_use]
    pub fn varset_named(&self, name: &str) -> Option<VarsetId> {
        let at = self.varsets.iter().position(|varset| varset.name == name)?;
        u32::try_from(at).ok().map(VarsetId)
    }

    /// Adds a condition, or finds the equal one, and says its place.
    pub fn add_condition(&mut self, condition: Condition) -> ConditionId {
        // Maps have few different conditions; loaders with many keep a table of their own.
        let at = self
            .conditions
            .iter()
            .position(|known| *known == condition)
            .unwrap_or_else(|| {
                self.conditions.push(condition);
                self.conditions.len() - 1
            });
        ConditionId(u32::try_from(at).unwrap_or(0))
    }

    /// The condition at that place.
    #[must_use]
    pub fn condition(&self, id: ConditionId) -> Option<&Condition> {
        self.conditions.get(id.0 as usize)
    }
}
