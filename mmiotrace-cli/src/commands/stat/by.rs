//! What accesses are counted by, and those rows as data.

use mmiotrace_analysis::{
    Gaps, MappingStatistics, PcStatistics, Phase, PidStatistics, RegionStatistics,
    RegisterStatistics, Statistics, Timeline,
};
use serde::Serialize;

/// What accesses are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum By {
    /// Register
    Register,
    /// Register and value
    Value,
    /// BAR of a device
    Region,
    /// Mapping
    Map,
    /// Program counter
    Pc,
    /// Thread
    Pid,
    /// Phase from one marker to the next
    Mark,
    /// Slice of time
    Time,
    /// Length of the time between accesses
    Gap,
}

/// The rows of one table, under the name that they have in the whole report.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rows<'s> {
    Registers(&'s [RegisterStatistics]),
    Regions(&'s [RegionStatistics]),
    Mappings(&'s [MappingStatistics]),
    Pcs(&'s [PcStatistics]),
    Pids(&'s [PidStatistics]),
    Phases(&'s [Phase]),
    Timeline(&'s Timeline),
    Gaps(&'s Gaps),
}

impl By {
    pub(super) fn rows(self, statistics: &Statistics) -> Rows<'_> {
        match self {
            Self::Register | Self::Value => Rows::Registers(&statistics.registers),
            Self::Region => Rows::Regions(&statistics.regions),
            Self::Map => Rows::Mappings(&statistics.mappings),
            Self::Pc => Rows::Pcs(&statistics.pcs),
            Self::Pid => Rows::Pids(&statistics.pids),
            Self::Mark => Rows::Phases(&statistics.phases),
            Self::Time => Rows::Timeline(&statistics.timeline),
            Self::Gap => Rows::Gaps(&statistics.gaps),
        }
    }
}
