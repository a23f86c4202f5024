//! How a capture is to be made.

use super::Displaced;
use crate::machine::Root;

/// How large the kernel's ring is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Buffer {
    /// An eighth of the free memory, between 4 and 128 MiB; more where the last capture lost
    /// events and left word how much it would have needed.
    #[default]
    Auto,
    /// So many KiB for each CPU that stays on-line.
    Kib(u64),
}

/// The options of [`Tracefs`](super::Tracefs).
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub(super) root: Root,
    pub(super) buffer: Buffer,
    pub(super) take_over: bool,
    pub(super) clock: Option<String>,
    pub(super) output: Option<String>,
    pub(super) displaced: Option<Displaced>,
}

impl Options {
    /// The defaults: this machine, automatic ring, no taking over, the clock as it is.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The folder below which `/proc`, `/sys` and `/run` are; default `/`.
    #[must_use]
    pub fn root(mut self, root: Root) -> Self {
        self.root = root;
        self
    }

    /// The size of the ring; default [`Buffer::Auto`].
    #[must_use]
    pub fn buffer(mut self, buffer: Buffer) -> Self {
        self.buffer = buffer;
        self
    }

    /// Whether another tracer, or trace events, may be switched off for the capture and put back
    /// afterwards; default no: the capture is refused then.
    #[must_use]
    pub fn take_over(mut self, take_over: bool) -> Self {
        self.take_over = take_over;
        self
    }

    /// The trace clock (`local`, `global`, `mono`, `boot`, …); default: as it is.
    #[must_use]
    pub fn clock(mut self, clock: impl Into<String>) -> Self {
        self.clock = Some(clock.into());
        self
    }

    /// The name of the file that the trace goes to. Only told to the next start, should this
    /// process be killed.
    #[must_use]
    pub fn output(mut self, output: impl Into<String>) -> Self {
        self.output = Some(output.into());
        self
    }

    /// What [`Driver::prepare`](super::Driver::prepare) has found in the way: it is taken away just
    /// before the tracer starts. Where it is not there when everything is put back, it comes again.
    #[must_use]
    pub fn displace(mut self, displaced: Displaced) -> Self {
        self.displaced = Some(displaced);
        self
    }
}
