//! One run of a virtual machine.

use crate::device_log::Filter;
use crate::kernel::Kernel;
use crate::qemu;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use host::command;
use host::error::{AtPath, Error, Result};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// What `guest/init.sh` prints when the kernel runs its first program, before anything of ours is
/// loaded.
const BOOTED: &str = "mmiotrace-rig: booted";

static REPEATED: AtomicU32 = AtomicU32::new(0);

/// How many boots of this process died before anything of ours was loaded, and were started again.
pub(crate) fn boots_repeated() -> u32 {
    REPEATED.load(Ordering::Relaxed)
}

/// A machine to boot.
#[derive(Debug)]
pub(crate) struct Machine<'a> {
    pub(crate) kernel: &'a Kernel,
    pub(crate) initrd: PathBuf,
    pub(crate) cpus: u32,
    /// QEMU's arguments for the devices under test.
    pub(crate) devices: Vec<String>,
    /// Further words for the kernel's command line.
    pub(crate) append: String,
    /// Whether what the devices see is logged. A line takes about as long as an access.
    pub(crate) log: bool,
    /// After this time the run counts as hung.
    pub(crate) limit: Duration,
    /// Where the run's files go.
    pub(crate) folder: PathBuf,
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What the guest put into `/out`.
    pub(crate) out: PathBuf,
    /// The guest's console.
    pub(crate) serial: PathBuf,
    /// The devices' log: QEMU's `memory_region_ops` lines, filtered.
    pub(crate) device_log: PathBuf,
    pub(crate) seconds: f64,
}

impl Machine<'_> {
    /// Boots, waits for the end, takes what the guest handed out. A stock kernel dies now and then
    /// under software emulation: a boot that did before anything of ours was loaded is started once
    /// more. One that died later is not.
    pub(crate) fn run(&self) -> Result<Outcome> {
        let first = self.run_once();
        let Err(Error::Failed(reason)) = &first else {
            return first;
        };
        if !self.serial().exists() || self.has_booted() {
            return first;
        }
        REPEATED.fetch_add(1, Ordering::Relaxed);
        let kept = self.folder.join("serial.first.log");
        std::fs::rename(self.serial(), &kept).at(&kept)?;
        println!(
            "BOOT REPEATED: {}: the kernel died before anything of ours was loaded: {reason}",
            self.folder.display()
        );
        self.run_once()
    }

    fn run_once(&self) -> Result<Outcome> {
        let archive = self.folder.join("out.tar");
        let device_log = self.folder.join("device.log");
        let began = Instant::now();
        self.start(Some(&archive), &device_log)?;
        let out = self.folder.join("out");
        std::fs::create_dir_all(&out).at(&out)?;
        let mut unpack = Command::new("tar");
        unpack.arg("-x").arg("-C").arg(&out).arg("-f").arg(&archive);
        let unpacked = command::output(&mut unpack);
        let outcome = Outcome {
            out,
            serial: self.serial(),
            device_log,
            seconds: began.elapsed().as_secs_f64(),
        };
        let status = std::fs::read_to_string(outcome.out.join("status")).unwrap_or_default();
        if unpacked.is_err() || status.trim() != "0" {
            return Err(Error::Failed(format!(
                "the guest did not get to its end (status '{}', {:.0} s); the end of its console:\n{}",
                status.trim(),
                outcome.seconds,
                tail(&outcome.serial, 40)
            )));
        }
        Ok(outcome)
    }

    /// Boots once; returns why it was no good boot.
    pub(crate) fn try_boot(&self) -> Result<Option<String>> {
        if self.serial().exists() {
            std::fs::remove_file(self.serial()).at(&self.serial())?;
        }
        match self.start(None, &self.folder.join("device.log")) {
            Err(Error::Failed(reason)) if self.serial().exists() => return Ok(Some(reason)),
            ended => ended?,
        }
        let text = std::fs::read(self.serial()).at(&self.serial())?;
        let dead = String::from_utf8_lossy(&text).contains("Kernel panic");
        let good = self.has_booted() && !dead;
        Ok((!good).then(|| format!("the end of its console:\n{}", tail(&self.serial(), 40))))
    }

    /// Whether the guest's first program ran.
    fn has_booted(&self) -> bool {
        let text = std::fs::read(self.serial()).unwrap_or_default();
        String::from_utf8_lossy(&text).contains(BOOTED)
    }

    /// Runs QEMU to its end.
    fn start(&self, archive: Option<&Path>, device_log: &Path) -> Result<()> {
        let mut command = self.command()?;
        command.args(["-serial", &format!("file:{}", self.serial().display())]);
        let monitor = self.monitor();
        command.args([
            "-monitor",
            &format!("unix:{},server=on,wait=off", monitor.display()),
        ]);
        let out = archive.map_or_else(
            || "null,id=out".to_owned(),
            |archive| format!("file,id=out,path={}", archive.display()),
        );
        command.args(["-chardev", &out]);
        if self.log {
            command.args([
                "-trace",
                "memory_region_ops_read",
                "-trace",
                "memory_region_ops_write",
            ]);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let child =
            child.map_err(|error| Error::Unavailable(format!("cannot start QEMU: {error}")))?;
        self.watch(child, device_log)
    }

    /// Boots with the console on this terminal.
    pub(crate) fn interact(&self) -> Result<()> {
        let mut command = self.command()?;
        command.args(["-serial", "mon:stdio", "-chardev", "null,id=out"]);
        let status = command
            .status()
            .map_err(|error| Error::Unavailable(format!("cannot start QEMU: {error}")))?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("QEMU: {status}").into())
        }
    }

    fn command(&self) -> Result<Command> {
        let mut command = qemu::choose(None)?.command();
        command
            .args([
                "-accel",
                "tcg,thread=multi",
                "-cpu",
                "max",
                "-m",
                "1G",
                "-smp",
            ])
            .arg(self.cpus.to_string());
        command.args([
            "-nodefaults",
            "-vga",
            "none",
            "-display",
            "none",
            "-no-reboot",
        ]);
        command
            .arg("-kernel")
            .arg(self.kernel.image())
            .arg("-initrd")
            .arg(&self.initrd);
        // The last two: an NMI makes the kernel print where each CPU is (`ask_for_backtraces`).
        let fixed = "console=ttyS0 quiet panic=-1 oops=panic nokaslr no_timer_check \
                     unknown_nmi_panic oops_all_cpu_backtrace=1";
        command.args(["-append", &format!("{fixed} {}", self.append)]);
        command.args([
            "-device",
            "virtio-serial-pci",
            "-device",
            "virtserialport,chardev=out,name=out",
        ]);
        command.args([
            "-chardev",
            "null,id=phase",
            "-device",
            "isa-debugcon,iobase=0x5f0,chardev=phase",
        ]);
        command.args(&self.devices);
        Ok(command)
    }

    /// Reads QEMU's standard error, where the log goes, until it ends or the time is up.
    fn watch(&self, mut child: Child, device_log: &Path) -> Result<()> {
        let stderr = child.stderr.take().ok_or("QEMU has no standard error")?;
        let path = device_log.to_path_buf();
        let reader = std::thread::spawn(move || {
            filter_log(BufReader::with_capacity(1 << 16, stderr), &path)
        });
        let end = Instant::now() + self.limit;
        loop {
            if let Some(status) = child.try_wait().map_err(|error| format!("QEMU: {error}"))? {
                let messages = reader
                    .join()
                    .map_err(|_| "the reader of QEMU's log panicked")??;
                return if status.success() {
                    Ok(())
                } else {
                    Err(format!("QEMU: {status}\n{messages}").into())
                };
            }
            if Instant::now() > end {
                self.ask_for_backtraces(&mut child);
                // The rest of the log still says what happened.
                let _ = child.kill();
                let _ = child.wait();
                let _ = reader.join();
                let seconds = self.limit.as_secs();
                let console = tail(&self.serial(), 120);
                return Err(format!(
                    "the guest hung: no end after {seconds} s; the end of its console:\n{console}"
                )
                .into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Machine<'_> {
    fn serial(&self) -> PathBuf {
        self.folder.join("serial.log")
    }

    fn monitor(&self) -> PathBuf {
        self.folder.join("monitor")
    }

    /// A kernel that hangs says where its CPUs are when an NMI comes.
    fn ask_for_backtraces(&self, child: &mut Child) {
        let Ok(mut monitor) = UnixStream::connect(self.monitor()) else {
            return;
        };
        if monitor.write_all(b"nmi\n").is_err() {
            return;
        }
        let end = Instant::now() + Duration::from_secs(15);
        while Instant::now() < end && child.try_wait().is_ok_and(|status| status.is_none()) {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Keeps the lines that a device under test may have written; returns what is no log line.
fn filter_log(mut log: impl BufRead, path: &Path) -> Result<String> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).at(path)?);
    let mut messages = String::new();
    let mut line = Vec::new();
    let filter = Filter;
    while log.read_until(b'\n', &mut line).at(path)? > 0 {
        match filter.keeps(&line) {
            Some(true) => file.write_all(&line).at(path)?,
            Some(false) => {}
            None => messages.push_str(&String::from_utf8_lossy(&line)),
        }
        line.clear();
    }
    file.flush().at(path)?;
    Ok(messages)
}

/// The last lines of a file.
pub(crate) fn tail(path: &Path, lines: usize) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().collect();
    all.get(all.len().saturating_sub(lines)..)
        .unwrap_or(&[])
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_say_that_they_booted() {
        for init in [
            include_str!("../guest/init.sh"),
            include_str!("../guest/boot.sh"),
        ] {
            assert!(init.contains(&format!("echo '{BOOTED}'")));
        }
    }
}
