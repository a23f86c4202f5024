//! The shells over `std::io`.

mod buffer;
mod reader;
mod totals;
mod writer;

pub use reader::{Reader, ReaderBuilder};
pub use totals::Totals;
pub use writer::Writer;
