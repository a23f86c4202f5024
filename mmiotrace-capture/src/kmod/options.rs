//! What is captured, and how.

use super::Premapped;
use core::ops::Range;
use core::time::Duration;
use mmiotrace_core::PhysAddr;

/// How accesses of several CPUs are put in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// Exactly as the device sees them: one lock around number and access.
    #[default]
    Total,
    /// Without a lock: accesses that two CPUs make at the same time may stand in either order.
    Interval,
}

/// Bytes of one ring unless another size is asked for: 262,144 accesses.
pub const RING_BYTES: u64 = 16 << 20;

/// What is captured, and how.
#[derive(Clone, Debug)]
pub struct Options {
    pub(super) ranges: Vec<Range<PhysAddr>>,
    pub(super) premapped: Vec<Premapped>,
    pub(super) ring_bytes: u64,
    pub(super) order: Order,
    pub(super) no_pc: bool,
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
    /// No mapping is traced yet; rings of 16 MiB, total order.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            ranges: Vec::new(),
            premapped: Vec::new(),
            ring_bytes: RING_BYTES,
            order: Order::Total,
            no_pc: false,
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

    /// The size of each CPU's ring in bytes, rounded up to a power of two between 8 KiB and 16 GiB.
    /// An access takes 64.
    #[must_use]
    pub const fn with_ring_bytes(mut self, bytes: u64) -> Self {
        self.ring_bytes = bytes;
        self
    }

    /// How accesses of several CPUs are put in order.
    #[must_use]
    pub const fn with_order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// Leaves the addresses of instructions out.
    #[must_use]
    pub const fn without_pc(mut self) -> Self {
        self.no_pc = true;
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
        let slots = (self.ring_bytes / 64)
            .clamp(128, 1 << 28)
            .next_power_of_two();
        u32::try_from(slots).unwrap_or(1 << 28)
    }
}
