//! The event model of mmiotrace: what a driver did to its device's memory, as data.
//!
//! This crate holds the words that all others share: [`Event`], [`Access`], [`Mapping`],
//! [`Marker`], [`Loss`], [`Blind`]; the table of mappings that are alive ([`MappingTable`]); and
//! the interface between what captures ([`CaptureBackend`]) and what consumes ([`EventSink`]).
//! It needs neither the standard library nor an allocator.
//!
//! ```
//! use mmiotrace_core::{Access, AccessKind, Event, EventKind, MapId, PhysAddr, Timestamp, Value, Width};
//!
//! let access = Access {
//!     kind: AccessKind::Write,
//!     width: Width::W4,
//!     map_id: MapId(1),
//!     phys: PhysAddr(0xfebc_00d8),
//!     value: Value::from_u64(0xffff_ffff, Width::W4),
//! };
//! let event = Event::new(Timestamp::from_nanos(6_719_459_000), EventKind::Access(access)).with_pid(212);
//! assert_eq!(event.time.to_string(), "6.719459");
//! assert_eq!(event.as_access().unwrap().value.unwrap().to_u64(), Some(0xffff_ffff));
//! ```
//!
//! # Features
//! - `std`: [`MappingTable`] over growing storage.
//! - `serde`: `Serialize` and `Deserialize` for the model; borrowed types serialise only.
//! - `test-util`: a capture backend that plays a script (module `scripted`), for tests of consumers.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(feature = "std", test))]
extern crate std;

mod addr;
mod backend;
mod code;
mod event;
mod header;
mod loss;
mod mapping;
mod mapping_table;
mod marker;
mod pci;
mod printable;
#[cfg(any(feature = "test-util", test))]
pub mod scripted;
mod sink;
mod time;
mod value;
mod width;

pub use addr::{PhysAddr, VirtAddr};
pub use backend::{CaptureBackend, DrainState, Drained, Summary};
pub use code::Code;
pub use event::{Access, AccessKind, Event, EventKind, UnknownOpcode};
pub use header::{Bar, Header, PciDevice};
pub use loss::{Blind, BlindEdge, BlindReason, Loss};
pub use mapping::{MapId, Mapping};
pub use mapping_table::{Applied, FixedMappings, MappingTable, Node, Storage};
pub use marker::{InvalidMarker, Marker, RESERVED_MARKER_PREFIX};
pub use pci::{InvalidPciAddress, PciAddress, PciSelector};
pub use printable::Printable;
pub use sink::EventSink;
pub use time::Timestamp;
pub use value::Value;
pub use width::{InvalidWidth, Width};

/// The example of the README is tested as well.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
