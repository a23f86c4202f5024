//! Whole captures over a made-up tracing folder: phases, what ends them, what fails in them. After
//! each of them the machine is as before.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use mmiotrace_capture::EndRequest;
use mmiotrace_capture::machine::PciAddress;
use mmiotrace_capture::tracefs::{
    Buffer, Driver, Options, Plan, Report, StopReason, Subject, Tracefs, restore_leftover, run,
};
use mmiotrace_core::CaptureBackend;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use support::{Machine, TRACING, differences, kernel};

const TRACE: &str = "VERSION 20070824\nMARK 6.000000 load the driver\n\
    W 4 6.066783 1 0xfebc00d8 0xffffffff 0x0 0\nMARK 7.000000 X is up\n";

fn options(machine: &Machine) -> Options {
    Options::new()
        .root(machine.root())
        .buffer(Buffer::Kib(4096))
}

/// A machine with one CPU, as it is when the kernel has taken the others off-line.
fn one_cpu() -> Machine {
    let machine = Machine::new();
    machine.put("/sys/devices/system/cpu/online", "0\n");
    machine
}

/// Runs a plan to its end; gives the report and the trace. Checks that the machine is as before.
fn capture(
    machine: &Machine,
    plan: Plan,
    output: &mut dyn Write,
    requests: &dyn Fn(Option<u32>) -> EndRequest,
) -> Report {
    let before = machine.snapshot();
    let kernel = kernel(machine, TRACE);
    let mut backend = Tracefs::new(options(machine));
    backend.start().unwrap();
    let report = run(plan, &mut backend, output, requests);
    kernel.end();
    let left: Vec<String> = differences(&before, &machine.snapshot())
        .into_iter()
        .filter(|line| !line.contains("stats") && !line.contains("bind"))
        .collect();
    assert_eq!(left, [""; 0]);
    assert!(!machine.path("/run/mmiotrace/tracefs.state").exists());
    report
}

fn command(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

fn plan() -> Plan {
    Plan::default()
}

fn markers(machine: &Machine) -> Vec<String> {
    let text = machine.get(&format!("{TRACING}/trace_marker"));
    text.lines().map(str::to_owned).collect()
}

/// A program that notes what it was told and ends with `status`.
fn script(machine: &Machine, name: &str, status: i32, complaint: &str) -> std::path::PathBuf {
    let path = machine.path(&format!("/bin/{name}"));
    let notes = machine.path(&format!("/tmp/{name}"));
    machine.put(
        &format!("/bin/{name}"),
        &format!(
            "#!/bin/sh\nmkdir -p {0}\necho \"$*\" >> {0}/calls\necho '{complaint}' >&2\nexit {status}\n",
            notes.display()
        ),
    );
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_command_with_its_phases() {
    let machine = one_cpu();
    let mut trace = Vec::new();
    let mut plan = plan();
    plan.command = command(&["sh", "-c", "sleep 0.1; exit 3"]);
    plan.marks = vec![b"my mark".to_vec()];
    let report = capture(&machine, plan, &mut trace, &|_| EndRequest::None);
    assert_eq!(report.stop, StopReason::CommandEnded);
    assert_eq!(report.command.unwrap().code(), Some(3));
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    assert!(String::from_utf8(trace).unwrap().ends_with("X is up\n"));
    assert_eq!(
        markers(&machine),
        [
            "capture begins",
            "my mark",
            "phase begin: run sh -c sleep 0.1; exit 3",
            "phase end: run sh -c sleep 0.1; exit 3",
            "capture ends"
        ]
    );
}

#[test]
fn cpus_that_stay_on_line_are_told_in_the_trace() {
    let machine = Machine::new();
    let mut plan = plan();
    plan.time_limit = Some(Duration::ZERO);
    let report = capture(&machine, plan, &mut Vec::new(), &|_| EndRequest::None);
    assert_eq!(report.figures.cpus, 4);
    assert!(markers(&machine)[1].starts_with("4 CPUs are on-line"));
}

#[test]
fn a_program_that_does_not_exist() {
    let machine = Machine::new();
    let mut plan = plan();
    plan.command = command(&["/no/such/program"]);
    let report = capture(&machine, plan, &mut Vec::new(), &|_| EndRequest::None);
    assert_eq!(report.stop, StopReason::Failed);
    assert!(report.failures[0].to_string().contains("/no/such/program"));
}

#[test]
fn each_end() {
    let machine = Machine::new();
    let mut by_time = plan();
    by_time.time_limit = Some(Duration::from_millis(30));
    assert_eq!(
        capture(&machine, by_time, &mut Vec::new(), &|_| EndRequest::None).stop,
        StopReason::Time
    );

    let machine = Machine::new();
    let mut by_size = plan();
    by_size.size_limit = Some(TRACE.len() as u64);
    assert_eq!(
        capture(&machine, by_size, &mut Vec::new(), &|_| EndRequest::None).stop,
        StopReason::Size
    );

    let machine = Machine::new();
    let mut by_marker = plan();
    by_marker.stop_on_marker = Some(Box::new(|text| text == b"X is up"));
    assert_eq!(
        capture(&machine, by_marker, &mut Vec::new(), &|_| EndRequest::None).stop,
        StopReason::Marker
    );

    let machine = Machine::new();
    let mut by_loss = plan();
    by_loss.stop_on_loss = true;
    machine.set_stats(0, 17, 3);
    let mut trace = Vec::new();
    let report = capture(&machine, by_loss, &mut trace, &|_| EndRequest::None);
    assert_eq!((report.stop, report.figures.lost), (StopReason::Loss, 17));
    assert!(trace.ends_with(b"MARK 0.000000 Lost 17 events.\n"));

    let machine = Machine::new();
    assert_eq!(
        capture(&machine, plan(), &mut Vec::new(), &|_| EndRequest::End).stop,
        StopReason::Interrupted
    );
}

/// The capture ends and the command goes on: it is not for a recorder to end it.
#[test]
fn a_request_ends_the_capture_and_not_the_command() {
    let machine = Machine::new();
    let mut plan = plan();
    plan.command = command(&["sleep", "100"]);
    let asked = AtomicUsize::new(0);
    let report = capture(&machine, plan, &mut Vec::new(), &|running| {
        // Not before the command has run for a while.
        let asked = asked.fetch_add(usize::from(running.is_some()), Ordering::Relaxed);
        if asked > 20 {
            EndRequest::EndNow
        } else {
            EndRequest::None
        }
    });
    assert_eq!(report.stop, StopReason::Interrupted);
    assert_eq!(report.command, None);
    let pid = i32::try_from(report.continued.unwrap()).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn a_driver_is_loaded_in_the_trace() {
    let machine = one_cpu();
    let modprobe = script(&machine, "modprobe", 0, "");
    let subject = Subject::module(OsStr::new("e1000"));
    let mut driver = Driver::new(machine.root(), subject)
        .modprobe(&modprobe)
        .keep(true);
    assert_eq!(driver.prepare().unwrap(), None);
    let mut plan = plan();
    plan.driver = Some(driver);
    plan.time_limit = Some(Duration::ZERO);
    machine.put("/tmp/modprobe/calls", "");
    let report = capture_ignoring(&machine, plan, "calls");
    assert!(report.failures.is_empty());
    assert_eq!(machine.get("/tmp/modprobe/calls").trim(), "-- e1000");
    assert_eq!(
        markers(&machine),
        [
            "capture begins",
            "phase begin: load e1000",
            "phase end: load e1000",
            "capture ends"
        ]
    );
}

/// As `capture`, where one more file may change.
fn capture_ignoring(machine: &Machine, plan: Plan, changed: &str) -> Report {
    let before = machine.snapshot();
    let kernel = kernel(machine, TRACE);
    let mut backend = Tracefs::new(options(machine));
    backend.start().unwrap();
    let report = run(plan, &mut backend, &mut Vec::new(), &|_| EndRequest::None);
    kernel.end();
    let left: Vec<String> = differences(&before, &machine.snapshot())
        .into_iter()
        .filter(|line| !line.contains(changed))
        .collect();
    assert_eq!(left, [""; 0]);
    report
}

#[test]
fn a_driver_that_fails_to_load() {
    let machine = one_cpu();
    let modprobe = script(
        &machine,
        "modprobe",
        1,
        "modprobe: FATAL: Module e1000 not found",
    );
    machine.put("/tmp/modprobe/calls", "");
    let mut driver =
        Driver::new(machine.root(), Subject::Module("e1000".into())).modprobe(&modprobe);
    driver.prepare().unwrap();
    let mut plan = plan();
    plan.driver = Some(driver);
    plan.command = command(&["true"]);
    let report = capture_ignoring(&machine, plan, "calls");
    assert_eq!((report.stop, report.command), (StopReason::Failed, None));
    let failure = report.failures[0].to_string();
    assert!(failure.contains("Module e1000 not found"), "{failure}");
    assert_eq!(
        markers(&machine),
        [
            "capture begins",
            "phase begin: load e1000",
            "phase failed: load e1000",
            "capture ends"
        ]
    );
}

#[test]
fn a_driver_that_is_there_is_refused_with_what_to_do() {
    let machine = Machine::new();
    let prepare = |subject: Subject| {
        Driver::new(machine.root(), subject)
            .prepare()
            .unwrap_err()
            .to_string()
    };
    machine.put("/sys/module/e1000/initstate", "live\n");
    assert!(prepare(Subject::Module("e1000".into())).contains("--reload"));
    machine.put(
        "/lib/modules/6.1.0-made-up/modules.builtin",
        "kernel/drivers/ata/ahci.ko\n",
    );
    assert!(prepare(Subject::Module("ahci".into())).contains("built into the kernel"));
    let device: PciAddress = "00:03.0".parse().unwrap();
    let folder = machine.path("/sys/bus/pci/devices/0000:00:03.0");
    std::os::unix::fs::symlink("../../drivers/e1000", folder.join("driver")).unwrap();
    assert!(prepare(Subject::Device(device, None)).contains("bound to e1000"));
    let absent: PciAddress = "00:04.0".parse().unwrap();
    assert!(prepare(Subject::Device(absent, None)).contains("no PCI device 0000:00:04.0"));
    assert!(prepare(Subject::module(OsStr::new("./no.ko"))).contains("no such file"));
}

#[test]
fn a_bound_device_is_unbound_before_and_written_down() {
    let machine = Machine::new();
    let device: PciAddress = "0000:00:03.0".parse().unwrap();
    let link = machine.path("/sys/bus/pci/devices/0000:00:03.0/driver");
    std::os::unix::fs::symlink("../../drivers/e1000", &link).unwrap();
    let mut driver = Driver::new(machine.root(), Subject::Device(device, None)).reload(true);
    let displaced = driver.prepare().unwrap().unwrap();
    // It was bound before, so it stays so afterwards.
    assert_eq!(driver.detach_phase(), None);
    let mut backend = Tracefs::new(options(&machine).displace(displaced));
    backend.start().unwrap();
    assert_eq!(
        machine.get("/sys/bus/pci/drivers/e1000/unbind").trim(),
        "0000:00:03.0"
    );
    let state = machine.get("/run/mmiotrace/tracefs.state");
    assert!(state.contains("bind\t0000:00:03.0\te1000\n"));
    // The kernel takes the link away; the process dies; the next start binds again.
    std::fs::remove_file(&link).unwrap();
    drop(backend);
    assert_eq!(
        machine.get("/sys/bus/pci/drivers/e1000/bind").trim(),
        "0000:00:03.0"
    );
}

#[test]
fn an_unloaded_module_is_loaded_again_after_a_kill() {
    for with_file in [false, true] {
        let machine = Machine::new();
        let modprobe = script(&machine, "modprobe", 0, "");
        let file = machine.path("/tmp/e1000.ko");
        machine.put("/tmp/e1000.ko", "no module");
        machine.put("/sys/module/e1000/initstate", "live\n");
        let subject = if with_file {
            Subject::ModuleFile(file.clone())
        } else {
            Subject::Module("e1000".into())
        };
        let mut driver = Driver::new(machine.root(), subject)
            .modprobe(&modprobe)
            .reload(true);
        let displaced = driver.prepare().unwrap().unwrap();
        // It was loaded before, so it stays so afterwards.
        assert_eq!(driver.detach_phase(), None);
        let mut backend = Tracefs::new(options(&machine).displace(displaced));
        backend.start().unwrap();
        let state = machine.get("/run/mmiotrace/tracefs.state");
        // The kernel takes the module away, and the process dies: its state file is all that is left.
        std::fs::remove_dir_all(machine.path("/sys/module/e1000")).unwrap();
        drop(backend);
        machine.put("/run/mmiotrace/tracefs.state", &state);
        std::fs::remove_dir_all(machine.path("/tmp/modprobe")).ok();
        let restored = restore_leftover(&machine.root());
        if with_file {
            // What this file holds no kernel loads: it was tried, then, and the state is kept.
            let error = restored.unwrap_err().to_string();
            assert!(
                error.contains("load e1000") && error.contains("e1000.ko"),
                "{error}"
            );
            assert_eq!(machine.get("/run/mmiotrace/tracefs.state"), state);
        } else {
            restored.unwrap();
            assert_eq!(machine.get("/tmp/modprobe/calls").trim(), "-- e1000");
        }
    }
}

struct FullDisk {
    room: usize,
}

impl Write for FullDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.room == 0 {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let len = bytes.len().min(self.room);
        self.room -= len;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_ends_the_capture_and_everything_is_put_back() {
    let machine = Machine::new();
    let report = capture(&machine, plan(), &mut FullDisk { room: 20 }, &|_| {
        EndRequest::None
    });
    assert_eq!(report.stop, StopReason::Output);
    assert_eq!(
        report.output_error.unwrap().kind(),
        io::ErrorKind::StorageFull
    );
    // What could not be written was still counted.
    assert_eq!(report.figures.records, 3);
}
