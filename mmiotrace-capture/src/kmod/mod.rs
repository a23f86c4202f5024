//! The backend `kmod`: our module in the kernel, which sees every access of drivers on all CPUs.
//!
//! [`Kmod`] talks to `/dev/mmiotrace`, maps the rings that the module writes to, and gives what is
//! in them in the order of the device. [`Module`] loads the module; which addresses are a device's
//! or a driver's is given by [`device_ranges`] and [`driver_ranges`]. Binding a driver while it is
//! traced is up to the caller ([`crate::tracefs::Driver`] can).
//!
//! ```no_run
//! use mmiotrace_capture::kmod::{Kmod, Options};
//! use mmiotrace_core::{CaptureBackend, PhysAddr};
//!
//! # fn run(sink: &mut dyn mmiotrace_core::EventSink) -> Result<(), mmiotrace_capture::kmod::Error> {
//! let options = Options::new().with_range(PhysAddr(0xfebc_0000)..PhysAddr(0xfebe_0000));
//! let mut capture = Kmod::new(options);
//! capture.start()?;
//! capture.marker(b"the driver is loaded now")?;
//! // … load the driver …
//! capture.stop()?;
//! while capture.drain(sink)?.state != mmiotrace_core::DrainState::Ended {}
//! # Ok(()) }
//! ```

mod abi;
mod backend;
mod device;
mod error;
mod module;
mod options;
mod ranges;
mod vmalloc;

pub use backend::Kmod;
pub use device::{ModuleState, module_state, write_marker};
pub use error::Error;
pub use module::Module;
pub use options::{Options, RING_BYTES};
pub use ranges::{device_ranges, driver_ranges};
pub use vmalloc::{Premapped, premapped};
