//! Lost events, each counted once.

use super::capture::Capture;
use super::groups::Tally;
use std::collections::HashSet;

/// Bytes of an access in the kernel's ring: 4 of header, 8 that every event has, 32 of the access
/// (`struct mmiotrace_rw`). A page holds 92: losses of whole pages in real traces are multiples of
/// that.
const EVENTS_PER_PAGE: u64 = 92;
const PAGE_KB: u64 = 4;

/// The kernel's ring unless one is set: 1408 KiB per CPU (`kernel/trace/trace.c`).
const DEFAULT_KB: u64 = 1408;

/// Above this a ring of that size per CPU is no advice any more.
const MAX_KB: u64 = 4 << 20;

/// Counts lost events.
///
/// The kernel tells a loss twice: as `MARK 0.000000 Lost n events.`, which sums over CPUs and also
/// has events that did not fit, and as `CPU:n [LOST k EVENTS]`, which ftrace prints for a gap in
/// one CPU's ring. The markers count. A `CPU` line counts only for what exceeds the markers since
/// the last `CPU` line; lines of several CPUs that follow one marker share it.
#[derive(Debug, Default)]
pub(super) struct Losses {
    total: u64,
    first_line: Option<u64>,
    /// What markers told and no `CPU` line has told again.
    unclaimed: u64,
    /// The part of it that markers told after the last `CPU` line.
    since_cpu_line: u64,
    claimed_by: HashSet<u32>,
}

/// CPUs beyond so many are taken for one.
const MAX_CPUS: usize = 8192;

impl Losses {
    /// `MARK … Lost n events.`, the two numbers of the header of `trace`, or a capture's own word.
    pub(super) fn told(&mut self, line: u64, count: u64) {
        self.add(line, count);
        self.unclaimed = self.unclaimed.saturating_add(count);
        self.since_cpu_line = self.since_cpu_line.saturating_add(count);
    }

    /// `CPU:n [LOST k EVENTS]`, or without number.
    pub(super) fn told_by_cpu(&mut self, line: u64, cpu: u32, count: Option<u64>) {
        if self.claimed_by.contains(&cpu) || self.claimed_by.len() >= MAX_CPUS {
            // Its second line: what was told before its first is done with.
            self.claimed_by.clear();
            self.unclaimed = self.since_cpu_line;
        }
        self.claimed_by.insert(cpu);
        self.since_cpu_line = 0;
        match count {
            Some(count) => {
                let again = count.min(self.unclaimed);
                self.unclaimed -= again;
                if count > again {
                    self.add(line, count - again);
                }
            }
            // At least one, where no marker told more.
            None if self.unclaimed == 0 => self.add(line, 1),
            None => self.unclaimed = 0,
        }
    }

    fn add(&mut self, line: u64, count: u64) {
        self.total = self.total.saturating_add(count);
        if count > 0 {
            self.first_line.get_or_insert(line);
        }
    }

    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn tally(&self) -> Option<Tally> {
        self.first_line.map(|line| Tally {
            line,
            count: self.total,
        })
    }
}

/// Which buffer would have held them.
pub(super) fn advice(capture: Capture, events: u64, lost: u64) -> String {
    match capture {
        Capture::Kernel => {
            let pages = events.saturating_add(lost).div_ceil(EVENTS_PER_PAGE);
            let kb = pages.saturating_mul(PAGE_KB).max(DEFAULT_KB + 1);
            let kb = kb.checked_next_power_of_two().unwrap_or(u64::MAX);
            if kb > MAX_KB {
                return format!(
                    "set the largest buffer that memory allows (echo {MAX_KB} > /sys/kernel/tracing/buffer_size_kb), read trace_pipe all the time, and capture again"
                );
            }
            format!(
                "capture again with a buffer that holds all of it: echo {kb} > /sys/kernel/tracing/buffer_size_kb before the tracer is switched on"
            )
        }
        Capture::Merged => {
            "check each source by itself: it says which buffer would have held them".to_owned()
        }
        Capture::Imported => "look at the lines that could not be read, or record again".to_owned(),
        Capture::Process | Capture::Kmod | Capture::Unknown => {
            let all = events
                .saturating_add(lost)
                .checked_next_power_of_two()
                .unwrap_or(u64::MAX);
            format!(
                "capture again with a ring that holds all {all} events, or with a faster reader"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `M` tells by marker, `C` by CPU.
    fn total(told: &[(char, u32, u64)]) -> u64 {
        let mut losses = Losses::default();
        for (what, cpu, count) in told {
            match what {
                'M' => losses.told(1, *count),
                _ => losses.told_by_cpu(1, *cpu, Some(*count)),
            }
        }
        losses.total()
    }

    #[test]
    fn one_loss_told_twice_counts_once() {
        assert_eq!(
            total(&[
                ('M', 0, 2576),
                ('M', 0, 8004),
                ('C', 0, 10580),
                ('M', 0, 92),
                ('C', 0, 92)
            ]),
            10672
        );
        assert_eq!(total(&[('M', 0, 100), ('C', 0, 60), ('C', 1, 40)]), 100);
    }

    #[test]
    fn what_only_a_cpu_line_tells_counts() {
        assert_eq!(total(&[('C', 0, 7)]), 7);
        assert_eq!(total(&[('M', 0, 10), ('C', 0, 15)]), 15);
        assert_eq!(total(&[('M', 0, 10), ('C', 0, 4), ('C', 0, 5)]), 15);
        assert_eq!(
            total(&[('M', 0, 10), ('C', 0, 4), ('M', 0, 5), ('C', 0, 5)]),
            15
        );
    }

    #[test]
    fn advice_names_a_size() {
        assert!(advice(Capture::Kernel, 980, 13_616).contains("echo 2048 >"));
        assert!(advice(Capture::Kernel, 0, 1_000_000).contains("echo 65536 >"));
        assert!(advice(Capture::Kernel, 0, u64::MAX).contains("largest"));
    }
}
