//! Reads and writes the text format of the Linux kernel's mmiotrace, version 20070824.
//!
//! ```
//! use mmiotrace_format::{Reader, Record};
//!
//! let trace = "VERSION 20070824\n\
//!              MAP 6.060175 1 0xfebc0000 0xffa0000000500000 0x20000 0x0 0\n\
//!              W 4 6.066783 1 0xfebc00d8 0xffffffff 0x0 0\n";
//! let mut reader = Reader::new(trace.as_bytes());
//! let mut written = 0;
//! while let Some(record) = reader.next_record()? {
//!     if let Record::Event(event) = record {
//!         written += event.as_access().map_or(0, |access| access.width.bytes());
//!     }
//! }
//! assert_eq!(written, 4);
//! # Ok::<(), mmiotrace_format::Error>(())
//! ```
//!
//! # What to use
//!
//! | you have | use |
//! | --- | --- |
//! | a file, a pipe, a socket | [`Reader`]: lines, records or blocks of lines, lent; or owned records |
//! | a use for lines, records and annotations together | [`Entries`], or a [`Context`] for lines of your own |
//! | a trace that is still being written | [`ReaderBuilder::growing`], and the contract in [`Reader`] |
//! | a trace in memory | [`Block::new`], and its iterators |
//! | a trace of gigabytes, and processors to spare | [`Parallel`] |
//! | bytes that come in pieces, no `std`, no allocator | [`Parser`] |
//! | records that must outlive the reader or cross threads | [`RecordBuf`] |
//! | lines of which a few columns matter | [`Line::columns`] |
//! | a consumer of events ([`EventSink`](mmiotrace_core::EventSink)) | [`Lifter`] |
//! | records or events to write | [`Writer`] |
//!
//! # The format
//!
//! One record a line, columns between single blanks (`kernel/trace/trace_mmiotrace.c`):
//!
//! | line | columns |
//! | --- | --- |
//! | `R`, `W` | width in bytes (1, 2, 4, 8), time, map id, physical address, value, pc, pid |
//! | `MAP` | time, map id, physical address, virtual address, length, pc, pid |
//! | `UNMAP` | time, map id (-1: a mapping that the tracer does not know), pc, pid |
//! | `UNKNOWN` | time, map id, physical address, three instruction bytes `f3,a5,48`, pc, pid |
//! | `MARK` | time, text to the end of the line; `Lost n events.` is the tracer's own |
//! | `VERSION` | `20070824` |
//! | `PCIDEV` | bus and devfn, vendor and device, irq, seven starts, seven lengths, driver; hex without `0x` |
//! | `LSPCI` | a line of `lspci`; recording tools write it, the kernel does not |
//!
//! Times are `seconds.microseconds` with six digits behind the point (a marker made by hand may
//! have one to nine); addresses, values and lengths are hex with `0x`; pids and map ids are signed
//! decimal numbers. Runs of blanks, tabs, blanks at the end, carriage returns, hex in capitals, a
//! `PCIDEV` line without its driver or wrapped by a mailer are taken too. Everything else that
//! begins with a keyword is an error with line, byte and field ([`ParseError`]); every other line
//! is kept as it is ([`Other`]), because the kernel's stream has such lines.
//!
//! What the columns cannot say (accesses wider than eight bytes, values that were not learnt,
//! blind intervals, CPUs, sequence numbers) stands in markers of a reserved form: see
//! [`Annotation`].
//!
//! # Nothing is lost
//!
//! Copying lines gives the same bytes, whatever they are. Parsing a line that the kernel printed
//! and writing the record gives the same line. What a sink is given and a [`Writer`] writes, a
//! [`Lifter`] gives back, with these limits of the text: times in whole microseconds; instruction
//! bytes only where a value is not known; a marker `Lost 3 events.` comes back as the loss that it
//! claims to be.
//!
//! # What nobody can tell from the text
//!
//! The kernel prints a marker's text as it is. A text with newlines makes several lines, and a
//! line of it that has the exact form of a record is taken for one: only its time may give it
//! away. A text with a NUL byte ends there without newline, so that the next record stands in the
//! same line; it is part of the marker's text here.
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | (none) | [`Parser`], [`Line`], [`Columns`], [`Record`], [`Entry`], [`Block`], [`Annotation`]: `no_std`, no allocator |
//! | `alloc` | [`RecordBuf`] over [`bytes::Bytes`], [`Lifter`] |
//! | `std` | [`Reader`], [`Writer`], and vector instructions chosen at run time for finding newlines |
//! | `parallel` (with `std` the default) | [`Parallel`] |
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
mod entry;
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

pub use annotation::{Annotation, AnnotationError, TraceEnd};
pub use block::{Block, Lines, Records};
pub use entry::{Context, Entry, LineEntries, Origin};
#[cfg(feature = "std")]
pub use error::Error;
pub use error::{ParseError, ParseErrorKind};
pub use field::Field;
pub use frame::DEFAULT_MAX_LINE_LEN;
#[cfg(feature = "std")]
pub use io::{Entries, IntoRecords, Reader, ReaderBuilder, Totals, Writer};
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

/// The example of the README is tested as well.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
