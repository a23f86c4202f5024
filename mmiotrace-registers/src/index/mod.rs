//! From a place to what lies there.

mod compile;
mod compiled;
mod find;
mod list_index;
mod lookup;
mod overlap;
mod selection;
pub(crate) mod value;

pub use compiled::CompiledMap;
pub(crate) use compiled::{Bits, ResolvedDynamic, ResolvedPlace};
pub use find::Found;
pub(crate) use find::find_register;
pub(crate) use lookup::Hit;
pub use lookup::Located;
pub(crate) use overlap::overlaps;
pub(crate) use selection::Truth;
pub use selection::{Selection, UnknownVariant};
