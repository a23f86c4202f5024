//! Any target, chosen at run time.

use super::Target;
use crate::plan::{Device, Place, Region, RegionId};
use core::error::Error;
use core::fmt;
use core::time::Duration;
use mmiotrace_core::{PhysAddr, Value, Width};

/// The error of a target that was chosen at run time.
#[derive(Debug)]
pub struct TargetError(Box<dyn Error + Send + Sync>);

impl TargetError {
    /// The error of a target.
    pub fn new(error: impl Error + Send + Sync + 'static) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for TargetError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// A target with its error type taken off, so that one of several can be chosen at run time:
/// `Box<dyn Target<Error = TargetError>>`.
#[derive(Clone, Copy, Debug)]
pub struct ErasedTarget<T>(pub T);

impl<T: Target> Target for ErasedTarget<T> {
    type Error = TargetError;

    fn open(
        &mut self,
        device: Option<&Device>,
        id: RegionId,
        region: &Region,
    ) -> Result<PhysAddr, TargetError> {
        self.0.open(device, id, region).map_err(TargetError::new)
    }
    fn read(&mut self, at: Place, width: Width) -> Result<Value, TargetError> {
        self.0.read(at, width).map_err(TargetError::new)
    }
    fn write(&mut self, at: Place, value: &Value) -> Result<(), TargetError> {
        self.0.write(at, value).map_err(TargetError::new)
    }
    fn delay(&mut self, time: Duration) {
        self.0.delay(time);
    }
    fn clock(&self) -> Option<Duration> {
        self.0.clock()
    }
    fn mark(&mut self, text: &str) {
        self.0.mark(text);
    }
    fn is_real(&self) -> bool {
        self.0.is_real()
    }
}
