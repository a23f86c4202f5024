//! Lost events, each counted once.

use super::capture::Capture;
use super::groups::Tally;

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
/// The kernel reports a loss twice: as `MARK 0.000000 Lost n events.`, which sums over CPUs and also
/// has events that did not fit, and as `CPU:n [LOST k EVENTS]`, which ftrace prints when the reader
/// meets the gap in one CPU's ring, before the marker or up to thousands of lines after it. So both
/// accounts are kept, and the larger of the two sums is the count.
#[derive(Debug, Default)]
pub(super) struct Losses {
    by_marker: u64,
    by_cpu: u64,
    first_line: Option<u64>,
}

impl Losses {
    /// `MARK … Lost n events.`, the two numbers of the header of `trace`, or an annotation.
    pub(super) fn reported(&mut self, line: u64, count: u64) {
        self.by_marker = self.by_marker.saturating_add(count);
        self.at(line, count);
    }

    /// `CPU:n [LOST k EVENTS]`; without number it is one at least.
    pub(super) fn reported_by_cpu(&mut self, line: u64, count: Option<u64>) {
        let count = count.unwrap_or(1);
        self.by_cpu = self.by_cpu.saturating_add(count);
        self.at(line, count);
    }

    fn at(&mut self, line: u64, count: u64) {
        if count > 0 {
            self.first_line.get_or_insert(line);
        }
    }

    pub(super) const fn total(&self) -> u64 {
        if self.by_marker > self.by_cpu {
            self.by_marker
        } else {
            self.by_cpu
        }
    }

    pub(super) fn tally(&self) -> Option<Tally> {
        self.first_line.map(|line| Tally {
            line,
            count: self.total(),
        })
    }
}

/// Which buffer would have held them.
pub(super) fn advice(capture: &Capture, events: u64, lost: u64) -> String {
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
        _ => {
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

    /// `M` reports by marker, `C` by CPU.
    fn total(reported: &[(char, u64)]) -> u64 {
        let mut losses = Losses::default();
        for (by, count) in reported {
            match by {
                'M' => losses.reported(1, *count),
                _ => losses.reported_by_cpu(1, Some(*count)),
            }
        }
        losses.total()
    }

    #[test]
    fn a_loss_reported_twice_counts_once() {
        let fixture = [('M', 2576), ('M', 8004), ('C', 10580), ('M', 92), ('C', 92)];
        assert_eq!(total(&fixture), 10672);
        assert_eq!(total(&[('M', 100), ('C', 60), ('C', 40)]), 100);
        // cases/r90
        assert_eq!(total(&[('C', 30), ('M', 30), ('C', 7), ('M', 7)]), 37);
    }

    #[test]
    fn the_larger_account_counts() {
        assert_eq!(total(&[('C', 7)]), 7);
        assert_eq!(total(&[('M', 10), ('C', 15)]), 15);
        assert_eq!(total(&[('M', 10), ('C', 4), ('C', 5)]), 10);
        assert_eq!(total(&[('M', 10), ('C', 4), ('M', 5), ('C', 5)]), 15);
        let mut losses = Losses::default();
        losses.reported_by_cpu(3, None);
        assert_eq!(losses.tally(), Some(Tally { line: 3, count: 1 }));
    }

    #[test]
    fn advice_names_a_size() {
        assert!(advice(&Capture::Kernel, 980, 13_616).contains("echo 2048 >"));
        assert!(advice(&Capture::Kernel, 0, 1_000_000).contains("echo 65536 >"));
        assert!(advice(&Capture::Kernel, 0, u64::MAX).contains("largest"));
    }
}
