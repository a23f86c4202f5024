//! The figures that the kernel keeps of its ring.

use super::control::TraceDir;

/// The counters of `per_cpu/cpuN/stats` (`tracing_stats_read` in `kernel/trace/trace.c`), summed over
/// the CPUs that recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RingStats {
    /// Entries that wait to be read.
    pub entries: u64,
    /// Entries that were overwritten before they were read.
    pub overrun: u64,
    /// Entries that found the ring full of unfinished ones.
    pub commit_overrun: u64,
    /// Bytes that wait to be read.
    pub bytes: u64,
    /// Entries that were refused, where the ring does not overwrite.
    pub dropped_events: u64,
    /// Entries that were read.
    pub read_events: u64,
}

impl RingStats {
    pub(super) fn read(dir: &TraceDir, cpus: &[u32]) -> Self {
        let mut stats = Self::default();
        for cpu in cpus {
            // A CPU without ring has recorded nothing.
            let text = dir
                .read(&format!("per_cpu/cpu{cpu}/stats"))
                .unwrap_or_default();
            stats.add(&text);
        }
        stats
    }

    fn add(&mut self, text: &str) {
        for line in text.lines() {
            let Some((name, value)) = line.split_once(": ") else {
                continue;
            };
            let sum = match name {
                "entries" => &mut self.entries,
                "overrun" => &mut self.overrun,
                "commit overrun" => &mut self.commit_overrun,
                "bytes" => &mut self.bytes,
                "dropped events" => &mut self.dropped_events,
                "read events" => &mut self.read_events,
                _ => continue,
            };
            *sum = sum.saturating_add(value.trim().parse().unwrap_or_default());
        }
    }

    /// Entries that nobody will ever read.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.overrun
            .saturating_add(self.commit_overrun)
            .saturating_add(self.dropped_events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_text() {
        let mut stats = RingStats::default();
        let text = "entries: 3\noverrun: 14536\ncommit overrun: 0\nbytes: 180\noldest event ts:  13.7\n\
                    now ts: 14.0\ndropped events: 1\nread events: 984\n";
        stats.add(text);
        stats.add(text);
        assert_eq!(stats.entries, 6);
        assert_eq!(stats.read_events, 1968);
        assert_eq!(stats.lost(), 2 * 14537);
    }
}
