//! Reading maps.

mod files;
mod header;
mod limits;
mod loader;
mod rnndb;
mod toml;

pub(crate) use limits::MAX_TEXT_BYTES;
pub use header::{HeaderConstant, HeaderValue, header_constants};
pub use loader::{Format, Loaded, Loader};
