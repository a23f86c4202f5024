//! What is in the way of a capture.

use super::loading::{Source, unload};
use super::state::Step;
use super::undo::undo;
use super::{Error, control};
use crate::machine::{PciAddress, Root};

/// A driver that works already, so that what it has mapped would not be traced: it goes before the
/// capture, and comes again with it ([`Driver`](super::Driver)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Displaced(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// A device and the driver that it is bound to.
    Bound { device: PciAddress, driver: String },
    /// A module, by its canonical name, and where it comes from.
    Loaded { name: String, source: Source },
}

impl Displaced {
    pub(super) fn bound(device: PciAddress, driver: String) -> Self {
        Self(Kind::Bound { device, driver })
    }

    pub(super) fn loaded(name: String, source: Source) -> Self {
        Self(Kind::Loaded { name, source })
    }

    /// Unbinds the device, or unloads the module. Who must survive being killed gives this to
    /// [`Options::displace`](super::Options::displace) instead.
    ///
    /// # Errors
    /// Where that fails: a module is in use, say.
    pub fn remove(&self, root: &Root) -> Result<(), Error> {
        match &self.0 {
            Kind::Bound { device, .. } => unbind(root, *device),
            Kind::Loaded { name, .. } => unload(root, name),
        }
    }

    /// Binds the device, or loads the module, again, unless it is there.
    ///
    /// # Errors
    /// Where that fails.
    pub fn put_back(&self, root: &Root) -> Result<(), Error> {
        match undo(root, &[self.step()]) {
            failures if failures.is_empty() => Ok(()),
            failures => Err(Error::NotRestored(failures)),
        }
    }

    /// What puts it back.
    pub(super) fn step(&self) -> Step {
        match &self.0 {
            Kind::Bound { device, driver } => Step::Bind {
                device: device.to_string(),
                driver: driver.clone(),
            },
            Kind::Loaded { name, source } => Step::Load {
                name: name.clone(),
                source: source.clone(),
            },
        }
    }
}

/// Unbinds a device from its driver, where it has one.
pub(super) fn unbind(root: &Root, device: PciAddress) -> Result<(), Error> {
    let Some(driver) = bound_driver(root, device) else {
        return Ok(());
    };
    let path = root.path(format!("/sys/bus/pci/drivers/{driver}/unbind"));
    control::write(&path, &device.to_string())
        .map_err(|error| Error::Driver(format!("{device} was not unbound from {driver}: {error}")))
}

/// The driver of a device.
pub(super) fn bound_driver(root: &Root, device: PciAddress) -> Option<String> {
    root.link_name(format!("/sys/bus/pci/devices/{device}/driver"))
}
