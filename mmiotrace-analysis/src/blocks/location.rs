//! A register as the trace shows it.

use core::fmt;
use mmiotrace_core::{Access, MapId, PhysAddr, Width};

/// Where accesses go: one address, at one width, through one mapping. The same register read at
/// two widths is two locations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Location {
    /// The mapping.
    pub map_id: MapId,
    /// The physical address of the first byte.
    pub phys: PhysAddr,
    /// The width in bytes.
    pub width: Width,
}

impl Location {
    /// Where this access went.
    #[must_use]
    pub const fn of(access: &Access) -> Self {
        Self {
            map_id: access.map_id,
            phys: access.phys,
            width: access.width,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.phys, self.width)
    }
}
