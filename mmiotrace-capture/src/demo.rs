//! A device and its driver, to be captured anywhere: what `mmiotrace record --demo` runs.
//!
//! The device is made of code ([`Device`]): a command that takes its time, an interrupt that is
//! cleared by writing 1 to it, a counter that counts when it is read, a FIFO. It keeps a log of its
//! own of what came to it. The driver is ordinary code with volatile accesses, on three threads.
//! What the capture says must be what the device has logged; [`run`] compares them.
//!
//! ```
//! use mmiotrace_capture::demo;
//! use mmiotrace_capture::process::Options;
//! # use mmiotrace_core::{Blind, Event, EventSink, Loss, Marker};
//! # #[derive(Default)] struct Count(u64);
//! # impl EventSink for Count {
//! #     fn event(&mut self, event: &Event) { self.0 += u64::from(event.as_access().is_some()); }
//! #     fn marker(&mut self, _: &Marker<'_>) {}
//! #     fn lost(&mut self, _: &Loss) {}
//! #     fn blind(&mut self, _: &Blind) {}
//! #     fn line(&mut self, _: &[u8]) {}
//! # }
//! # let mut sink = Count::default();
//!
//! let outcome = demo::run(Options::new(), &mut sink)?;
//! assert_eq!((outcome.missing, outcome.invented), (0, 0));
//! # assert_eq!(outcome.accesses, sink.0);
//! # Ok::<(), mmiotrace_capture::process::Error>(())
//! ```

mod compare;
mod device;
mod driver;

use crate::process::{Error, Options, Process};
use compare::Compare;
pub use device::{BAR, Device, LEN, Logged, NAME, register};
use mmiotrace_core::{CaptureBackend, DrainState, EventSink, Summary};
use std::thread;

/// How a demonstration went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// Accesses that the device has logged.
    pub accesses: u64,
    /// Of them, those that the trace does not have at their place in the order.
    pub missing: u64,
    /// Accesses of the trace that the device has not logged there.
    pub invented: u64,
    /// The capture's own figures.
    pub summary: Summary,
}

impl Outcome {
    /// Whether the trace is what the device has logged.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        self.missing == 0 && self.invented == 0 && self.summary.lost == 0
    }
}

/// Captures the driver at work on the device, gives everything to `sink`, and compares it with the
/// device's own log.
///
/// # Errors
/// Where the capture cannot begin.
pub fn run(options: Options, sink: &mut dyn EventSink) -> Result<Outcome, Error> {
    // The capture's handlers may outlive any borrow: the device is small, and made once for a
    // process that asks for it.
    let device: &'static Device = Box::leak(Box::new(Device::new()));
    let mut capture = Process::new(options);
    capture.start()?;
    let mut sink = Compare::new(sink);
    let tracer = capture.tracer()?;
    let (registers, region) = tracer.attach_model(LEN, BAR, NAME, device)?;
    let registers = driver::Registers::new(registers);
    thread::scope(|scope| {
        let drivers = driver::start(scope, registers, &tracer);
        while !drivers.iter().all(thread::ScopedJoinHandle::is_finished) {
            match capture.drain(&mut sink) {
                Ok(drained) if drained.records == 0 => {
                    thread::sleep(core::time::Duration::from_millis(1));
                }
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    })?;
    region.detach();
    let summary = capture.stop()?;
    while capture.drain(&mut sink)?.state != DrainState::Ended {}
    let (missing, invented) = sink.against(device.log());
    Ok(Outcome {
        accesses: device.log().count() as u64,
        missing,
        invented,
        summary,
    })
}
