//! Register maps.
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
mod value;

pub use coverage::{Coverage, DeviceCoverage};
pub use device::{BarSpec, Device, DeviceAddress, DeviceId, Devices, InvalidBarSpec, PciNames};
pub use draft::{Draft, Drafted};
pub use error::{CompileError, LoadError, LoadErrorKind, Position, Subject, Warning};
pub use index::{CompiledMap, Found, Located, Selection, UnknownVariant};
pub use load::{Format, HeaderConstant, HeaderValue, Loaded, Loader, header_constants};
pub use model::RegisterMap;
pub use name::{
    Binding, FieldBuf, HotRegister, Inference, Inner, InnerBuf, InvalidRule, Named, NamedBuf,
    Namer, NamerBuilder, NamingSink, Part, PartBuf, Verbosity, VerbosityRules,
};
pub use symbols::{InvalidSymbols, Symbol, Symbols};
pub use value::{FieldValue, Fields, Known};
