//! `doctor` on made-up machines: the right diagnosis, with the command that mends it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use mmiotrace_capture::doctor::{Backend, Check, Question, Status, examine};
use support::{Machine, TRACING};

fn find(machine: &Machine, question: &Question, backend: Backend, name: &str) -> Check {
    let diagnosis = examine(&machine.root(), question);
    let found = diagnosis.of(backend).find(|check| check.name == name);
    found
        .unwrap_or_else(|| panic!("no check {name} in {diagnosis:#?}"))
        .clone()
}

fn tracefs(machine: &Machine, name: &str) -> Check {
    find(machine, &Question::default(), Backend::Tracefs, name)
}

/// The names of the checks that say `missing`.
fn missing(machine: &Machine, backend: Backend) -> Vec<&'static str> {
    let diagnosis = examine(&machine.root(), &Question::default());
    let missing: Vec<&str> = diagnosis
        .of(backend)
        .filter(|check| check.status == Status::Missing)
        .map(|check| check.name)
        .collect();
    assert_eq!(missing.is_empty(), diagnosis.is_usable(backend));
    missing
}

fn assert_mends(check: &Check, status: Status, found: &str, mend: &str) {
    assert_eq!(check.status, status, "{check:?}");
    assert!(check.found.contains(found), "{check:?}");
    assert!(check.mend.as_deref().unwrap().contains(mend), "{check:?}");
}

#[test]
fn a_machine_in_order() {
    let machine = Machine::new();
    assert_eq!(missing(&machine, Backend::Tracefs), [""; 0]);
    let diagnosis = examine(&machine.root(), &Question::default());
    let warned = diagnosis
        .of(Backend::Tracefs)
        .filter(|check| matches!(check.status, Status::Warning | Status::Unknown));
    assert_eq!(warned.count(), 0);
    // Every finding that is not in order says what to do.
    for check in &diagnosis.checks {
        let needs = !matches!(check.status, Status::Ok | Status::Unknown);
        assert_eq!(needs, check.mend.is_some(), "{check:?}");
    }
    assert!(tracefs(&machine, "memory").found.contains("97 MiB"));
}

#[test]
fn broken_1_no_tracefs() {
    let machine = Machine::new();
    machine.remove("/sys/kernel/tracing");
    machine.put("/proc/mounts", "proc /proc proc rw 0 0\n");
    assert_mends(
        &tracefs(&machine, "tracefs"),
        Status::Warning,
        "not mounted",
        "mount -t tracefs tracefs /sys/kernel/tracing",
    );
    // The configuration still tells that the tracer is there.
    assert_eq!(tracefs(&machine, "tracer").status, Status::Ok);
    machine.put("/proc/filesystems", "nodev\tdebugfs\n");
    assert_mends(
        &tracefs(&machine, "tracefs"),
        Status::Warning,
        "debugfs",
        "mount -t debugfs debugfs /sys/kernel/debug",
    );
    machine.put("/proc/filesystems", "nodev\tproc\n");
    assert_eq!(tracefs(&machine, "tracefs").status, Status::Missing);
}

#[test]
fn broken_2_no_config_mmiotrace() {
    let machine = Machine::new();
    machine.put(&format!("{TRACING}/available_tracers"), "function nop\n");
    machine.put(
        "/boot/config-6.1.0-made-up",
        "# CONFIG_MMIOTRACE is not set\n",
    );
    assert_mends(
        &tracefs(&machine, "tracer"),
        Status::Missing,
        "has no tracer mmiotrace",
        "CONFIG_MMIOTRACE=y",
    );
    machine.remove("/sys/kernel/tracing");
    assert_mends(
        &tracefs(&machine, "tracer"),
        Status::Missing,
        "not set in /boot/config-6.1.0-made-up",
        "CONFIG_MMIOTRACE=y",
    );
    machine.remove("/boot/config-6.1.0-made-up");
    assert_eq!(tracefs(&machine, "tracer").status, Status::Unknown);
}

#[test]
fn broken_3_not_root() {
    let machine = Machine::new();
    machine.put(
        "/proc/self/status",
        "Name:\tx\nUid:\t1000\t1000\t1000\t1000\n",
    );
    assert_mends(
        &tracefs(&machine, "permissions"),
        Status::Missing,
        "not run as root",
        "sudo mmiotrace record --backend tracefs",
    );
    // Nor may such a user look into the folder.
    machine.remove("/sys/kernel/tracing");
    let check = tracefs(&machine, "tracefs");
    assert_eq!(check.status, Status::Unknown);
    assert!(check.found.contains("may not look into it"), "{check:?}");
    // User space needs no root.
    assert!(!missing(&machine, Backend::Process).contains(&"permissions"));
}

#[test]
fn broken_4_tracer_busy() {
    let machine = Machine::new();
    machine.put(&format!("{TRACING}/current_tracer"), "function_graph\n");
    assert_mends(
        &tracefs(&machine, "free"),
        Status::Missing,
        "current_tracer is function_graph",
        "echo nop > /sys/kernel/tracing/current_tracer",
    );
    machine.put(&format!("{TRACING}/current_tracer"), "nop\n");
    machine.put(&format!("{TRACING}/set_event"), "sched:sched_switch\n");
    assert_mends(
        &tracefs(&machine, "free"),
        Status::Missing,
        "1 trace events are on",
        "echo > /sys/kernel/tracing/set_event",
    );
    machine.put(&format!("{TRACING}/set_event"), "");
    machine.put(&format!("{TRACING}/current_tracer"), "mmiotrace\n");
    assert!(missing(&machine, Backend::Kmod).contains(&"other-tracer"));
}

#[test]
fn our_own_module_is_in_the_way() {
    let machine = Machine::new();
    machine.put("/sys/module/mmiotrace/initstate", "live\n");
    assert_mends(
        &tracefs(&machine, "free"),
        Status::Missing,
        "own module",
        "rmmod mmiotrace",
    );
}

#[test]
fn broken_5_lockdown() {
    let machine = Machine::new();
    let file = "/sys/kernel/security/lockdown";
    machine.put(file, "none integrity [confidentiality]\n");
    assert_mends(
        &tracefs(&machine, "lockdown"),
        Status::Missing,
        "confidentiality",
        "lockdown=none",
    );
    // Integrity forbids the module, not the tracer.
    machine.put(file, "none [integrity] confidentiality\n");
    assert_eq!(tracefs(&machine, "lockdown").status, Status::Ok);
    let kmod = find(&machine, &Question::default(), Backend::Kmod, "lockdown");
    assert_mends(
        &kmod,
        Status::Missing,
        "signed modules only",
        "lockdown=none",
    );
    let secure = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
    machine.put(secure, "\u{6}\0\0\0\u{1}");
    let kmod = find(&machine, &Question::default(), Backend::Kmod, "lockdown");
    assert_mends(
        &kmod,
        Status::Missing,
        "because of Secure Boot",
        "mokutil --import",
    );
}

#[test]
fn one_cpu_that_cannot_go_and_little_memory() {
    let machine = Machine::new();
    machine.remove("/sys/devices/system/cpu/cpu2/online");
    assert_mends(
        &tracefs(&machine, "cpus"),
        Status::Warning,
        "cannot all",
        "maxcpus=1",
    );
    machine.put("/proc/meminfo", "MemAvailable: 20000 kB\n");
    let kmod = find(&machine, &Question::default(), Backend::Kmod, "memory");
    assert_mends(
        &kmod,
        Status::Warning,
        "the rings take 112 MiB",
        "end programs",
    );
    machine.put("/proc/meminfo", "MemAvailable: 40000 kB\n");
    assert_mends(
        &tracefs(&machine, "memory"),
        Status::Warning,
        "39 MiB",
        "--buffer",
    );
    machine.put("/sys/kernel/realtime", "1\n");
    assert_eq!(missing(&machine, Backend::Tracefs), ["realtime"]);
}

#[test]
fn parameters_of_the_command_line() {
    let machine = Machine::new();
    assert_mends(
        &tracefs(&machine, "trace_pc"),
        Status::Note,
        "not recorded",
        "mmiotrace.trace_pc=1",
    );
    machine.put(
        "/proc/cmdline",
        "mmiotrace.trace_pc=1 nohugeiomap mmiotrace.filter_offset=0xfebc0000 mmiotrace.nommiotrace\n",
    );
    assert_eq!(tracefs(&machine, "trace_pc").status, Status::Ok);
    assert_eq!(tracefs(&machine, "nohugeiomap").status, Status::Ok);
    assert_eq!(tracefs(&machine, "filter").status, Status::Warning);
    assert_eq!(missing(&machine, Backend::Tracefs), ["nommiotrace"]);
    machine.put("/proc/cmdline", "mmiotrace.nommiotrace=0\n");
    assert_eq!(missing(&machine, Backend::Tracefs), [""; 0]);
}

#[test]
fn a_killed_capture_and_one_that_runs() {
    let machine = Machine::new();
    machine.put(
        "/run/mmiotrace/tracefs.state",
        "mmiotrace tracefs state 1\nboot\tboot-1\npid\t4711\n",
    );
    machine.put("/run/mmiotrace/tracefs.lock", "");
    assert_mends(
        &tracefs(&machine, "free"),
        Status::Warning,
        "4711",
        "--restore",
    );
    let lock = std::fs::File::open(machine.path("/run/mmiotrace/tracefs.lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert_mends(
        &tracefs(&machine, "free"),
        Status::Missing,
        "4711",
        "kill -INT 4711",
    );
}

#[test]
fn drivers_and_devices() {
    let machine = Machine::new();
    let mut question = Question::default();
    question.driver = Some("e1000".into());
    question.device = Some("00:03.0".parse().unwrap());
    let check = |name| find(&machine, &question, Backend::Tracefs, name);
    assert_eq!(check("driver").status, Status::Ok);
    assert_eq!(check("device").status, Status::Ok);
    machine.put("/sys/module/e1000/initstate", "live\n");
    assert_mends(
        &check("driver"),
        Status::Missing,
        "is loaded",
        "rmmod e1000",
    );
    let link = machine.path("/sys/bus/pci/devices/0000:00:03.0/driver");
    std::os::unix::fs::symlink("../../drivers/e1000", link).unwrap();
    assert_mends(
        &check("device"),
        Status::Missing,
        "bound to e1000",
        "echo 0000:00:03.0 > /sys/bus/pci/drivers/e1000/unbind",
    );
    // Our module can trace on; it only has not seen what was before.
    let kmod = |name| find(&machine, &question, Backend::Kmod, name);
    assert_mends(&kmod("driver"), Status::Warning, "is loaded", "rmmod e1000");
    assert_mends(
        &kmod("device"),
        Status::Warning,
        "bound to e1000",
        "drivers/e1000/unbind",
    );
}

#[test]
fn what_a_module_takes() {
    let machine = Machine::new();
    let found = |name| find(&machine, &Question::default(), Backend::Kmod, name).found;
    assert!(found("cpus").contains("CPUs 0-3 are on-line"));
    // Of 781 MiB, seven rings of 16.
    assert!(found("memory").contains("the rings take 112 MiB"));
    machine.put("/usr/bin/gcc", "");
    machine.put("/usr/bin/make", "");
    assert_eq!(missing(&machine, Backend::Kmod), [""; 0]);
    machine.remove("/usr/bin/gcc");
    machine.remove("/lib/modules/6.1.0-made-up/build");
    assert_eq!(missing(&machine, Backend::Kmod), ["headers", "compiler"]);
    let headers = find(&machine, &Question::default(), Backend::Kmod, "headers");
    assert_mends(
        &headers,
        Status::Missing,
        "not there",
        "apt-get install linux-headers-6.1.0-made-up",
    );
    machine.put("/sys/module/module/parameters/sig_enforce", "Y\n");
    assert!(missing(&machine, Backend::Kmod).contains(&"signatures"));
}

#[test]
fn an_empty_machine_is_no_reason_to_fail() {
    let folder = tempfile::tempdir().unwrap();
    let root = mmiotrace_capture::machine::Root::new(folder.path());
    let diagnosis = examine(&root, &Question::default());
    assert!(!diagnosis.is_usable(Backend::Kmod));
    // And the machine that the test runs on.
    let _ = examine(
        &mmiotrace_capture::machine::Root::system(),
        &Question::default(),
    );
}
