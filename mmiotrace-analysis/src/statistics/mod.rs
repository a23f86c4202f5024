//! What is in a trace, in numbers.

mod access_counts;
mod builder;
mod rates;
mod table;

pub use access_counts::AccessCounts;
pub use builder::StatisticsBuilder;
pub use rates::Rates;

use crate::RecordCounts;
use mmiotrace_core::{MapId, PhysAddr, Timestamp};

/// What is in a trace, in numbers. Made by a [`StatisticsBuilder`].
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Statistics {
    /// How many lines of each kind.
    pub records: RecordCounts,
    /// Events that the trace says are missing, as told by the tracer's markers alone; for the
    /// exact number, and every other doubt, take a `Checker`.
    pub lost_events: u64,
    /// How fast accesses came.
    pub rates: Rates,
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
    /// The accesses.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub accesses: AccessCounts,
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
use serialization::{as_hex, as_hex_number};
