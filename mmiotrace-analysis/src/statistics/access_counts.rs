//! How many accesses of each kind.

use mmiotrace_core::AccessKind;
use mmiotrace_core::Width;

/// How many accesses of each kind to some place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct AccessCounts {
    /// Reads.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
    /// Accesses that the kernel could not decode.
    pub unknown: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Bytes written.
    pub bytes_written: u64,
}

impl AccessCounts {
    /// All accesses.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.reads + self.writes + self.unknown
    }

    /// Reads divided by writes; `None` where nothing was written.
    #[must_use]
    pub fn reads_per_write(&self) -> Option<f64> {
        (self.writes > 0).then(|| self.reads as f64 / self.writes as f64)
    }

    /// Counts an access; one that could not be decoded has neither kind nor width.
    pub(super) fn add(&mut self, access: Option<(AccessKind, Width)>) {
        match access {
            Some((AccessKind::Read, width)) => {
                self.reads += 1;
                self.bytes_read += u64::from(width.bytes());
            }
            Some((AccessKind::Write, width)) => {
                self.writes += 1;
                self.bytes_written += u64::from(width.bytes());
            }
            None => self.unknown += 1,
        }
    }
}
