//! Reads what other tools recorded as mmiotrace events: QEMU's logs of passed-through and emulated
//! devices, the text of ftrace and perf, and any line that a pattern describes.
//!
//! ```
//! use mmiotrace_import::{Format, ImportReader, Options};
//! use std::io::Read;
//!
//! let log = "4711@12.500000:vfio_region_write  (0000:01:00.0:region0+0x140, 0xffffffff, 4)\n";
//! let format = Format::detect(log.as_bytes()).unwrap();
//! let mut trace = String::new();
//! ImportReader::new(log.as_bytes(), format, Options::default()).read_to_string(&mut trace)?;
//! assert!(trace.ends_with("W 4 12.500000 1 0x10000000140 0xffffffff 0x0 4711\n"));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Addresses
//! A log may tell offsets in a window (a BAR) without the window's address. Then the address given
//! in [`Options::windows`] is taken, or the one that the guest wrote into the BAR while the log ran,
//! or one far above all memory (the window's number times 2^40), with a marker that says so.
//! `rwmmio` tells virtual addresses; they stand where physical ones would.
//!
//! # What is kept
//! Accesses become events. Configuration accesses, interrupts and failed accesses become markers
//! with their text. A line that names an event and cannot be read is told as one lost event.
#![forbid(unsafe_code)]

mod error;
mod format;
mod importer;
mod reader;
mod scan;
mod source;
mod stamp;
mod state;
mod window;

pub use error::{LineError, PatternError};
pub use format::{Format, UnknownFormat};
pub use importer::{Counts, Importer, Options};
pub use reader::ImportReader;
pub use source::Pattern;
pub use window::KnownWindow;

/// The example of the README is tested as well.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
