//! Writes mmiotrace events for the viewers that people already have.
//!
//! ```
//! use mmiotrace_core::{Access, AccessKind, Event, EventKind, EventSink, MapId, PhysAddr, Timestamp, Value, Width};
//! use mmiotrace_export::{VcdExporter, unnamed};
//!
//! let access = Access {
//!     kind: AccessKind::Write,
//!     width: Width::W4,
//!     map_id: MapId(1),
//!     phys: PhysAddr(0xfebc_00d8),
//!     value: Value::from_u64(5, Width::W4),
//! };
//! let mut exporter = VcdExporter::new(Vec::new(), unnamed());
//! exporter.event(&Event::new(Timestamp::from_nanos(1_000), EventKind::Access(access)));
//! let (dump, summary) = exporter.finish()?;
//! assert_eq!(summary.registers, 1);
//! assert!(String::from_utf8_lossy(&dump).contains("b101 #\n"));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Each exporter is an [`EventSink`](mmiotrace_core::EventSink): whatever yields events, a file or
//! a running capture, can feed it. A [`Naming`] says which register of which device an access
//! touches; any register map can be one.
//!
//! # Features
//! - `parquet`: `ParquetExporter`.
#![forbid(unsafe_code)]

mod markup;
#[cfg(feature = "parquet")]
mod parquet;
mod perfetto;
mod report;
mod tracks;
mod vcd;

#[cfg(feature = "parquet")]
pub use parquet::{Lines, ParquetExporter};
pub use perfetto::PerfettoExporter;
pub use report::{Bar, Report, Severity};
pub use tracks::{Identity, Naming, unnamed};
pub use vcd::{VcdExporter, VcdSummary};

/// The example of the README is tested as well.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
