//! What a run left for its judge.

use crate::compare::{self, Range, Report};
use crate::device_log::DeviceLog;
use crate::devices::Device;
use crate::machine::Outcome;
use crate::trace::Trace;
use host::error::{AtPath, Result};
use std::path::PathBuf;

/// What a run left for its judge.
pub(crate) struct Evidence {
    /// The trace, where the run leaves one.
    pub(crate) trace: Trace,
    pub(crate) log: DeviceLog,
    /// The memory ranges of each device under test.
    pub(crate) ranges: Vec<(&'static Device, Vec<Range>)>,
    /// What the guest handed out.
    pub(crate) folder: PathBuf,
}

impl Evidence {
    pub(crate) fn gather(outcome: &Outcome, devices: Vec<&'static Device>) -> Result<Self> {
        let path = outcome.out.join("pci");
        let pci = std::fs::read_to_string(&path).at(&path)?;
        let ranges = devices
            .into_iter()
            .map(|device| (device, ranges_of(&pci, device.pci)))
            .collect();
        let trace = outcome.out.join("trace");
        Ok(Self {
            trace: if trace.exists() {
                Trace::read(&trace)?
            } else {
                Trace::default()
            },
            log: DeviceLog::read(&outcome.device_log)?,
            ranges,
            folder: outcome.out.clone(),
        })
    }

    /// The devices' log between the phases 1 and 2 against a trace.
    pub(crate) fn compare(&self, trace: &Trace, windows: &[Range]) -> Report {
        compare::compare(
            &self.log,
            self.log.between(Some(1), Some(2)),
            &trace.accesses,
            windows,
        )
    }

    /// As [`compare`](Self::compare), between any two phases.
    pub(crate) fn compare_between(&self, phases: (u8, u8), trace: &Trace) -> Report {
        compare::compare(
            &self.log,
            self.log.between(Some(phases.0), Some(phases.1)),
            &trace.accesses,
            &self.all_windows(),
        )
    }

    /// As [`compare_between`](Self::compare_between), where the trace begins later than the phase.
    pub(crate) fn compare_end(&self, phases: (u8, u8), trace: &Trace) -> Report {
        let whole = self.compare_between(phases, trace);
        let windows = self.all_windows();
        let inside = |phys: u64| windows.iter().any(|window| window.contains(&phys));
        let device = self.log.between(Some(phases.0), Some(phases.1));
        let device = device.filter(|access| inside(access.phys));
        let device = device.skip(whole.device.saturating_sub(whole.trace));
        compare::compare(&self.log, device, &trace.accesses, &windows)
    }

    /// The memory ranges of all devices under test.
    pub(crate) fn all_windows(&self) -> Vec<Range> {
        self.ranges
            .iter()
            .flat_map(|(_, windows)| windows.iter().cloned())
            .collect()
    }
}

/// The memory ranges that the guest's list has for a device.
pub(crate) fn ranges_of(pci: &str, device: &str) -> Vec<Range> {
    let hex = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).ok();
    pci.lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, vendor, number, start, end, _] = words[..] else {
                return None;
            };
            (format!("{vendor} {number}") == device).then_some(())?;
            Some(hex(start)?..hex(end)?.checked_add(1)?)
        })
        .collect()
}
