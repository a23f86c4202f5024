//! The figures of a capture.

use super::RingStats;

/// The figures of a capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Figures {
    /// The size of the ring, in KiB for each recording CPU.
    pub buffer_kib: u64,
    /// CPUs that were on-line while it recorded. With more than one, accesses may be missing that
    /// nothing counts.
    pub cpus: u64,
    /// The kernel's own counters: when last looked at, or at the end.
    pub ring: RingStats,
    /// Records that came out of the ring. Equal to `ring.read_events`, unless markers with
    /// newlines or NULs made lines of their own or none.
    pub records: u64,
    /// Events that the kernel's lines call lost.
    pub announced_lost: u64,
    /// Events that are lost: the larger of what the lines say and what the counters say.
    pub lost: u64,
    /// Markers written by this process.
    pub markers: u64,
    /// Bytes given on.
    pub bytes: u64,
    /// The size of the ring that would have held everything, in KiB; `None` where nothing was lost.
    pub advised_kib: Option<u64>,
}
