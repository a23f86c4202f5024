//! `cargo xtask vm tracefs`: `mmiotrace record --backend tracefs` in a machine, judged by the
//! devices' log, by the kernel's own counters, and by a copy of the stream.

use super::compare::{self, Range, Report};
use super::device_log::{DeviceAccess, DeviceLog};
use super::devices::Device;
use super::error::{AtPath, Error, Result};
use super::initrd::Initrd;
use super::kernel::{self, Kernel};
use super::options::Options;
use super::qemu::Machine;
use super::trace::Trace;
use super::{cache, command, programs};
use core::time::Duration;
use std::path::PathBuf;
use std::process::Command;

const DEVICES: [&str; 3] = ["e1000", "nvme", "xhci"];

/// Boots each kernel once, and judges.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut failed = Vec::new();
    for series in &options.kernels {
        let kernel = match Kernel::get(*series, options.refresh) {
            Err(Error::Unavailable(reason)) => {
                eprintln!("SKIPPED: tracefs on Linux {}: {reason}", series.as_str());
                continue;
            }
            kernel => kernel?,
        };
        kernel::require_mmiotrace(&kernel)?;
        match play(&kernel) {
            Err(Error::Unavailable(reason)) => {
                eprintln!("SKIPPED: tracefs on {}: {reason}", kernel.release);
            }
            Err(error) => failed.push(format!("tracefs on {}: {error}", kernel.release)),
            Ok(()) => println!("ok: tracefs on {}", kernel.release),
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(failed.join("\n").into())
    }
}

fn play(kernel: &Kernel) -> Result<()> {
    let folder = cache::fresh(&format!("runs/tracefs-{}", kernel.series.as_str()))?;
    let mut functions = String::new();
    let mut modules = Vec::new();
    let mut arguments = Vec::new();
    let mut devices = Vec::new();
    for name in DEVICES {
        let device = Device::from_name(name)?;
        functions.push_str(device.guest);
        modules.extend_from_slice(device.modules);
        arguments.extend(device.arguments(&folder)?);
        devices.push(device);
    }
    let initrd = Initrd {
        kernel,
        modules,
        our_modules: Vec::new(),
        programs: vec![programs::command()?],
        packaged: Vec::new(),
        scenario: include_str!("guest/tracefs.sh").to_owned(),
        files: vec![(String::from("devices.sh"), functions.into_bytes())],
    };
    let machine = Machine {
        kernel,
        initrd: folder.join("initrd"),
        cpus: 4,
        devices: arguments,
        // What hangs is to say so, and where, at once.
        append: "softlockup_panic=1 sysctl.kernel.softlockup_all_cpu_backtrace=1".to_owned(),
        log: true,
        limit: Duration::from_secs(900),
        folder: folder.clone(),
    };
    initrd.write(&machine.initrd)?;
    let outcome = machine.run()?;
    println!("tracefs on {}: {:.0} s", kernel.release, outcome.seconds);
    let judge = Judge {
        out: outcome.out.clone(),
        log: DeviceLog::read(&outcome.device_log)?,
        devices,
    };
    judge.all()
}

struct Judge {
    out: PathBuf,
    log: DeviceLog,
    devices: Vec<&'static Device>,
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
    fn all(&self) -> Result<()> {
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

    fn text(&self, name: &str) -> Result<String> {
        let path = self.out.join(name);
        let bytes = std::fs::read(&path).at(&path)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn trace(&self, name: &str) -> Result<Trace> {
        Trace::read(&self.out.join(format!("{name}.trace")))
    }

    fn windows(&self, device: &str) -> Result<Vec<Range>> {
        let pci = self.text("pci")?;
        let device = self.devices.iter().find(|known| known.name == device);
        Ok(device.map_or_else(Vec::new, |device| super::test::ranges_of(&pci, device.pci)))
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
    /// unbound stands before the trace, what it does afterwards behind it; between is the trace.
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

    /// The file is the stream, byte for byte, but for our LSPCI lines; and the counters that the
    /// guest copied by itself say the same.
    fn tee(&self) -> Result<()> {
        for device in DEVICES {
            let name = format!("tee-{device}");
            let file = self.text(&format!("{name}.trace"))?;
            let copy = self.text(&format!("{name}.copy"))?;
            let is_ours = |line: &&str| line.starts_with("LSPCI ");
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
            return Err(format!("the loss is not told: {log}").into());
        }
        expect(&log, "give --buffer")?;
        expect(&self.text("advised.log")?, "advised.trace: complete")?;
        expect(&self.text("stop-on-loss.log")?, "(events were lost)")
    }

    /// Everything is as before, on every way out.
    fn states(&self) -> Result<()> {
        let ways = [
            "e1000",
            "nvme",
            "xhci",
            "bind",
            "no-folder",
            "tee-e1000",
            "tee-nvme",
            "tee-xhci",
            "lossy",
            "stop-on-loss",
            "stop-on-mark",
            "stop-at-size",
            "sigint",
            "sigkill",
            "bad-driver",
            "full",
            "take-over",
        ];
        for way in ways {
            let before = self.text(&format!("{way}.before.state"))?;
            let after = self.text(&format!("{way}.after.state"))?;
            if before != after {
                return Err(format!("{way}: before:\n{before}after:\n{after}").into());
            }
        }
        let (before, killed) = (
            self.text("sigkill.before.state")?,
            self.text("sigkill.killed.state")?,
        );
        let changed = before.lines().zip(killed.lines());
        let changed = changed.filter(|(before, killed)| before != killed).count();
        println!("  after SIGKILL {changed} lines of the state differ, after the next start none");
        println!("{}", indent(&before));
        if changed == 0 {
            return Err("SIGKILL changed nothing: the test cannot fail".into());
        }
        expect(&self.text("sigkill-next.log")?, "was killed")?;
        expect(&self.text("sigkill.doctor")?, "--restore")?;
        expect(
            &self.text("take-over.before.state")?,
            "current_tracer: function",
        )?;
        if !self.text("unmounted.mounts")?.is_empty() {
            return Err("tracefs is still mounted".into());
        }
        expect(&self.text("bind.bound")?, "drivers/e1000")?;
        expect(&self.text("no-folder.modules")?, "e1000")
    }

    fn statuses(&self) -> Result<()> {
        let expected = [
            ("e1000", "0"),
            ("nvme", "0"),
            ("xhci", "0"),
            ("bind", "0"),
            ("refused", "2"),
            ("no-folder", "2"),
            ("tee-e1000", "0"),
            ("tee-nvme", "0"),
            ("tee-xhci", "0"),
            ("lossy", "1"),
            ("advised", "0"),
            ("stop-on-loss", "1"),
            ("stop-on-mark", "0"),
            ("stop-at-size", "0"),
            ("sigint", "0"),
            ("second", "2"),
            ("mark", "2"),
            ("bad-driver", "2"),
            ("full", "2"),
            ("busy", "2"),
            ("take-over", "0"),
            ("user", "2"),
            ("unmounted", "0"),
            ("lockdown", "2"),
            ("bundle", "0"),
        ];
        let mut wrong = Vec::new();
        for (name, status) in expected {
            let actual = self.text(&format!("{name}.status"))?;
            if actual.trim() != status {
                let log = self.text(&format!("{name}.log")).unwrap_or_default();
                wrong.push(format!(
                    "{name}: {} instead of {status}:\n{log}",
                    actual.trim()
                ));
            }
        }
        if !wrong.is_empty() {
            return Err(wrong.join("\n").into());
        }
        expect(&self.text("sigint.trace")?, "from outside\n")?;
        expect(&self.text("stop-on-mark.log")?, "(the marker came)")?;
        expect(&self.text("stop-at-size.log")?, "(the trace has its size)")?;
        expect(&self.text("e1000.trace")?, "my own mark\n")?;
        self.full_disk()
    }

    /// The trace of a full disk says how much is missing.
    fn full_disk(&self) -> Result<()> {
        let (text, log) = (self.text("full.trace")?, self.text("full.log")?);
        let counted = number_before(&log, " entries read,").ok_or("no figures")?;
        let trace = self.trace("full")?;
        println!(
            "  full disk: {} records in {} bytes, {} called lost, the kernel counts {counted}",
            entries(&text),
            text.len(),
            trace.lost
        );
        if entries(&text) + trace.lost != counted || !text.ends_with(" events.\n") {
            return Err("the trace does not say how much is missing".into());
        }
        expect(&log, "No space left on device")
    }

    /// Broken machines: the diagnosis and the command that mends it, and that the recorder fails
    /// with the same.
    fn doctor(&self) -> Result<()> {
        expect(
            &self.text("busy.doctor")?,
            "-> echo nop > /sys/kernel/tracing/current_tracer",
        )?;
        expect(&self.text("busy.log")?, "--take-over")?;
        expect(&self.text("user.doctor")?, "-> sudo mmiotrace record")?;
        expect(&self.text("user.log")?, "sudo")?;
        expect(
            &self.text("unmounted.doctor")?,
            "-> mount -t tracefs tracefs /sys/kernel/tracing",
        )?;
        expect(&self.text("lockdown.doctor")?, "confidentiality")?;
        expect(&self.text("lockdown.doctor")?, "lockdown=none")?;
        expect(&self.text("lockdown.log")?, "lockdown")
    }

    /// The archive unpacks to what driver projects ask for.
    fn bundle(&self) -> Result<()> {
        let folder = self.out.join("bundle");
        std::fs::create_dir_all(&folder).at(&folder)?;
        command::output(
            Command::new("tar")
                .args(["-xJf"])
                .arg(self.out.join("bundle.tar.xz"))
                .arg("-C")
                .arg(&folder),
        )?;
        let folder = folder.join("8086100e-rig-mmiotrace");
        let file = |name: &str| -> Result<String> {
            let path = folder.join(name);
            let bytes = std::fs::read(&path).at(&path)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let is_marker = |line: &&str| line.starts_with("MARK");
        let (packed, trace) = (file("trace.mmiotrace")?, self.text("e1000.trace")?);
        if packed
            .lines()
            .filter(|line| !is_marker(line))
            .ne(trace.lines().filter(|line| !is_marker(line)))
        {
            return Err("the trace in the archive is another one".into());
        }
        expect(&file("lspci.txt")?, "[8086:100e]")?;
        expect(&file("dmesg.txt")?, "e1000")?;
        expect(&file("system.txt")?, "Linux version 6.")?;
        expect(&file("description.txt")?, "my own mark")?;
        expect(&file("verdict.txt")?, "trace.mmiotrace: complete")?;
        // QEMU's first card has this address; the driver prints it.
        expect(&file("dmesg.txt")?, "[MAC 1]")?;
        expect(&file("redacted.txt")?, "[MAC 1]: ")?;
        match file("dmesg.txt")?.contains("52:54:00:12:34:56") {
            true => Err("the MAC address is still there".into()),
            false => Ok(()),
        }
    }
}

fn expect(text: &str, what: &str) -> Result<()> {
    if text.contains(what) {
        Ok(())
    } else {
        Err(format!("no \"{what}\" in:\n{}", indent(text)).into())
    }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

/// Lines that were entries of the kernel's ring.
fn entries(text: &str) -> u64 {
    let kinds = ["R ", "W ", "UNKNOWN ", "MAP ", "UNMAP ", "MARK "];
    let is_entry = |line: &&str| {
        kinds.iter().any(|kind| line.starts_with(kind)) && !line.starts_with("MARK 0.000000 Lost ")
    };
    text.lines().filter(is_entry).count() as u64
}

/// The number that stands before some words.
fn number_before(text: &str, words: &str) -> Option<u64> {
    let head = text
        .split(words)
        .next()
        .filter(|head| head.len() < text.len())?;
    head.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures() {
        let log = "mmiotrace: a: 5 records, 9 bytes in 1.0 s (x); ring 8 KiB; the kernel counts 44 entries read, 3 lost\n";
        assert_eq!(number_before(log, " entries read,"), Some(44));
        assert_eq!(number_before(log, " apples"), None);
        assert_eq!(
            entries("R 4 1\nMARK 0.000000 Lost 5 events.\nMARK 1.0 a\nLSPCI x\nb\n"),
            2
        );
    }
}
