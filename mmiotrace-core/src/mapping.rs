//! Mappings of device memory.

use crate::{PhysAddr, VirtAddr};
use core::fmt;

/// The number of a mapping.
///
/// The kernel counts from 1 and never starts again between runs of the tracer. It prints -1 for
/// the `UNMAP` of a mapping that is not in its list, as one made before tracing began
/// (`arch/x86/mm/mmio-mod.c`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct MapId(pub i32);

impl MapId {
    /// The kernel's number for a mapping that it does not know.
    pub const UNLISTED: Self = Self(-1);
}

impl fmt::Display for MapId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// One mapping of device memory: an `ioremap` in the kernel, an `mmap` in a process.
///
/// All three numbers are the caller's, neither aligned nor rounded to pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Mapping {
    /// The mapping's number.
    pub id: MapId,
    /// The first physical address.
    pub phys: PhysAddr,
    /// The first virtual address.
    pub virt: VirtAddr,
    /// The length in bytes.
    pub len: u64,
}

impl Mapping {
    /// The first physical address past the mapping; the end of the address space where it would
    /// lie beyond.
    #[must_use]
    pub const fn phys_end(&self) -> PhysAddr {
        PhysAddr(self.phys.0.saturating_add(self.len))
    }

    /// Whether `phys` lies in the mapping.
    #[must_use]
    pub const fn contains(&self, phys: PhysAddr) -> bool {
        phys.0 >= self.phys.0 && phys.0 - self.phys.0 < self.len
    }

    /// The offset of `phys` in the mapping, or `None` outside it.
    #[must_use]
    pub const fn offset_of(&self, phys: PhysAddr) -> Option<u64> {
        if self.contains(phys) {
            Some(phys.0 - self.phys.0)
        } else {
            None
        }
    }
}
