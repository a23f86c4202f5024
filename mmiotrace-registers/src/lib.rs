//! Register maps, and the naming of MMIO accesses with them.
//!
//! ```
//! use mmiotrace_core::PhysAddr;
//! use mmiotrace_registers::{Namer, RegisterMap};
//!
//! let map = RegisterMap::from_toml(
//!     r#"
//!     name = "blinker"
//!     match = ["1234:5678"]
//!     [[space]]
//!     name = "BAR0"
//!     bar = 0
//!     [[space.registers]]
//!     at = 0x04
//!     name = "CTRL"
//!     fields = { ENABLE = 0, SPEED = { bits = "3:2", values = { 0 = "SLOW", 1 = "FAST" } } }
//!     "#,
//! )?;
//! let mut namer = Namer::builder().map(map.compile()?.into()).build();
//! namer.bar(&"00:02.0:0=0xfebc0000+0x1000,1234:5678".parse()?);
//! assert_eq!(namer.address(PhysAddr(0xfebc_0004)).name(), Some("CTRL"));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! * A [`RegisterMap`] is plain data: address spaces, registers, arrays, bit fields, variants of
//!   chips, what reading and writing does, and spaces behind windows and commands. It comes from
//!   our own TOML, rnndb XML, CMSIS-SVD or C headers ([`Loader`]), or is [`bundled`].
//! * A [`CompiledMap`] answers what lies at an offset ([`CompiledMap::lookup`]) and where a name is
//!   ([`CompiledMap::find`]). Arrays are never unfolded, so their length costs nothing.
//! * A [`Namer`] follows the events of a trace, finds out which device is mapped where, and gives
//!   each access its [`Named`] answer: register, fields, remainder, what changed, the access behind
//!   a window. What it had to assume is marked ([`Inference`]), never passed off as seen.
//! * A [`Draft`] writes a map from a trace, [`Symbols`] name program counters, [`Coverage`] counts.
//!
//! # Features
//!
//! `symbols` (default): symbols of ELF files and modules.
//! `pci-ids` (default): names of vendors and devices from the system's `pci.ids`. `serde`:
//! serialization of what naming yields.
#![forbid(unsafe_code)]

pub mod bundled;
mod coverage;
mod device;
mod draft;
mod error;
mod index;
mod load;
pub mod model;
mod model_text;
mod name;
mod number;
mod symbols;

pub use coverage::{Coverage, DeviceCoverage};
pub use device::{BarSpec, Device, DeviceAddress, DeviceId, Devices, InvalidBarSpec, PciNames};
pub use draft::{Draft, Drafted};
pub use error::{CompileError, LoadError, LoadErrorKind, Position, Subject, Warning};
pub use index::value::{FieldValue, Fields, Known};
pub use index::{CompiledMap, Found, Located, Selection, UnknownVariant};
pub use load::{Format, HeaderConstant, HeaderValue, Loaded, Loader, header_constants};
pub use model::RegisterMap;
pub use name::{
    Binding, FieldBuf, Hidden, HotRegister, Inference, Inner, InnerBuf, InvalidRule, Named,
    NamedBuf, Namer, NamerBuilder, NamingSink, Part, PartBuf, Reachability, Verbosity,
    VerbosityRules,
};
pub use symbols::{InvalidSymbols, Symbol, Symbols};

/// The example of the README is tested as well.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
