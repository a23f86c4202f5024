//! A made-up machine: `/proc`, `/sys` and a tracing folder of plain files, with a pipe for
//! `trace_pipe`.
#![allow(dead_code, reason = "each test program uses its own part")]

use core::sync::atomic::{AtomicBool, Ordering};
use mmiotrace_capture::machine::Root;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) const TRACING: &str = "/sys/kernel/tracing";

/// A made-up machine in a folder of its own.
pub(crate) struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    /// A machine with four CPUs, an e1000 without driver, a tracer that nobody uses.
    pub(crate) fn new() -> Self {
        let machine = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        machine.put_system();
        machine.put_tracing();
        machine.put_pci();
        machine
    }

    pub(crate) fn root(&self) -> Root {
        Root::new(self.folder.path())
    }

    pub(crate) fn path(&self, absolute: &str) -> PathBuf {
        self.root().path(absolute)
    }

    pub(crate) fn put(&self, absolute: &str, content: &str) {
        let path = self.path(absolute);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn get(&self, absolute: &str) -> String {
        fs::read_to_string(self.path(absolute)).unwrap()
    }

    pub(crate) fn remove(&self, absolute: &str) {
        let path = self.path(absolute);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }

    fn put_system(&self) {
        self.put(
            "/proc/mounts",
            "tracefs /sys/kernel/tracing tracefs rw,nosuid 0 0\n",
        );
        self.put(
            "/proc/filesystems",
            "nodev\tsysfs\nnodev\ttracefs\n\text4\n",
        );
        self.put(
            "/proc/meminfo",
            "MemTotal: 1000000 kB\nMemAvailable: 800000 kB\n",
        );
        self.put("/proc/cmdline", "quiet\n");
        self.put("/proc/version", "Linux version 6.1.0-made-up\n");
        self.put("/proc/sys/kernel/osrelease", "6.1.0-made-up\n");
        self.put("/proc/sys/kernel/random/boot_id", "boot-1\n");
        self.put(
            "/proc/cpuinfo",
            "processor\t: 0\nflags\t\t: fpu lm sse2 fsgsbase\n",
        );
        self.put(
            "/proc/self/status",
            "Name:\tx\nUid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n",
        );
        self.put("/proc/self/maps", "");
        self.put("/proc/kallsyms", "0000000000000000 T kmmio_handler\n");
        self.put(
            "/boot/config-6.1.0-made-up",
            "CONFIG_MMIOTRACE=y\nCONFIG_HOTPLUG_CPU=y\nCONFIG_MODULES=y\nCONFIG_KPROBES=y\n\
             CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=y\nCONFIG_FTRACE=y\n",
        );
        self.put(
            "/sys/kernel/security/lockdown",
            "[none] integrity confidentiality\n",
        );
        self.put("/sys/devices/system/cpu/online", "0-3\n");
        for cpu in 1..4 {
            self.put(&format!("/sys/devices/system/cpu/cpu{cpu}/online"), "1\n");
        }
        self.put("/lib/modules/6.1.0-made-up/build/Makefile", "");
        fs::create_dir_all(self.path("/run")).unwrap();
    }

    fn put_tracing(&self) {
        let files = [
            ("available_tracers", "blk mmiotrace function nop\n"),
            ("current_tracer", "nop\n"),
            ("tracing_on", "1\n"),
            ("trace_clock", "[local] global counter mono boot\n"),
            ("tracing_cpumask", "f\n"),
            ("options/markers", "1\n"),
            ("set_event", ""),
            ("trace_marker", ""),
            ("buffer_size_kb", "1408\n"),
        ];
        for (name, content) in files {
            self.put(&format!("{TRACING}/{name}"), content);
        }
        for cpu in 0..4 {
            let folder = format!("{TRACING}/per_cpu/cpu{cpu}");
            self.put(&format!("{folder}/buffer_size_kb"), "1408\n");
            self.put(
                &format!("{folder}/stats"),
                "entries: 0\noverrun: 0\ncommit overrun: 0\n",
            );
        }
        self.make_pipe();
    }

    pub(crate) fn make_pipe(&self) {
        let path = self.path(&format!("{TRACING}/trace_pipe"));
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    }

    fn put_pci(&self) {
        let folder = "/sys/bus/pci/devices/0000:00:03.0";
        let files = [
            ("vendor", "0x8086\n"),
            ("device", "0x100e\n"),
            ("class", "0x020000\n"),
            ("revision", "0x03\n"),
            ("irq", "10\n"),
            ("subsystem_vendor", "0x1af4\n"),
            ("subsystem_device", "0x1100\n"),
            ("driver_override", "(null)\n"),
            ("modalias", "pci:v00008086d0000100E\n"),
        ];
        for (name, content) in files {
            self.put(&format!("{folder}/{name}"), content);
        }
        let mut resource =
            String::from("0x00000000febc0000 0x00000000febdffff 0x0000000000040200\n");
        resource.push_str("0x000000000000c000 0x000000000000c03f 0x0000000000040101\n");
        for _ in 0..11 {
            resource.push_str("0x0000000000000000 0x0000000000000000 0x0000000000000000\n");
        }
        self.put(&format!("{folder}/resource"), &resource);
        self.put("/sys/bus/pci/drivers/e1000/bind", "");
        self.put("/sys/bus/pci/drivers/e1000/unbind", "");
        self.put("/sys/bus/pci/drivers_probe", "");
    }

    /// Sets the counters of the ring of CPU 0.
    pub(crate) fn set_stats(&self, entries: u64, overrun: u64, read: u64) {
        self.put(
            &format!("{TRACING}/per_cpu/cpu0/stats"),
            &format!("entries: {entries}\noverrun: {overrun}\ncommit overrun: 0\nbytes: 0\ndropped events: 0\nread events: {read}\n"),
        );
    }

    /// Opens the writing end of `trace_pipe`; the reading end must be open (an error, not a wait,
    /// where it is not).
    pub(crate) fn writer(&self) -> fs::File {
        fs::OpenOptions::new()
            .write(true)
            .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
            .open(self.path(&format!("{TRACING}/trace_pipe")))
            .unwrap()
    }

    /// All files but the pipe, the markers and what the capture keeps for itself.
    pub(crate) fn snapshot(&self) -> BTreeMap<PathBuf, String> {
        let mut files = BTreeMap::new();
        collect(self.folder.path(), &mut files);
        files.retain(|path, _| {
            !path.ends_with("trace_marker") && !path.to_string_lossy().contains("/run/")
        });
        // The kernel prints the list anew; a made-up one stays as written.
        for content in files.values_mut() {
            *content = content.trim_end().to_owned();
        }
        files
    }
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            collect(&path, files);
        } else if kind.is_file() {
            let content = fs::read(&path).unwrap();
            files.insert(path, String::from_utf8_lossy(&content).into_owned());
        } else if kind.is_symlink() {
            let target = fs::read_link(&path).unwrap();
            files.insert(path, target.to_string_lossy().into_owned());
        }
    }
}

/// What differs between two snapshots, for a message.
pub(crate) fn differences(
    before: &BTreeMap<PathBuf, String>,
    after: &BTreeMap<PathBuf, String>,
) -> Vec<String> {
    let names: std::collections::BTreeSet<&PathBuf> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| {
            format!(
                "{}: {:?} became {:?}",
                name.display(),
                before.get(name),
                after.get(name)
            )
        })
        .collect()
}

/// Tells of a test that could not be run.
pub(crate) fn skipped(test: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: {reason}");
}

/// Plays the kernel's part of a capture: `feed` waits in the pipe for whoever reads it, and the pipe
/// ends when tracing is off. To be ended with [`Kernel::end`] when the capture is over.
///
/// Nothing of it can hang: the pipe is opened for both directions, so no reader is waited for, and
/// what a poll misses (a capture that is put back between two polls) is made up for by `end`.
pub(crate) fn kernel(machine: &Machine, feed: &'static str) -> Kernel {
    let path = machine.path(&format!("{TRACING}/trace_pipe"));
    let mut pipe = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
        .open(path)
        .unwrap();
    pipe.write_all(feed.as_bytes())
        .expect("the feed must fit into the pipe, 64 KiB");
    let root = machine.root();
    let read = move |file: &str| root.read(format!("{TRACING}/{file}")).unwrap_or_default();
    let over = Arc::new(AtomicBool::new(false));
    let thread = std::thread::spawn({
        let over = Arc::clone(&over);
        move || {
            // A capture that ends in order keeps this state until the pipe has ended.
            let is_off = || read("current_tracer") == "mmiotrace" && read("tracing_on") == "0";
            while !over.load(Ordering::Relaxed) && !is_off() {
                std::thread::sleep(core::time::Duration::from_millis(2));
            }
            drop(pipe);
        }
    });
    Kernel { over, thread }
}

/// The kernel's part of a capture.
pub(crate) struct Kernel {
    over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Kernel {
    /// Ends it, whatever became of the capture.
    pub(crate) fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}
