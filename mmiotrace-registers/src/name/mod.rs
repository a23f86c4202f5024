//! Naming the accesses of a trace, one after another.

mod binding;
mod builder;
mod core;
mod hot;
mod indirect;
mod inference;
mod knowledge;
mod named;
mod namer;
mod owned;
mod ranges;
mod resolve;
mod sink;
mod slot;
mod unit;
mod verbosity;

pub use binding::Binding;
pub use builder::NamerBuilder;
pub use hot::HotRegister;
pub use inference::Inference;
pub use named::{Inner, Named, Part};
pub use namer::Namer;
pub use owned::{FieldBuf, InnerBuf, NamedBuf, PartBuf};
pub use sink::NamingSink;
pub use verbosity::{InvalidRule, Verbosity, VerbosityRules};
