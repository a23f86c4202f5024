//! `record --backend tracefs` and `mark` over a made-up machine: exit status, what is told, and that
//! everything is put back on every way out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../mmiotrace-capture/tests/support/mod.rs"]
mod support;

mod bounded;

use bounded::Bounded;
use core::time::Duration;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use support::{Kernel, Machine, TRACING, differences, kernel};

/// A whole trace of the kernel's.
const TRACE: &str = include_str!("../../fixtures/traces/vmxnet3-6.1.mmiotrace");

fn mmiotrace(machine: &Machine, verb: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mmiotrace"));
    command
        .arg(verb)
        .arg("--root")
        .arg(machine.path("/"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A machine on which the kernel's part is played with `TRACE`.
fn machine() -> Machine {
    let machine = Machine::new();
    machine.put("/sys/devices/system/cpu/online", "0\n");
    std::fs::create_dir_all(machine.path("/tmp")).unwrap();
    machine.set_stats(0, 0, entries());
    machine
}

/// Records that were entries of the kernel's ring.
fn entries() -> u64 {
    let kinds = ["R ", "W ", "MAP ", "UNMAP ", "MARK ", "UNKNOWN "];
    let is_entry = |line: &&str| kinds.iter().any(|kind| line.starts_with(kind));
    TRACE.lines().filter(is_entry).count() as u64
}

struct Recording {
    machine: Machine,
    before: BTreeMap<PathBuf, String>,
    kernel: Kernel,
    child: Child,
}

impl Recording {
    fn start(machine: Machine, arguments: &[&str]) -> Self {
        let before = machine.snapshot();
        let kernel = kernel(&machine, TRACE);
        let trace = machine.path("/tmp/t.mmiotrace");
        let mut command = mmiotrace(&machine, "record");
        command.args(["--backend", "tracefs", "-o"]).arg(trace);
        let child = command.args(arguments).spawn().unwrap();
        Self {
            machine,
            before,
            kernel,
            child,
        }
    }

    /// Waits until the trace has all that the kernel gave.
    fn wait_for_trace(&self) {
        for _ in 0..1000 {
            let len = std::fs::metadata(self.machine.path("/tmp/t.mmiotrace"));
            if len.is_ok_and(|file| file.len() >= TRACE.len() as u64) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the trace does not come");
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    fn end(self) -> (Machine, Output, String) {
        let Self {
            machine,
            before,
            kernel,
            child,
        } = self;
        let output = bounded::wait(child);
        kernel.end();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let left: Vec<String> = differences(&before, &machine.snapshot())
            .into_iter()
            .filter(|line| !line.contains("/tmp/") && !line.contains("stats"))
            .collect();
        assert_eq!(left, [""; 0], "{told}");
        assert!(!machine.path("/run/mmiotrace/tracefs.state").exists());
        (machine, output, told)
    }
}

#[test]
fn a_whole_trace_is_status_0_and_its_bytes_are_the_kernels() {
    let recording = Recording::start(machine(), &["--mark", "begin", "--", "sleep", "0.2"]);
    let (machine, output, told) = recording.end();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("t.mmiotrace: complete"), "{told}");
    let trace = machine.get("/tmp/t.mmiotrace");
    let (ours, kernels): (Vec<&str>, Vec<&str>) = trace
        .split_inclusive('\n')
        .partition(|line| line.starts_with("LSPCI ") || line.contains(" mmiotrace1 "));
    assert_eq!(kernels.concat(), TRACE);
    assert_eq!(ours.len(), 3);
    assert!(ours[1].ends_with(" capture backend=tracefs end=promised\n"));
    assert!(trace.ends_with(ours[2]) && ours[2].contains(" mmiotrace1 end events="));
    assert!(trace.starts_with("VERSION 20070824\nLSPCI 0000:00:03.0 "));
    let counted = format!("the kernel counts {} entries read, 0 lost", entries());
    assert!(told.contains(&counted), "{told}");
}

/// CPUs that could not be taken off-line: the trace itself says that accesses may be missing.
#[test]
fn more_than_one_cpu_is_in_the_trace() {
    let machine = machine();
    machine.put("/sys/devices/system/cpu/online", "0-1\n");
    let recording = Recording::start(machine, &["--", "sleep", "0.2"]);
    let (machine, output, told) = recording.end();
    assert_eq!(output.status.code(), Some(1), "{told}");
    let trace = machine.get("/tmp/t.mmiotrace");
    let said = " mmiotrace1 untraced reason=cpus-online n=2 text=";
    assert!(trace.contains(said), "{trace}");
}

#[test]
fn the_status_of_the_command() {
    for (script, status) in [("exit 3", 3), ("kill -9 $$", 137)] {
        let recording = Recording::start(machine(), &["--", "sh", "-c", script]);
        let (_, output, told) = recording.end();
        assert_eq!(output.status.code(), Some(status), "{told}");
    }
}

#[test]
fn signals_end_it_in_order() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        let recording = Recording::start(machine(), &[]);
        recording.wait_for_trace();
        recording.signal(signal);
        let (machine, output, told) = recording.end();
        assert_eq!(output.status.code(), Some(0), "{signal:?}: {told}");
        assert!(told.contains("ended by a signal"), "{told}");
        let trace = machine.get("/tmp/t.mmiotrace");
        let last = TRACE.lines().last();
        assert_eq!(trace.lines().rev().nth(1), last, "{trace}");
    }
}

#[test]
fn killed_and_put_back_by_restore() {
    let machine = machine();
    let before = machine.snapshot();
    let mut recording = Recording::start(machine, &[]);
    recording.wait_for_trace();
    recording.signal(Signal::KILL);
    recording.child.wait().unwrap();
    let doctor = mmiotrace(&recording.machine, "doctor")
        .args(["--backend", "tracefs"])
        .bounded_output();
    let told = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(
        told.contains("record --backend tracefs --restore"),
        "{told}"
    );
    let output = mmiotrace(&recording.machine, "record")
        .args(["--backend", "tracefs", "--restore"])
        .bounded_output();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("its trace has no end"), "{told}");
    let left: Vec<String> = differences(&before, &recording.machine.snapshot())
        .into_iter()
        .filter(|line| !line.contains("/tmp/"))
        .collect();
    assert_eq!(left, [""; 0]);
    recording.kernel.end();
}

#[test]
fn losses_are_status_1_with_the_size_that_would_do() {
    let machine = machine();
    machine.set_stats(0, 920, entries());
    let recording = Recording::start(machine, &["--stop-on-loss", "--buffer", "1M"]);
    let (machine, output, told) = recording.end();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("920 events were lost"), "{told}");
    assert!(told.contains("give --buffer 2M"), "{told}");
    assert!(told.contains("NOT COMPLETE"), "{told}");
    let trace = machine.get("/tmp/t.mmiotrace");
    let lost = trace.lines().rev().nth(1);
    assert_eq!(lost, Some("MARK 0.000000 Lost 920 events."));
    assert_eq!(machine.get("/run/mmiotrace/tracefs.buffer").trim(), "2048");
}

#[test]
fn what_cannot_be_done_is_status_2() {
    let busy = machine();
    busy.put(&format!("{TRACING}/current_tracer"), "function\n");
    busy.put("/tmp/t", "an earlier trace");
    let output = mmiotrace(&busy, "record")
        .args(["--backend", "tracefs", "-o"])
        .arg(busy.path("/tmp/t"))
        .bounded_output();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("--take-over"), "{told}");
    assert_eq!(busy.get("/tmp/t"), "an earlier trace");

    let recording = Recording::start(machine(), &["--driver", "no-such-driver"]);
    let (_, output, told) = recording.end();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("no-such-driver") || told.contains("modprobe"),
        "{told}"
    );
}

#[test]
fn options_of_this_backend_are_not_ignored_by_another() {
    let output = mmiotrace(&machine(), "record")
        .args(["--driver", "e1000"])
        .bounded_output();
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains("--driver is for --backend tracefs (add --backend tracefs)"),
        "{told}"
    );
}

#[test]
fn a_full_disk_is_status_2() {
    let machine = machine();
    let before = machine.snapshot();
    let kernel = kernel(&machine, TRACE);
    let output = mmiotrace(&machine, "record")
        .args(["--backend", "tracefs", "-o", "/dev/full"])
        .bounded_output();
    kernel.end();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("/dev/full: No space left on device"),
        "{told}"
    );
    let left = differences(&before, &machine.snapshot());
    assert!(left.iter().all(|line| line.contains("stats")), "{left:?}");
}

#[test]
fn to_standard_output() {
    let machine = machine();
    let kernel = kernel(&machine, TRACE);
    let output = mmiotrace(&machine, "record")
        .args(["--backend", "tracefs", "-o", "-", "--", "sleep", "0.2"])
        .bounded_output();
    kernel.end();
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), TRACE.lines().count() + 3);
}

#[test]
fn markers_from_outside() {
    let recording = Recording::start(machine(), &["--stop-after", "3s"]);
    recording.wait_for_trace();
    let mark = |text: &str| {
        let output = mmiotrace(&recording.machine, "mark")
            .args(["--to", "tracefs", text])
            .bounded_output();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    assert_eq!(mark("X is up").0, Some(0));
    let (status, told) = mark("mmiotrace1 lost n=1");
    assert_eq!(status, Some(2));
    assert!(told.contains("reserved"), "{told}");
    let text = recording.machine.get(&format!("{TRACING}/trace_marker"));
    assert!(text.contains("X is up\n"), "{text}");
    recording.signal(Signal::INT);
    let (machine, _, _) = recording.end();
    let output = mmiotrace(&machine, "mark")
        .args(["--to", "tracefs", "late"])
        .bounded_output();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no capture"));
}
