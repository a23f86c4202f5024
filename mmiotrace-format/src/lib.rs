//! Reads and writes the text format of the Linux kernel's mmiotrace, version 20070824.
//!
//! ```
//! use mmiotrace_format::{Reader, Record};
//!
//! let trace = "VERSION 20070824\n\
//!              MAP 6.060175 1 0xfebc0000 0xffa0000000500000 0x20000 0x0 0\n\
//!              W 4 6.066783 1 0xfebc00d8 0xffffffff 0x0 0\n";
//! let mut reader = Reader::new(trace.as_bytes());
//! while let Some(record) = reader.next_record()? {
//!     if let Record::Event(event) = record {
//!         println!("{event:?}");
//!     }
//! }
//! # Ok::<(), mmiotrace_format::Error>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod annotation;
mod block;
#[cfg(feature = "std")]
mod blocks;
#[cfg(feature = "std")]
mod encode;
mod error;
mod field;
mod frame;
mod hot;
#[cfg(feature = "std")]
mod io;
mod kind;
#[cfg(feature = "alloc")]
mod lift;
mod line;
mod other;
#[cfg(feature = "parallel")]
mod parallel;
mod parse;
mod parser;
mod position;
mod record;
#[cfg(feature = "alloc")]
mod record_buf;
mod wrap;

pub use annotation::Annotation;
pub use block::{Block, Lines, Records};
#[cfg(feature = "std")]
pub use error::Error;
pub use error::{ParseError, ParseErrorKind};
pub use field::Field;
pub use frame::DEFAULT_MAX_LINE_LEN;
#[cfg(feature = "std")]
pub use io::{Reader, ReaderBuilder, Writer};
pub use kind::LineKind;
#[cfg(feature = "alloc")]
pub use lift::Lifter;
pub use line::Line;
pub use other::{Other, OtherKind};
#[cfg(feature = "parallel")]
pub use parallel::Parallel;
pub use parse::{Columns, Layout};
pub use parser::{LineStep, Parser, Step};
pub use position::Position;
pub use record::Record;
#[cfg(feature = "alloc")]
pub use record_buf::RecordBuf;
