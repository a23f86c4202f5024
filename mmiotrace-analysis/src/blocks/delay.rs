//! Which pauses are the driver's.

use core::time::Duration;

/// Tells a delay from the time that tracing itself takes, which differs a hundredfold between
/// machines: a gap counts that is 16 times as long as the usual one.
#[derive(Clone, Debug)]
pub(super) struct Delays {
    fixed: Option<Duration>,
    /// Gaps by the binary logarithm of their nanoseconds.
    counts: [u64; 64],
    total: u64,
}

impl Delays {
    pub(super) const fn new(fixed: Option<Duration>) -> Self {
        Self {
            fixed,
            counts: [0; 64],
            total: 0,
        }
    }

    pub(super) fn learn(&mut self, gap: Duration) {
        let nanos = u64::try_from(gap.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.counts[nanos.ilog2() as usize] += 1;
        self.total += 1;
    }

    /// The shortest gap that is a delay: never under 20 µs, nor over 20 ms.
    pub(super) fn threshold(&self) -> Duration {
        if let Some(fixed) = self.fixed {
            return fixed;
        }
        let mut seen = 0;
        let median = self.counts.iter().position(|count| {
            seen += count;
            seen * 2 >= self.total
        });
        let usual = 1u64 << median.unwrap_or(0).min(40);
        Duration::from_nanos((usual * 16).clamp(20_000, 20_000_000))
    }
}
