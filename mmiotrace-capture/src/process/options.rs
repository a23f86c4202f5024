//! How to capture in a process.

use crate::RingOptions;
use crate::engine::Geometry;

/// Records in each of the four rings, unless another number is asked for.
const SLOTS: u32 = 32_768;

/// How to capture; for [`Process`](super::Process) and [`Launch`](super::Launch).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    ring: RingOptions,
    pub(super) exact_threads: bool,
    pub(super) header: bool,
}

impl Options {
    /// The defaults of [`RingOptions`], without header lines.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            ring: RingOptions::new(),
            exact_threads: false,
            header: false,
        }
    }

    /// Order, rings, and what is recorded.
    #[must_use]
    pub const fn with_ring(mut self, ring: RingOptions) -> Self {
        self.ring = ring;
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

    pub(super) fn geometry(&self) -> Geometry {
        Geometry {
            contexts: 256,
            rings: 4,
            slots: self.ring.slots_or(SLOTS),
        }
    }

    pub(super) fn channel(&self) -> crate::engine::Options {
        self.ring.channel()
    }
}
