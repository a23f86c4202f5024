//! How to capture.

use mmiotrace_kmod::Geometry;

/// How accesses of several threads are put in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// One after the other, as the device sees them: threads wait for one another around an access.
    #[default]
    Total,
    /// Threads do not wait. Accesses of two threads at the same moment may stand in either order.
    Interval,
}

/// What happens when records come faster than they are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnFull {
    /// Whoever makes an access waits.
    #[default]
    Block,
    /// Accesses are dropped, and counted.
    Drop,
}

/// How to capture; for [`Process`](super::Process).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub(super) order: Order,
    pub(super) on_full: OnFull,
    pub(super) no_pc: bool,
    pub(super) exact_threads: bool,
    pub(super) header: bool,
    pub(super) slots: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// Total order, block when full, 4 rings of 32,768 records, with instruction addresses, without
    /// header lines.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            order: Order::Total,
            on_full: OnFull::Block,
            no_pc: false,
            exact_threads: false,
            header: false,
            slots: 32_768,
        }
    }

    /// The order. Default: total.
    #[must_use]
    pub const fn with_order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// What a full ring does. Default: block.
    #[must_use]
    pub const fn with_on_full(mut self, on_full: OnFull) -> Self {
        self.on_full = on_full;
        self
    }

    /// Leaves the addresses of instructions out, for clean-room work. Default: they are recorded.
    #[must_use]
    pub const fn without_pc(mut self) -> Self {
        self.no_pc = true;
        self
    }

    /// Asks the kernel for the thread's id at every access, so that the records of a child of
    /// `vfork` carry its own. Costs some per cent. Default: asked once for each thread.
    #[must_use]
    pub const fn with_exact_threads(mut self) -> Self {
        self.exact_threads = true;
        self
    }

    /// Begins the capture with VERSION, PCIDEV and LSPCI lines of this machine. Default: without.
    #[must_use]
    pub const fn with_header(mut self) -> Self {
        self.header = true;
        self
    }

    /// How many records each of the four rings holds before it is full: a power of two, 128 to
    /// 2^28, 64 bytes each. Default: 32,768.
    #[must_use]
    pub const fn with_ring_slots(mut self, slots: u32) -> Self {
        self.slots = slots;
        self
    }

    pub(super) const fn geometry(&self) -> Geometry {
        Geometry {
            contexts: 256,
            rings: 4,
            slots: self.slots,
        }
    }

    pub(super) fn channel(&self) -> mmiotrace_kmod::Options {
        let mut options = mmiotrace_kmod::Options::default();
        options.order = match self.order {
            Order::Total => mmiotrace_kmod::DeviceOrder::Total,
            Order::Interval => mmiotrace_kmod::DeviceOrder::Interval,
        };
        options.on_full = match self.on_full {
            OnFull::Block => mmiotrace_kmod::OnFull::Block,
            OnFull::Drop => mmiotrace_kmod::OnFull::Drop,
        };
        options.no_pc = self.no_pc;
        options
    }
}
