//! Time stamps in nanoseconds, printed as the kernel prints them.

use core::fmt;
use core::time::Duration;

/// A time on the clock of the capture, in nanoseconds.
///
/// The origin is the clock's (for the kernel's tracer: boot, on the clock chosen by
/// `trace_clock`); only differences mean something between traces. The stamp of an access is
/// taken after the access (`kernel/trace/trace_mmiotrace.c` logs in the post handler).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Timestamp(u64);

impl Timestamp {
    /// Time zero, which the kernel prints for `MARK 0.000000 Lost n events.`.
    pub const ZERO: Self = Self(0);

    /// A stamp from nanoseconds.
    #[must_use]
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// A stamp from microseconds, the unit of the text format; `None` past 2^64 ns (584 years).
    #[must_use]
    #[inline]
    pub const fn from_micros(micros: u64) -> Option<Self> {
        match micros.checked_mul(1000) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// The stamp in nanoseconds.
    #[must_use]
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The stamp in microseconds, rounded as the kernel rounds: `(ns + 500) / 1000`.
    #[must_use]
    #[inline]
    pub const fn as_micros_rounded(self) -> u64 {
        self.0.saturating_add(500) / 1000
    }

    /// The time that passed since `earlier`, or `None` where that is later than this.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Option<Duration> {
        match self.0.checked_sub(earlier.0) {
            Some(nanos) => Some(Duration::from_nanos(nanos)),
            None => None,
        }
    }
}

impl fmt::Display for Timestamp {
    /// `seconds.microseconds`, seconds unpadded, six digits of microseconds: the kernel's form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.as_micros_rounded();
        write!(f, "{}.{:06}", micros / 1_000_000, micros % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn rounds_half_up_as_the_kernel_does() {
        assert_eq!(Timestamp::from_nanos(1_499).to_string(), "0.000001");
        assert_eq!(Timestamp::from_nanos(1_500).to_string(), "0.000002");
        assert_eq!(Timestamp::from_nanos(999_999_500).to_string(), "1.000000");
        assert_eq!(
            Timestamp::from_nanos(u64::MAX).to_string(),
            "18446744073.709551"
        );
    }
}
