//! Address spaces.

use super::{Dynamic, Indirect, ListId};

/// The place of a [`Space`] in its map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpaceId(pub u32);

/// A space of addresses: a BAR, a part of one, or something behind an index and a data register.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Space {
    /// The name.
    pub name: String,
    /// How many bytes one address has: 1, 2, 4 or 8.
    pub cell: u8,
    /// How many cells it has, where known.
    pub size: Option<u64>,
    /// Where it is found.
    pub place: SpaceLocation,
    /// What it holds.
    pub items: ListId,
    /// What it is.
    pub doc: String,
    /// Where it is specified.
    pub spec: String,
}

impl Space {
    /// A space of bytes.
    #[must_use]
    pub fn new(name: impl Into<String>, place: SpaceLocation, items: ListId) -> Self {
        Self {
            name: name.into(),
            cell: 1,
            size: None,
            place,
            items,
            doc: String::new(),
            spec: String::new(),
        }
    }
}

/// Where a space is found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpaceLocation {
    /// From the start of a BAR of the device: 0 to 5, or 6 for the expansion ROM.
    Bar(u8),
    /// At a physical address, whatever device that is (a system on a chip).
    Physical(u64),
    /// Inside another space, at a place that may depend on a register's value.
    Inside(Box<Inside>),
    /// Behind registers of another space.
    Behind(Box<Indirect>),
    /// Nowhere that accesses could reach: structures in memory, methods of a command stream.
    /// Only [`lookup`](crate::CompiledMap::lookup) sees it.
    Elsewhere,
}

/// A place inside another space.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inside {
    /// The space it lies in.
    pub space: SpaceId,
    /// The offset there, in bytes.
    pub base: Dynamic,
    /// From one of its cells to the next, in bytes, where that is more than the cell's size (the
    /// doorbells of NVMe are `4 << CAP.DSTRD` bytes apart).
    pub spread: Option<Dynamic>,
    /// How many bytes it has there, where that is not `size`.
    pub len: Option<Dynamic>,
}

impl Inside {
    /// A place in a space.
    #[must_use]
    pub const fn new(space: SpaceId, base: Dynamic) -> Self {
        Self {
            space,
            base,
            spread: None,
            len: None,
        }
    }
}
