//! Where a step acts: an offset in a region, so that a plan does not depend on where the
//! firmware put the device.

use core::fmt;

/// The number of a region in its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionId(pub u16);

/// An offset in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The region.
    pub region: RegionId,
    /// The offset in bytes.
    pub offset: u64,
}

impl Place {
    /// The place `step` bytes further, and `None` where that is outside of all addresses.
    #[must_use]
    pub const fn checked_add(self, step: i64) -> Option<Self> {
        match self.offset.checked_add_signed(step) {
            Some(offset) => Some(Self {
                region: self.region,
                offset,
            }),
            None => None,
        }
    }

    /// The place with its region's name, for printing.
    #[must_use]
    pub const fn named(self, regions: &[super::Region]) -> NamedPlace<'_> {
        NamedPlace {
            place: self,
            regions,
        }
    }
}

/// Prints `bar0+0x10`.
#[derive(Clone, Copy, Debug)]
pub struct NamedPlace<'a> {
    place: Place,
    regions: &'a [super::Region],
}

impl fmt::Display for NamedPlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.regions.get(usize::from(self.place.region.0)) {
            Some(region) => write!(f, "{}+{:#x}", region.name, self.place.offset),
            None => write!(f, "?{}+{:#x}", self.place.region.0, self.place.offset),
        }
    }
}

/// Takes `bar0+0x10` apart.
pub(super) fn parse(text: &str, regions: &[super::Region]) -> Option<Place> {
    let (name, offset) = text.rsplit_once('+')?;
    let index = regions
        .iter()
        .position(|region| region.name == name.trim())?;
    Some(Place {
        region: RegionId(u16::try_from(index).ok()?),
        offset: super::number::parse_u64(offset.trim())?,
    })
}
