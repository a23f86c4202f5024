//! A device made from a trace.

mod answers;
mod builder;
mod fault;
mod memory;

pub use builder::{ModelBuilder, ModelRegister};
pub use fault::{Effect, Fault, Trigger};

use super::Target;
use crate::plan::{Device, Place, Region, RegionId};
use answers::{Answers, Context};
use core::time::Duration;
use fault::Faults;
use memory::Memory;
use mmiotrace_core::{PhysAddr, Value, Width};
use std::collections::HashMap;

/// A device that behaves as the device of a trace did: registers that store, that are constant,
/// that are acknowledged by writing 1, that count; status that follows a command; waits that take
/// as many reads as they took; data that comes out of a port.
///
/// It is inferred, not known. The same accesses in the same order get the same answers, all of
/// them. Other accesses get what the registers hold, and what the device did after the same write
/// the last time.
///
/// Use it to try a plan or an exported program, or as a test double of the device under a driver:
/// [`read_phys`](Self::read_phys) and [`write_phys`](Self::write_phys) take addresses as they
/// were recorded.
///
/// ```
/// use mmiotrace_core::{PhysAddr, Value, Width};
/// use mmiotrace_format::Reader;
/// use mmiotrace_replay::ModelBuilder;
///
/// let trace = "R 4 1.000000 1 0xfea00000 0x10000ed 0x0 0\n\
///              W 4 1.000010 1 0xfea00008 0x5 0x0 0\n\
///              R 4 1.000020 1 0xfea00020 0x81 0x0 0\n\
///              R 4 1.000030 1 0xfea00020 0x80 0x0 0\n";
/// let mut model = ModelBuilder::from_trace(Reader::new(trace.as_bytes()))?.build();
/// let five = Value::from_u64(5, Width::W4).unwrap();
/// model.write_phys(PhysAddr(0xfea0_0008), &five)?;
/// let status = |model: &mut mmiotrace_replay::Model| {
///     model.read_phys(PhysAddr(0xfea0_0020), Width::W4).map(|value| value.to_u64())
/// };
/// assert_eq!(status(&mut model)?, Some(0x81));
/// assert_eq!(status(&mut model)?, Some(0x80));
/// assert_eq!(model.read_phys(PhysAddr(0xfea0_0008), Width::W4)?, five);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Model {
    memory: Memory,
    answers: Answers,
    context: Context,
    visits: HashMap<Context, u32>,
    /// How often each register was read since the last write.
    reads: HashMap<(u64, u8), u32>,
    visit: u32,
    faults: Faults,
    regions: Vec<Option<(PhysAddr, u64)>>,
    moved: HashMap<RegionId, PhysAddr>,
    clock: Duration,
}

/// Why a model could not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The place lies in no open region.
    #[error("{0:#x} in region {1} is outside of every open region")]
    Outside(u64, u16),
}

impl Model {
    /// Puts a region at another address, as the firmware of another machine would: values that
    /// point into it must move with it.
    pub fn move_region(&mut self, id: RegionId, base: PhysAddr) {
        self.moved.insert(id, base);
    }

    /// Makes the device fail in some way.
    pub fn add_fault(&mut self, fault: Fault) {
        self.faults.add(fault);
    }

    /// Whether a fault has struck.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        self.faults.has_struck()
    }

    /// Reads a register by its recorded address.
    ///
    /// # Errors
    /// None now; a model may come to have places that cannot be read.
    pub fn read_phys(&mut self, phys: PhysAddr, width: Width) -> Result<Value, ModelError> {
        if let Some(value) = self.faults.on_read(width) {
            return Ok(value);
        }
        let ordinal = self.reads.entry((phys.0, width.bytes())).or_insert(0);
        let key = (self.context, self.visit, *ordinal);
        *ordinal = ordinal.saturating_add(1);
        if let Some(value) = self.answers.get(key, phys, width) {
            self.memory.set(phys, &value);
            return Ok(value);
        }
        Ok(self.memory.read(phys, width))
    }

    /// Writes a register by its recorded address.
    ///
    /// # Errors
    /// None now; a model may come to have places that cannot be written.
    pub fn write_phys(&mut self, phys: PhysAddr, value: &Value) -> Result<(), ModelError> {
        if self.faults.on_write(phys, value) {
            return Ok(());
        }
        self.memory.write(phys, value);
        self.context = Context::after(phys, value);
        let visit = self.visits.entry(self.context).or_insert(0);
        self.visit = *visit;
        *visit = visit.saturating_add(1);
        self.reads.clear();
        Ok(())
    }

    fn phys(&self, at: Place, width: Width) -> Result<PhysAddr, ModelError> {
        let outside = ModelError::Outside(at.offset, at.region.0);
        let (base, len) = self
            .regions
            .get(usize::from(at.region.0))
            .copied()
            .flatten()
            .ok_or(outside.clone())?;
        let end = at
            .offset
            .checked_add(u64::from(width.bytes()))
            .ok_or(outside.clone())?;
        base.checked_add(at.offset)
            .filter(|_| end <= len)
            .ok_or(outside)
    }
}

impl Target for Model {
    type Error = ModelError;

    fn open(
        &mut self,
        _: Option<&Device>,
        id: RegionId,
        region: &Region,
    ) -> Result<PhysAddr, ModelError> {
        let index = usize::from(id.0);
        if self.regions.len() <= index {
            self.regions.resize(index + 1, None);
        }
        self.regions[index] = Some((region.recorded_base, region.len));
        Ok(self.moved.get(&id).copied().unwrap_or(region.recorded_base))
    }

    fn read(&mut self, at: Place, width: Width) -> Result<Value, ModelError> {
        let phys = self.phys(at, width)?;
        self.read_phys(phys, width)
    }

    fn write(&mut self, at: Place, value: &Value) -> Result<(), ModelError> {
        let phys = self.phys(at, value.width())?;
        self.write_phys(phys, value)
    }

    fn delay(&mut self, time: Duration) {
        self.clock = self.clock.saturating_add(time);
    }

    fn clock(&self) -> Option<Duration> {
        Some(self.clock)
    }

    fn is_real(&self) -> bool {
        false
    }
}
