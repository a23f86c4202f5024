//! Plans: what is to be done again, as a file that people can read and change.

mod check;
mod load;
mod number;
mod place;
mod raw;
mod region;
mod save;
mod section;
mod side_files;
mod step;
mod unknowable;

pub use check::PlanFault;
pub(crate) use check::{is_forbidden, moved};
pub use load::PlanError;
pub use place::{NamedPlace, Place, RegionId};
pub(crate) use region::locate;
pub use region::{Device, Region};
pub use section::{Pacing, Section, UnknownPacing};
pub use side_files::{MAX_SIDE_FILE, SideFiles};
pub(crate) use step::all_ones;
pub use step::{
    Action, Expect, Fill, MAX_STEP_ACCESSES, Points, Poll, Read, Skip, Step, Transfer, Write,
};
pub use unknowable::{Evidence, Unknowable, UnknowableKind};

use std::collections::BTreeMap;

/// The version of the plan format that this crate reads and writes.
pub const PLAN_VERSION: u32 = 1;

/// A replay, planned: devices, what must hold before, what is done, and what is not known.
///
/// It is a TOML file ([`from_toml`](Self::from_toml), [`to_toml`](Self::to_toml)), one step a
/// line, meant to be read and edited. Large uploads stand in files beside it ([`SideFiles`]).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// The name of the trace that it was made from.
    pub trace: String,
    /// The devices in it.
    pub devices: Vec<Device>,
    /// The memory in which it acts. [`RegionId`] numbers these.
    pub regions: Vec<Region>,
    /// Names of registers, by where they begin.
    pub names: BTreeMap<Place, String>,
    /// Reads that must hold before anything is done: identity and state of the device.
    pub preconditions: Vec<Read>,
    /// Ranges that are never accessed, whatever the steps say.
    pub forbidden: Vec<Forbidden>,
    /// What to do with the device when a run is broken off.
    pub on_abort: Vec<Step>,
    /// What the trace cannot know.
    pub unknowable: Vec<Unknowable>,
    /// What is done.
    pub sections: Vec<Section>,
}

/// A range that must not be accessed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forbidden {
    /// Its first byte.
    pub place: Place,
    /// Its length in bytes.
    pub len: u64,
    /// Why.
    pub why: String,
}

impl Forbidden {
    /// A range that must not be accessed, for this reason.
    #[must_use]
    pub fn new(place: Place, len: u64, why: impl Into<String>) -> Self {
        Self {
            place,
            len,
            why: why.into(),
        }
    }

    /// Whether an access of `width` bytes at `place` touches it.
    #[must_use]
    pub const fn touches(&self, place: Place, width: u8) -> bool {
        self.place.region.0 == place.region.0
            && place.offset < self.place.offset.saturating_add(self.len)
            && self.place.offset < place.offset.saturating_add(width as u64)
    }
}

impl Plan {
    /// A plan without steps.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All steps in order, with the number of their section.
    pub fn steps(&self) -> impl Iterator<Item = (usize, &Step)> {
        self.sections
            .iter()
            .enumerate()
            .flat_map(|(index, section)| section.steps.iter().map(move |step| (index, step)))
    }

    /// How many steps there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sections
            .iter()
            .map(|section| section.steps.len())
            .sum()
    }

    /// Whether there is no step.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The region of that number.
    #[must_use]
    pub fn region(&self, id: RegionId) -> Option<&Region> {
        self.regions.get(usize::from(id.0))
    }

    /// The device that decodes a region, where one is known.
    #[must_use]
    pub fn device_of(&self, region: &Region) -> Option<&Device> {
        let name = region.device.as_deref()?;
        self.devices.iter().find(|device| device.name == name)
    }
}
