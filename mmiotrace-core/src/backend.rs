//! The interface of everything that captures.

use crate::EventSink;

/// Whether a backend has more to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DrainState {
    /// More is waiting; call again at once.
    Pending,
    /// Nothing is waiting now; more may come.
    Idle,
    /// Nothing will come any more: the source has ended, or the capture was stopped and all it
    /// held has been given.
    Ended,
}

/// What one call of [`CaptureBackend::drain`] gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Drained {
    /// How many things went to the sink (events, markers, losses, lines).
    pub records: u64,
    /// Whether there is more.
    pub state: DrainState,
}

/// The figures of a whole capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Summary {
    /// Events captured, lost ones not counted.
    pub events: u64,
    /// Events known to be lost.
    pub lost: u64,
    /// Blind intervals begun.
    pub blind_intervals: u64,
    /// Markers written.
    pub markers: u64,
}

/// A source of events: a kernel, a process, a file.
///
/// The order of calls is `start`, then `drain` and `marker` as often as wished, then `stop`, then
/// `drain` until it says [`DrainState::Ended`]. Dropping a backend stops it and restores what it
/// changed. Which regions are traced is the business of the backend types that have regions.
///
/// Usable as `dyn CaptureBackend<Error = E>`.
pub trait CaptureBackend {
    /// Why the backend could not go on. What was captured before is still drained.
    type Error: core::error::Error;

    /// What a trace calls this backend: one word of ASCII letters, digits, `-` and `_`. A recorder
    /// announces it at the beginning of a trace (`mmiotrace1 capture backend=NAME`), so that its
    /// mistakes are not looked for where another backend would have made them.
    fn name(&self) -> &str {
        "unknown"
    }

    /// Begins to capture.
    ///
    /// # Errors
    /// What the source says; nothing is changed then.
    fn start(&mut self) -> Result<(), Self::Error>;

    /// Gives what is waiting to the sink and returns. Never blocks.
    ///
    /// # Errors
    /// What the source says. Everything taken from it before has reached the sink.
    fn drain(&mut self, sink: &mut dyn EventSink) -> Result<Drained, Self::Error>;

    /// Writes a marker into the capture, at its place in the order of events.
    ///
    /// # Errors
    /// Where the source has no markers, or the text has the reserved beginning
    /// ([`RESERVED_MARKER_PREFIX`](crate::RESERVED_MARKER_PREFIX)).
    fn marker(&mut self, text: &[u8]) -> Result<(), Self::Error>;

    /// Ends the capture. What it still holds is drained afterwards.
    ///
    /// # Errors
    /// What the source says; as much as possible has been restored.
    fn stop(&mut self) -> Result<Summary, Self::Error>;
}
