//! Sources of MMIO events: the backends behind [`CaptureBackend`](mmiotrace_core::CaptureBackend),
//! and what they need to know of the machine.
//!
//! ```
//! use mmiotrace_capture::machine::{PciIds, PciInventory, Root};
//!
//! // The header lines that a trace of this machine begins with.
//! let root = Root::system();
//! print!("{}", PciInventory::read(&root).header_lines(&PciIds::read(&root)));
//! ```

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub mod demo;
pub mod doctor;
pub mod kmod;
mod library;
pub mod machine;
mod marker;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub mod process;
mod reorder;
mod request;
mod ring_options;
pub mod tracefs;

pub use marker::check_marker;
pub use request::EndRequest;
pub use ring_options::{DeviceOrder, OnFull, RingOptions};

/// The fault engine of the backends `process` and `kmod`.
use mmiotrace_kmod as engine;

/// The example of the README is tested as well.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
