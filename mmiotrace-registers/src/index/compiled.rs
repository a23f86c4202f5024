//! A map that has been checked and can be asked.

use super::list_index::ListIndex;
use super::selection::{Selection, UnknownVariant};
use crate::error::Warning;
use crate::index::value::Programs;
use crate::model::{
    AccessMode, Item, ListId, MappingHint, Register, RegisterMap, Scale, SpaceId, VarsetId,
};

/// A map that has been checked, with what look-ups need.
///
/// Made by [`RegisterMap::compile`]; keep it in an [`Arc`](std::sync::Arc) where several use it.
#[derive(Clone, Debug)]
pub struct CompiledMap {
    pub(super) map: RegisterMap,
    pub(super) lists: Vec<ListIndex>,
    pub(super) places: Vec<ResolvedPlace>,
    pub(super) detects: Vec<Option<Bits>>,
    pub(super) warnings: Vec<Warning>,
    pub(super) programs: Programs,
}

/// Some bits of a register of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bits {
    pub(crate) space: SpaceId,
    /// The first byte of the register in the space.
    pub(crate) at: u64,
    /// Its bytes.
    pub(crate) width: u8,
    pub(crate) low: u8,
    pub(crate) len: u32,
    /// Whether what is written can be read: else only reads tell.
    pub(crate) writable: bool,
}

/// A [`Dynamic`](crate::model::Dynamic) whose register has been found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResolvedDynamic {
    pub(crate) from: Option<Bits>,
    pub(crate) scale: Scale,
    pub(crate) hint: Option<MappingHint>,
    pub(crate) default: u64,
}

/// A [`SpaceLocation`](crate::model::SpaceLocation) whose registers have been found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ResolvedPlace {
    Fixed,
    Inside {
        space: SpaceId,
        base: ResolvedDynamic,
        spread: Option<ResolvedDynamic>,
        len: Option<ResolvedDynamic>,
    },
    Window {
        select: Bits,
    },
    Command {
        register: Bits,
        address: Bits,
        data: Bits,
        operation: Bits,
        done: Option<Bits>,
    },
}

impl CompiledMap {
    /// The map.
    #[must_use]
    pub const fn map(&self) -> &RegisterMap {
        &self.map
    }

    /// The map, to change it.
    #[must_use]
    pub fn into_map(self) -> RegisterMap {
        self.map
    }

    /// What was odd and did not stop the map from being used.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// No variant chosen of any family: everything counts, and what is only on some chips is
    /// marked as assumed.
    #[must_use]
    pub fn selection(&self) -> Selection {
        Selection::new(&self.map)
    }

    /// Chooses a variant by its name (ASCII case does not matter).
    ///
    /// # Errors
    /// Where the map has no such family or variant.
    pub fn choose(
        &self,
        selection: &mut Selection,
        family: &str,
        variant: &str,
    ) -> Result<(), UnknownVariant> {
        let unknown = || UnknownVariant {
            family: family.to_owned(),
            variant: variant.to_owned(),
        };
        let varset = self.map.varset_named(family).ok_or_else(unknown)?;
        let place = self
            .map
            .varset(varset)
            .and_then(|varset| varset.position(variant))
            .ok_or_else(unknown)?;
        selection.set(&self.map, varset, Some(place));
        Ok(())
    }

    /// Chooses the variants that a PCI id tells.
    pub(crate) fn choose_by_pci(&self, selection: &mut Selection, vendor: u16, device: u16) {
        for (number, varset) in self.map.varsets.iter().enumerate() {
            if let Some(variant) = varset.position_of_pci(vendor, device) {
                selection.set(&self.map, VarsetId(number as u32), Some(variant));
            }
        }
    }

    /// Chooses the variant that a value of the family's detecting field shows. Says whether that
    /// changed anything; a value that shows none leaves the choice.
    pub(crate) fn detect(&self, selection: &mut Selection, varset: VarsetId, value: u64) -> bool {
        let shown = self
            .map
            .varset(varset)
            .and_then(|family| family.detected(value));
        let changed = shown.is_some() && selection.chosen(varset) != shown;
        if changed {
            selection.set(&self.map, varset, shown);
        }
        changed
    }

    /// How many bytes a space has: what it says, else up to the end of its last register.
    pub(crate) fn bytes_of(&self, space: &crate::model::Space) -> u64 {
        let cells = space
            .size
            .or_else(|| Some(self.list_index(space.items)?.extent.1))
            .unwrap_or(0);
        cells.saturating_mul(u64::from(space.cell))
    }

    /// How the values of its registers are shown.
    pub(crate) const fn programs(&self) -> &Programs {
        &self.programs
    }

    pub(crate) fn list_index(&self, list: ListId) -> Option<&ListIndex> {
        self.lists.get(list.0 as usize)
    }

    pub(crate) fn register(&self, list: ListId, item: u32) -> Option<&Register> {
        match self.map.items(list).get(item as usize)? {
            Item::Register(register) => Some(register),
            Item::Block(_) => None,
        }
    }

    pub(crate) fn place(&self, space: SpaceId) -> Option<&ResolvedPlace> {
        self.places.get(space.0 as usize)
    }

    /// The bits that tell the variant, for each family.
    pub(crate) fn detects(&self) -> &[Option<Bits>] {
        &self.detects
    }
}

impl Bits {
    /// The bits' value in a register's value.
    pub(crate) const fn of(&self, register: u64) -> u64 {
        let shifted = if self.low < 64 {
            register >> self.low
        } else {
            0
        };
        shifted & crate::model::low_mask(self.len)
    }

    pub(crate) const fn new(
        space: SpaceId,
        at: u64,
        register: &Register,
        low: u8,
        len: u32,
    ) -> Self {
        let writable = !matches!(register.access, AccessMode::Read);
        Self {
            space,
            at,
            width: register.width,
            low,
            len,
            writable,
        }
    }
}
