//! What the captures left of the machine, and what the command said.

use super::judge::Judge;
use super::text::{entries, expect, indent, number_before};
use host::command;
use host::error::{AtPath, Result};
use std::process::Command;

impl Judge {
    /// Everything is as before, on every way out.
    pub(super) fn states(&self) -> Result<()> {
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

    pub(super) fn statuses(&self) -> Result<()> {
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
        if entries(&text) + trace.lost != counted
            || !text.contains(" untraced reason=recorder-error ")
        {
            return Err("the trace does not say how much is missing".into());
        }
        expect(&log, "No space left on device")
    }

    /// Broken machines: the diagnosis and the command that mends it, and that the recorder fails
    /// with the same.
    pub(super) fn doctor(&self) -> Result<()> {
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
    pub(super) fn bundle(&self) -> Result<()> {
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
