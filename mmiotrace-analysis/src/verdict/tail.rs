//! The end of a trace, and whether it looks like one.

use mmiotrace_core::Timestamp;

/// A burst: so many accesses in a row, with nothing else between …
const BURST: usize = 16;

/// … within so many nanoseconds.
const BURST_NANOS: u64 = 1_000_000_000;

/// The times of the last accesses.
///
/// A capture that was ended on purpose ends in a marker, in an `UNMAP`, or when the driver is
/// quiet. One that was cut off (the machine hung, the disk was full, the reader was killed) ends
/// where the driver was at work. The format has no end record, so this is as much as can be told.
#[derive(Debug, Default)]
pub(super) struct Tail {
    times: [u64; BURST],
    run: usize,
}

impl Tail {
    #[inline]
    pub(super) fn access(&mut self, time: Timestamp) {
        self.times[self.run % BURST] = time.as_nanos();
        self.run += 1;
    }

    #[inline]
    pub(super) const fn other(&mut self) {
        self.run = 0;
    }

    /// Whether the trace ends within a burst of accesses.
    pub(super) fn is_burst(&self) -> bool {
        let newest = self.times[self.run.wrapping_sub(1) % BURST];
        let oldest = self.times[self.run % BURST];
        self.run >= BURST && newest.saturating_sub(oldest) < BURST_NANOS
    }
}
