//! What a plan is run on.

mod dry;
mod erased;
mod guarded;
#[cfg(all(any(feature = "pci", feature = "vfio"), target_os = "linux"))]
mod mapping;
mod model;
mod pace;
#[cfg(all(feature = "pci", target_os = "linux"))]
mod pci;
mod record;
#[cfg(all(feature = "vfio", target_os = "linux"))]
mod vfio;

pub use dry::DryTarget;
pub use erased::{ErasedTarget, TargetError};
pub use guarded::{GuardError, Guarded};
#[cfg(all(any(feature = "pci", feature = "vfio"), target_os = "linux"))]
pub use mapping::AccessError;
pub use model::{Effect, Fault, Model, ModelBuilder, ModelError, ModelRegister, Trigger};
#[cfg(all(feature = "pci", target_os = "linux"))]
pub use pci::{PciError, PciTarget, Refusal};
pub use record::Recorder;
#[cfg(all(feature = "vfio", target_os = "linux"))]
pub use vfio::{VfioError, VfioTarget};

use crate::plan::{Device, Place, Region, RegionId};
use core::time::Duration;
use mmiotrace_core::{PhysAddr, Value, Width};

/// A device, or what stands for one.
///
/// A run first opens every region of the plan; the target checks there that it is the right
/// device, and says where the region lies now. After that only `read`, `write`, `delay` and
/// `mark` are called, in the order of the plan.
///
/// ```
/// use core::convert::Infallible;
/// use mmiotrace_core::{PhysAddr, Value, Width};
/// use mmiotrace_replay::{Device, Place, Region, RegionId, Target};
///
/// /// Memory that holds what is written to it.
/// #[derive(Default)]
/// struct Ram(std::collections::HashMap<u64, Value>);
///
/// impl Target for Ram {
///     type Error = Infallible;
///     fn open(&mut self, _: Option<&Device>, _: RegionId, region: &Region) -> Result<PhysAddr, Infallible> {
///         Ok(region.recorded_base)
///     }
///     fn read(&mut self, at: Place, width: Width) -> Result<Value, Infallible> {
///         Ok(self.0.get(&at.offset).copied().unwrap_or(Value::from_u64(0, width).unwrap()))
///     }
///     fn write(&mut self, at: Place, value: &Value) -> Result<(), Infallible> {
///         self.0.insert(at.offset, *value);
///         Ok(())
///     }
/// }
/// ```
pub trait Target {
    /// Why the target could not do something. Never that a value was not as expected.
    type Error: core::error::Error + Send + Sync + 'static;

    /// Makes a region accessible, and returns where it begins now.
    ///
    /// # Errors
    /// Where the device is not there, is not the one that was recorded, or must not be touched.
    fn open(
        &mut self,
        device: Option<&Device>,
        id: RegionId,
        region: &Region,
    ) -> Result<PhysAddr, Self::Error>;

    /// Reads exactly once, with exactly this width.
    ///
    /// # Errors
    /// Where the place is not in an open region, or the width is none that the target can do.
    fn read(&mut self, at: Place, width: Width) -> Result<Value, Self::Error>;

    /// Writes exactly once, with exactly the value's width.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn write(&mut self, at: Place, value: &Value) -> Result<(), Self::Error>;

    /// Lets time pass. By default the thread sleeps, and spins for the last part.
    fn delay(&mut self, time: Duration) {
        pace::wait(time);
    }

    /// The target's own clock, where it has one: time that passes only when it is told to.
    fn clock(&self) -> Option<Duration> {
        None
    }

    /// Takes note of a marker. By default nothing happens.
    fn mark(&mut self, text: &str) {
        let _ = text;
    }

    /// Whether a real device is behind it, which can be harmed.
    fn is_real(&self) -> bool {
        true
    }
}

impl<T: Target + ?Sized> Target for &mut T {
    type Error = T::Error;

    fn open(
        &mut self,
        device: Option<&Device>,
        id: RegionId,
        region: &Region,
    ) -> Result<PhysAddr, T::Error> {
        (**self).open(device, id, region)
    }
    fn read(&mut self, at: Place, width: Width) -> Result<Value, T::Error> {
        (**self).read(at, width)
    }
    fn write(&mut self, at: Place, value: &Value) -> Result<(), T::Error> {
        (**self).write(at, value)
    }
    fn delay(&mut self, time: Duration) {
        (**self).delay(time);
    }
    fn clock(&self) -> Option<Duration> {
        (**self).clock()
    }
    fn mark(&mut self, text: &str) {
        (**self).mark(text);
    }
    fn is_real(&self) -> bool {
        (**self).is_real()
    }
}

impl<T: Target + ?Sized> Target for Box<T> {
    type Error = T::Error;

    fn open(
        &mut self,
        device: Option<&Device>,
        id: RegionId,
        region: &Region,
    ) -> Result<PhysAddr, T::Error> {
        (**self).open(device, id, region)
    }
    fn read(&mut self, at: Place, width: Width) -> Result<Value, T::Error> {
        (**self).read(at, width)
    }
    fn write(&mut self, at: Place, value: &Value) -> Result<(), T::Error> {
        (**self).write(at, value)
    }
    fn delay(&mut self, time: Duration) {
        (**self).delay(time);
    }
    fn clock(&self) -> Option<Duration> {
        (**self).clock()
    }
    fn mark(&mut self, text: &str) {
        (**self).mark(text);
    }
    fn is_real(&self) -> bool {
        (**self).is_real()
    }
}
