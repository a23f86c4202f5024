//! What is captured, and how.

use super::Premapped;
use crate::RingOptions;
use core::ops::Range;
use core::time::Duration;
use mmiotrace_core::PhysAddr;

/// Records in the ring of each CPU, unless another number is asked for.
const SLOTS: u32 = 262_144;

/// Bytes of one ring unless another size is asked for.
pub const RING_BYTES: u64 = 64 * SLOTS as u64;

/// What is captured, and how.
#[derive(Clone, Debug)]
pub struct Options {
    pub(super) ranges: Vec<Range<PhysAddr>>,
    pub(super) premapped: Vec<Premapped>,
    pub(super) ring: RingOptions,
    pub(super) death_timeout: Option<Duration>,
    pub(super) resume: bool,
    pub(super) header: bool,
    pub(super) keep: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// No mapping is traced yet; the defaults of [`RingOptions`].
    #[must_use]
    pub const fn new() -> Self {
        Self {
            ranges: Vec::new(),
            premapped: Vec::new(),
            ring: RingOptions::new(),
            death_timeout: None,
            resume: false,
            header: true,
            keep: false,
        }
    }

    /// Also traces mappings that touch this range of physical addresses and are made while the
    /// capture runs.
    #[must_use]
    pub fn with_range(mut self, range: Range<PhysAddr>) -> Self {
        self.ranges.push(range);
        self
    }

    /// Traces every mapping that is made while the capture runs.
    #[must_use]
    pub fn with_all(self) -> Self {
        self.with_range(PhysAddr(0)..PhysAddr(u64::MAX))
    }

    /// Also traces a mapping that exists already.
    #[must_use]
    pub fn with_premapped(mut self, mapping: Premapped) -> Self {
        self.premapped.push(mapping);
        self
    }

    /// Order, rings, and what is recorded.
    #[must_use]
    pub const fn with_ring(mut self, ring: RingOptions) -> Self {
        self.ring = ring;
        self
    }

    /// If this recorder dies, the module disarms after that time. Without this it goes on into its
    /// rings for as long as it takes.
    #[must_use]
    pub const fn with_death_timeout(mut self, timeout: Duration) -> Self {
        self.death_timeout = Some(timeout);
        self
    }

    /// Continues a capture whose recorder is gone, instead of beginning one.
    #[must_use]
    pub const fn resuming(mut self) -> Self {
        self.resume = true;
        self
    }

    /// Leaves records in the module's rings until [`Kmod::written`](super::Kmod::written) says that
    /// they are on disk: if the recorder dies, the next one finds all that was not. A capture that
    /// [resumes](Self::resuming) always does.
    #[must_use]
    pub const fn keeping_until_written(mut self) -> Self {
        self.keep = true;
        self
    }

    /// Leaves out the VERSION, PCIDEV and LSPCI lines at the beginning, and the marker that says which
    /// backend captured.
    #[must_use]
    pub const fn without_header(mut self) -> Self {
        self.header = false;
        self
    }

    /// Slots of 64 bytes in a ring.
    pub(super) fn slots(&self) -> u32 {
        self.ring.slots_or(SLOTS)
    }
}
