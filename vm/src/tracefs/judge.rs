//! What each capture must be, by the devices' log and the kernel's counters.

use super::DEVICES;
use super::text::{entries, expect, number_before};
use crate::compare::{self, Range, Report};
use crate::device_log::{DeviceAccess, DeviceLog};
use crate::devices::Device;
use crate::evidence::ranges_of;
use crate::trace::Trace;
use host::error::{AtPath, Result};
use std::path::PathBuf;

pub(super) struct Judge {
    pub(super) out: PathBuf,
    pub(super) log: DeviceLog,
    pub(super) devices: Vec<&'static Device>,
}

/// Captures with the phases of the log around them, in the order in which the guest makes them, and
/// the device that they trace.
const CAPTURES: [(&str, &str); 12] = [
    ("e1000", "e1000"),
    ("nvme", "nvme"),
    ("xhci", "xhci"),
    ("bind", "e1000"),
    ("tee-e1000", "e1000"),
    ("tee-nvme", "nvme"),
    ("tee-xhci", "xhci"),
    ("lossy", "e1000"),
    ("advised", "e1000"),
    ("stop-on-loss", "e1000"),
    ("bad-driver", "e1000"),
    ("take-over", "e1000"),
];

/// One of the judge's questions.
type Check = fn(&Judge) -> Result<()>;

impl Judge {
    pub(super) fn all(&self) -> Result<()> {
        let mut failures = Vec::new();
        let checks: [(&str, Check); 8] = [
            ("accesses", Self::accesses),
            ("counters", Self::counters),
            ("tee", Self::tee),
            ("losses", Self::losses),
            ("states", Self::states),
            ("statuses", Self::statuses),
            ("doctor", Self::doctor),
            ("bundle", Self::bundle),
        ];
        for (name, check) in checks {
            match check(self) {
                Ok(()) => println!("  ok: {name}"),
                Err(error) => {
                    println!("  FAILED: {name}: {error}");
                    failures.push(name);
                }
            }
        }
        if failures.is_empty() {
            Ok(())
        } else {
            Err(failures.join(", ").into())
        }
    }

    pub(super) fn text(&self, name: &str) -> Result<String> {
        let path = self.out.join(name);
        let bytes = std::fs::read(&path).at(&path)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    pub(super) fn trace(&self, name: &str) -> Result<Trace> {
        Trace::read(&self.out.join(format!("{name}.trace")))
    }

    fn windows(&self, device: &str) -> Result<Vec<Range>> {
        let pci = self.text("pci")?;
        let device = self.devices.iter().find(|known| known.name == device);
        Ok(device.map_or_else(Vec::new, |device| ranges_of(&pci, device.pci)))
    }

    /// The devices' accesses during a capture.
    fn phases(name: &str) -> Result<(Option<u8>, Option<u8>)> {
        let place = CAPTURES.iter().position(|(capture, _)| *capture == name);
        let number = u8::try_from(place.ok_or("no such capture")?).unwrap_or(u8::MAX);
        Ok((Some(number * 2 + 1), Some(number * 2 + 2)))
    }

    /// Each trace holds exactly what the device saw, in its order.
    fn accesses(&self) -> Result<()> {
        for (name, device) in CAPTURES {
            if ["lossy", "stop-on-loss", "bad-driver"].contains(&name) {
                continue;
            }
            let (from, to) = Self::phases(name)?;
            let trace = self.trace(name)?;
            let windows = self.windows(device)?;
            let inside =
                |access: &&DeviceAccess| windows.iter().any(|window| window.contains(&access.phys));
            let seen: Vec<&DeviceAccess> = self.log.between(from, to).filter(inside).collect();
            let report = if name == "bind" {
                self.best_match(&seen, &trace, &windows)
            } else {
                let seen = seen.into_iter();
                compare::compare(&self.log, seen, &trace.accesses, &windows)
            };
            println!("  {name}: {report}");
            if !report.is_exact() || report.device == 0 || trace.unknown > 0 || trace.lost > 0 {
                return Err(format!("{name}: the trace is not what the device saw").into());
            }
        }
        Ok(())
    }

    /// A device that was bound before the capture and is after it: what its driver does while it is
    /// unbound comes before the trace, what it does afterwards comes after it; the part between is the trace.
    fn best_match(&self, seen: &[&DeviceAccess], trace: &Trace, windows: &[Range]) -> Report {
        let len = trace.accesses.len();
        let at = |first: usize| {
            let part = seen.iter().skip(first).take(len).copied();
            compare::compare(&self.log, part, &trace.accesses, windows)
        };
        let first =
            (0..=seen.len().saturating_sub(len).min(500)).find(|first| at(*first).is_exact());
        at(first.unwrap_or(0))
    }

    /// What the recorder says that the kernel counted is what is in the trace.
    fn counters(&self) -> Result<()> {
        for (name, _) in CAPTURES {
            if name == "bad-driver" {
                continue;
            }
            let log = self.text(&format!("{name}.log"))?;
            let counted = number_before(&log, " entries read,")
                .ok_or_else(|| format!("{name}: no figures in: {log}"))?;
            let records = entries(&self.text(&format!("{name}.trace"))?);
            println!("  {name}: {records} records, the kernel counts {counted} entries read");
            if records != counted {
                return Err(format!("{name}: {records} records of {counted} entries").into());
            }
        }
        Ok(())
    }

    /// The file is the stream, byte for byte, except our LSPCI lines and annotations; and the counters that the
    /// guest copied by itself say the same.
    fn tee(&self) -> Result<()> {
        for device in DEVICES {
            let name = format!("tee-{device}");
            let file = self.text(&format!("{name}.trace"))?;
            let copy = self.text(&format!("{name}.copy"))?;
            let ours = ["LSPCI ", "MARK 0.000000 mmiotrace1 "];
            let is_ours = |line: &&str| ours.iter().any(|ours| line.starts_with(ours));
            let ours = file.lines().filter(is_ours).count();
            let kernels: String = file
                .split_inclusive('\n')
                .filter(|line| !is_ours(line))
                .collect();
            let read: u64 = self
                .text(&format!("{name}.stats"))?
                .lines()
                .filter_map(|line| line.strip_prefix("read events: ")?.parse::<u64>().ok())
                .sum();
            println!(
                "  {name}: {} bytes in the stream, {} in the file without {ours} LSPCI lines; read events {read}, records {}",
                copy.len(),
                kernels.len(),
                entries(&file)
            );
            if kernels != copy || ours == 0 || read != entries(&file) {
                return Err(format!("{name}: the file is not the stream").into());
            }
        }
        Ok(())
    }

    /// A ring that is too small: each lost entry is counted, and the advised size suffices.
    fn losses(&self) -> Result<()> {
        let (from, to) = Self::phases("lossy")?;
        let windows = self.windows("e1000")?;
        let inside = |phys: u64| windows.iter().any(|window| window.contains(&phys));
        let device = self
            .log
            .between(from, to)
            .filter(|access| inside(access.phys))
            .count() as u64;
        // MAP, UNMAP and markers are the same as in the capture that lost nothing.
        let whole = self.trace("advised")?;
        let others = entries(&self.text("advised.trace")?) - whole.accesses.len() as u64;
        let (trace, text) = (self.trace("lossy")?, self.text("lossy.trace")?);
        let missing = (device + others).saturating_sub(entries(&text));
        println!(
            "  lossy: the device saw {device} accesses, the trace has {}; {missing} entries are missing, {} are called lost; advised {} KiB",
            trace.accesses.len(),
            trace.lost,
            self.text("lossy.advice")?.trim()
        );
        if trace.lost == 0 || trace.lost != missing {
            return Err("the count of lost events is not right".into());
        }
        let log = self.text("lossy.log")?;
        if !log.contains("events were lost") || !log.contains("NOT COMPLETE") {
            return Err(format!("the loss is not reported: {log}").into());
        }
        expect(&log, "give --buffer")?;
        expect(&self.text("advised.log")?, "advised.trace: complete")?;
        expect(&self.text("stop-on-loss.log")?, "(events were lost)")
    }
}
