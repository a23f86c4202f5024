//! What is in a trace, in numbers.

mod access_counts;
mod builder;
mod phases;
mod rates;
mod table;
mod timeline;
mod values;

pub use access_counts::AccessCounts;
pub use builder::StatisticsBuilder;
pub use phases::Phase;
pub use rates::Rates;
pub use timeline::{Gap, GapCount, Gaps, Slice, Timeline};
pub use values::{ValueCount, ValueHistogram};

use crate::RecordCounts;
use mmiotrace_core::{MapId, PhysAddr, Timestamp, VirtAddr};

/// What is in a trace, in numbers. Made by a [`StatisticsBuilder`].
///
/// Told apart are the first 50,000 registers, and the first 4,096 program counters, mappings,
/// regions, threads and phases. The first 8,192 histograms of values are kept (of a register one
/// for reads and one for writes), each with the first 16 values.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Statistics {
    /// How many lines of each kind.
    pub records: RecordCounts,
    /// Events that the trace says are missing, as told by the tracer's markers alone; for the
    /// exact number, and every other doubt, take a `Checker`.
    pub lost_events: u64,
    /// All accesses.
    pub accesses: AccessCounts,
    /// Reads divided by writes; `None` where nothing was written.
    pub reads_per_write: Option<f64>,
    /// How fast accesses came.
    pub rates: Rates,
    /// Accesses over time.
    pub timeline: Timeline,
    /// How long there were none.
    pub gaps: Gaps,
    /// Accesses by mapping, in the order in which the mappings came up.
    pub mappings: Vec<MappingStatistics>,
    /// Accesses through mappings beyond those that are listed.
    pub accesses_of_other_mappings: u64,
    /// Accesses by memory range of a device, in the order in which they came up. Where the trace
    /// names no device at an address, the mapping takes its place.
    pub regions: Vec<RegionStatistics>,
    /// Accesses by register, those with most accesses first.
    pub registers: Vec<RegisterStatistics>,
    /// Accesses to registers beyond those that are told apart.
    pub accesses_of_other_registers: u64,
    /// Accesses by the instruction that made them, those with most accesses first. A tracer that
    /// does not look for program counters prints 0.
    pub pcs: Vec<PcStatistics>,
    /// Accesses by instructions beyond those that are told apart.
    pub accesses_of_other_pcs: u64,
    /// Accesses by thread, those with most accesses first. The kernel's tracer always prints 0.
    pub pids: Vec<PidStatistics>,
    /// Accesses by threads beyond those that are told apart.
    pub accesses_of_other_pids: u64,
    /// Accesses between one marker and the next, in the order of the trace. Those before the first
    /// marker are a phase too, if there are any.
    pub phases: Vec<Phase>,
    /// Accesses in phases beyond those that are told apart.
    pub accesses_of_other_phases: u64,
}

/// The accesses of one instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PcStatistics {
    /// Its address; 0 where the tracer told none.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_displayed"))]
    pub pc: VirtAddr,
    /// The symbol that it lies in, with the offset there, for whoever knows symbols; a builder does
    /// not.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub symbol: Option<String>,
    /// The accesses.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub accesses: AccessCounts,
}

/// The accesses of one thread.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PidStatistics {
    /// Its number; 0 where the tracer told none.
    pub pid: i32,
    /// The accesses.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub accesses: AccessCounts,
}

/// The accesses through one mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct MappingStatistics {
    /// Its number.
    pub map_id: MapId,
    /// Its first physical address; `None` where the trace has no `MAP` of it.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_hex"))]
    pub phys: Option<PhysAddr>,
    /// Its length in bytes.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_hex"))]
    pub len: Option<u64>,
    /// The accesses.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub accesses: AccessCounts,
}

/// What registers are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Region {
    /// A memory range of a PCI device.
    Bar {
        /// Bus number.
        bus: u8,
        /// Device (bits 7:3) and function (bits 2:0).
        devfn: u8,
        /// BAR 0 to 5; 6 is the expansion ROM.
        bar: u8,
    },
    /// Mapped addresses at which the trace names no device.
    Mapping {
        /// The first physical address.
        phys: PhysAddr,
    },
    /// Addresses that are not mapped; offsets are the addresses themselves.
    Unmapped,
}

/// The accesses to one region.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RegionStatistics {
    /// Which.
    pub region: Region,
    /// The accesses.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub accesses: AccessCounts,
}

/// The accesses to one register: the place where an access begins.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RegisterStatistics {
    /// Where it is.
    pub region: Region,
    /// Its offset in the region, in bytes.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_hex_number"))]
    pub offset: u64,
    /// Its name, where one was given.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub name: Option<Box<str>>,
    /// The accesses.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub accesses: AccessCounts,
    /// What was read from it; `None` where nothing was, or no more histograms are kept.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub read_values: Option<Box<ValueHistogram>>,
    /// What was written to it.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub written_values: Option<Box<ValueHistogram>>,
}

impl core::fmt::Display for Region {
    /// `00:02.0 BAR 0`, `mapping at 0xfebc0000`, `unmapped`.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Bar { bus, devfn, bar } => {
                write!(f, "{} BAR {bar}", crate::devices::SlotName(*bus, *devfn))
            }
            Self::Mapping { phys } => write!(f, "mapping at {phys}"),
            Self::Unmapped => f.write_str("unmapped"),
        }
    }
}

impl Statistics {
    /// From the first record with a time to the last, in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        let span =
            |first: Timestamp, last: Timestamp| last.since(first).unwrap_or_default().as_secs_f64();
        self.rates
            .first_time
            .zip(self.rates.last_time)
            .map_or(0.0, |(first, last)| span(first, last))
    }
}

#[cfg(feature = "serde")]
mod serialization {
    use super::Region;
    use crate::devices::SlotName;
    use core::fmt::LowerHex;
    use mmiotrace_core::{Timestamp, VirtAddr};
    use serde::ser::{Serialize, SerializeMap, Serializer};

    #[expect(clippy::ref_option, reason = "serde's interface")]
    pub(super) fn as_hex<T: LowerHex, S: Serializer>(
        number: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match number {
            Some(number) => serializer.collect_str(&format_args!("{number:#x}")),
            None => serializer.serialize_none(),
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's interface")]
    pub(super) fn as_hex_number<S: Serializer>(
        number: &u64,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        as_hex(&Some(*number), serializer)
    }

    #[expect(clippy::ref_option, reason = "serde's interface")]
    pub(super) fn as_printed_or_none<S: Serializer>(
        time: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => serializer.collect_str(time),
            None => serializer.serialize_none(),
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's interface")]
    pub(super) fn as_printed<S: Serializer>(
        time: &Timestamp,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(time)
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's interface")]
    pub(super) fn as_displayed<S: Serializer>(
        address: &VirtAddr,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(address)
    }

    impl Serialize for Region {
        /// `{"device":"00:02.0","bar":0}`, `{"mapping":"0xfebc0000"}` or `{}`.
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            match self {
                Self::Bar { bus, devfn, bar } => {
                    map.serialize_entry("device", &SlotName(*bus, *devfn).to_string())?;
                    map.serialize_entry("bar", bar)?;
                }
                Self::Mapping { phys } => map.serialize_entry("mapping", &phys.to_string())?,
                Self::Unmapped => {}
            }
            map.end()
        }
    }
}

#[cfg(feature = "serde")]
use serialization::{as_displayed, as_hex, as_hex_number, as_printed, as_printed_or_none};
