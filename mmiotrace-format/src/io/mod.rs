//! The shells over `std::io`.

mod buffer;
mod reader;
mod writer;

pub use reader::{Reader, ReaderBuilder};
pub use writer::Writer;
