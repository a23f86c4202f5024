//! The shells over `std::io`.

mod buffer;
mod entries;
mod reader;
mod totals;
mod writer;

pub use entries::Entries;
pub use reader::{IntoRecords, Reader, ReaderBuilder};
pub use totals::Totals;
pub use writer::Writer;
