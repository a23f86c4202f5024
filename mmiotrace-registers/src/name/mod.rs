//! Naming the accesses of a trace, one after another.

mod binding;
mod bound_map;
mod builder;
mod hot;
mod indirect;
mod inference;
mod inner_access;
mod knowledge;
mod named;
mod namer;
mod owned;
mod ranges;
mod reach;
mod resolve;
mod sink;
mod slot;
mod slot_cache;
mod state;
mod verbosity;

pub use binding::Binding;
pub use builder::NamerBuilder;
pub use hot::HotRegister;
pub use inference::Inference;
pub use named::{Inner, Named, Part};
pub use namer::Namer;
pub use owned::{FieldBuf, InnerBuf, NamedBuf, PartBuf};
pub use reach::{Hidden, Reachability};
pub use sink::NamingSink;
pub use verbosity::{InvalidRule, Verbosity, VerbosityRules};
