//! Reading maps.

mod files;
mod header;
mod limits;
mod loader;
mod rnndb;
mod svd;
mod toml;

pub use header::{HeaderConstant, HeaderValue, header_constants};
pub(crate) use limits::MAX_TEXT_BYTES;
pub use loader::{Format, Loaded, Loader};
