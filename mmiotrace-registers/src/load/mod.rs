//! Reading maps.

mod files;
mod limits;
mod loader;
mod rnndb;
mod toml;

pub(crate) use limits::MAX_TEXT_BYTES;
pub use loader::{Format, Loaded, Loader};
