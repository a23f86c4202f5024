//! Registers, and the arrays and groups that hold them.

use super::{AccessMode, ConditionId, ReadEffect, TypeId, ValueType, WriteEffect};

/// The place of a list of items in its map. A list may be used in several places (a group).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListId(pub u32);

/// Items in the order in which they are tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct List {
    /// The group's name, where it is one.
    pub name: Option<String>,
    /// The items.
    pub items: Vec<Item>,
}

impl List {
    /// A list without a name.
    #[must_use]
    pub const fn new(items: Vec<Item>) -> Self {
        Self { name: None, items }
    }
}

/// Something at an offset.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Item {
    /// A register, or an array of equal ones.
    Register(Register),
    /// A group of items, or an array of such groups.
    Block(Block),
}

impl Item {
    /// The condition under which it exists.
    #[must_use]
    pub const fn when(&self) -> ConditionId {
        match self {
            Self::Register(register) => register.when,
            Self::Block(block) => block.when,
        }
    }
}

/// A register, or an array of equal ones.
///
/// Offsets and strides count the cells of the [`Space`](super::Space): bytes, unless it says
/// otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Register {
    /// The name.
    pub name: String,
    /// The offset of the first element from the start of what holds it, in cells.
    pub at: u64,
    /// How many bytes one element has, 1 to 8.
    pub width: u8,
    /// How many elements; 1: no array; 0: an array of unknown length.
    pub count: u64,
    /// From one element to the next, in cells. Only counts where `count` is not 1.
    pub stride: u64,
    /// The names of the elements, where they have any: an enum of the map.
    pub index_names: Option<TypeId>,
    /// How its value is read.
    pub value_type: ValueType,
    /// On which chips.
    pub when: ConditionId,
    /// Which directions it is meant for.
    pub access: AccessMode,
    /// What reading does to it.
    pub read_effect: ReadEffect,
    /// What writing means to it.
    pub write_effect: WriteEffect,
    /// It changes by itself: comparing two runs or checking a replay must not expect its value.
    pub volatile: bool,
    /// The value after reset.
    pub reset: Option<u64>,
    /// Bits that are reserved: known to have no meaning yet.
    pub reserved: u64,
    /// What it is for.
    pub doc: String,
    /// Where it is specified: a section.
    pub spec: String,
}

impl Register {
    /// A single register of `width` bytes (1 to 8) at an offset.
    #[must_use]
    pub fn new(name: impl Into<String>, at: u64, width: u8) -> Self {
        Self {
            name: name.into(),
            at,
            width,
            count: 1,
            stride: 0,
            index_names: None,
            value_type: ValueType::default(),
            when: ConditionId::ALWAYS,
            access: AccessMode::ReadWrite,
            read_effect: ReadEffect::None,
            write_effect: WriteEffect::Store,
            volatile: false,
            reset: None,
            reserved: 0,
            doc: String::new(),
            spec: String::new(),
        }
    }

    /// How many bits one element has.
    #[must_use]
    pub const fn bit_len(&self) -> u32 {
        self.width as u32 * 8
    }

    /// Whether values written and values read need not agree: comparing one with the other says
    /// nothing.
    #[must_use]
    pub const fn read_differs_from_write(&self) -> bool {
        !matches!(self.write_effect, WriteEffect::Store)
            || !matches!(self.read_effect, ReadEffect::None)
            || !matches!(self.access, AccessMode::ReadWrite)
    }
}

/// A group of items at an offset, or an array of such groups.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Block {
    /// The name, which comes before the names of the items and a dot. A block without a name
    /// gives its index to the items.
    pub name: Option<String>,
    /// The offset of the first element, in cells.
    pub at: u64,
    /// How many elements; 1: no array; 0: unknown.
    pub count: u64,
    /// From one element to the next, in cells; for a block that reserves also its size.
    pub stride: u64,
    /// Where each element is, where that is no arithmetic: instead of `at`, `count` and the
    /// distance in `stride`.
    pub offsets: Vec<u64>,
    /// Whether the whole place belongs to it (rules-ng-ng: an `array`), so that an offset with no
    /// item is `NAME+0x10`; else (a `stripe`) such an offset is looked for in what follows.
    pub reserve: bool,
    /// The names of the elements, where they have any: an enum of the map.
    pub index_names: Option<TypeId>,
    /// What it holds.
    pub items: ListId,
    /// On which chips.
    pub when: ConditionId,
    /// What it is for.
    pub doc: String,
    /// Where it is specified.
    pub spec: String,
}

impl Block {
    /// A single block that does not reserve its place.
    #[must_use]
    pub const fn new(name: Option<String>, at: u64, items: ListId) -> Self {
        Self {
            name,
            at,
            count: 1,
            stride: 0,
            offsets: Vec::new(),
            reserve: false,
            index_names: None,
            items,
            when: ConditionId::ALWAYS,
            doc: String::new(),
            spec: String::new(),
        }
    }
}
