//! Is a trace whole, and what is in it?
//!
//! - [`Checker`] reads a trace once and gives a [`Verdict`]: complete or not, and why.
//! - [`Filter`] says which records are wanted; a [`Selector`] picks their lines.
//! - [`StatisticsBuilder`] counts accesses by kind, mapping, device, register and value, program
//!   counter, thread, and between markers, and tells how they lie in time.
//! - [`diff`] compares two traces by meaning.
//! - [`merge`] puts several traces on one clock.
//! - [`blocks`] turns accesses into what the driver did: waits, transfers, repetitions.
//!
//! Each is a fold over the entries that a `mmiotrace_format::Reader` returns, with memory that does
//! not grow with the trace. None of them prints anything.
//!
//! ```
//! use mmiotrace_analysis::{Checker, FindingKind};
//! use mmiotrace_format::Reader;
//!
//! let trace = "VERSION 20070824\n\
//!              MAP 6.060175 1 0xfebc0000 0xffa0000000500000 0x20000 0x0 0\n\
//!              R 1 6.063646 1 0xfebc0008 0xffffff88 0x0 0\n\
//!              UNMAP 9.000000 1 0x0 0\n";
//! let (mut checker, mut entries) = (Checker::new(), Reader::new(trace.as_bytes()).entries());
//! while let Some(entry) = entries.next_entry()? {
//!     checker.entry(&entry);
//! }
//! let verdict = checker.finish();
//! assert!(!verdict.complete);
//! assert_eq!(verdict.findings[0].kind, FindingKind::SuspiciousValue);
//! assert_eq!(verdict.findings[0].line, 3);
//! # Ok::<(), mmiotrace_format::Error>(())
//! ```
//!
//! # Features
//! - `serde`: `Serialize` for verdicts and statistics, in the shape that the `mmiotrace` command
//!   prints as JSON.
#![forbid(unsafe_code)]

pub mod blocks;
mod counts;
mod devices;
pub mod diff;
mod filter;
mod kind_set;
mod live;
pub mod merge;
mod statistics;
mod verdict;

pub use counts::RecordCounts;
pub use devices::{Device, Devices, Place};
pub use filter::{
    AddressRange, CriterionError, DeviceSelector, Filter, FilterError, Selector, TimeRange,
    ValueMatch,
};
pub use kind_set::KindSet;
pub use statistics::{
    AccessCounts, Gap, GapCount, Gaps, MappingStatistics, PcStatistics, Phase, PidStatistics,
    Rates, Region, RegionStatistics, RegisterStatistics, Slice, Statistics, StatisticsBuilder,
    Timeline, ValueCount, ValueHistogram,
};
pub use verdict::{BackendName, Capture, Checker, Finding, FindingKind, MergedSource, Verdict};

/// The example of the README is tested as well.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
