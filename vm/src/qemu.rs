//! One run of a virtual machine.

use crate::device_log::Filter;
use crate::host::error::{AtPath, Error, Result};
use crate::host::{apt, command};
use crate::kernel::Kernel;
use core::time::Duration;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Programs that a run needs, with their packages.
pub(crate) const PROGRAMS: [(&str, &str); 2] = [
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("busybox", "busybox-static"),
];

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
    /// Boots, waits for the end, takes what the guest handed out.
    pub(crate) fn run(&self) -> Result<Outcome> {
        apt::require(&PROGRAMS)?;
        let serial = self.folder.join("serial.log");
        let archive = self.folder.join("out.tar");
        let device_log = self.folder.join("device.log");
        let mut command = self.command();
        command.args(["-serial", &format!("file:{}", serial.display())]);
        let monitor = self.monitor();
        command.args([
            "-monitor",
            &format!("unix:{},server=on,wait=off", monitor.display()),
        ]);
        command.args([
            "-chardev",
            &format!("file,id=out,path={}", archive.display()),
        ]);
        if self.log {
            command.args([
                "-trace",
                "memory_region_ops_read",
                "-trace",
                "memory_region_ops_write",
            ]);
        }
        let began = Instant::now();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let child =
            child.map_err(|error| Error::Unavailable(format!("cannot start QEMU: {error}")))?;
        self.watch(child, &device_log)?;
        let out = self.folder.join("out");
        std::fs::create_dir_all(&out).at(&out)?;
        let unpacked = command::output(
            Command::new("tar")
                .arg("-x")
                .arg("-C")
                .arg(&out)
                .arg("-f")
                .arg(&archive),
        );
        let outcome = Outcome {
            out,
            serial,
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

    /// Boots with the console on this terminal.
    pub(crate) fn interact(&self) -> Result<()> {
        apt::require(&PROGRAMS)?;
        let mut command = self.command();
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

    fn command(&self) -> Command {
        let mut command = Command::new("qemu-system-x86_64");
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
        command
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
                let console = tail(&self.folder.join("serial.log"), 120);
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
