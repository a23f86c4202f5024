//! What the tracefs backend needs.

use super::check::Checks;
use super::shared::{architecture, boot_with, config_has, root_user};
use super::{Backend, Check, Question};
use crate::machine::{
    Config, CpuSet, Lockdown, ModuleState, Root, available_kib, command_line, is_hot_pluggable,
    module_state, mounts,
};
use crate::tracefs::control::TraceDir;
use crate::tracefs::{Leftover, automatic_ring_kib};

const RECORD: &str = "mmiotrace record --backend tracefs";

pub(super) fn examine(root: &Root, question: &Question) -> Vec<Check> {
    let mut checks = Checks::new(Backend::Tracefs);
    let config = Config::read(root);
    let dir = TraceDir::find(root);
    architecture(root, &mut checks);
    root_user(root, RECORD, &mut checks);
    lockdown(root, &mut checks);
    tracer(config.as_ref(), dir.as_ref(), &mut checks);
    mounted(root, dir.as_ref(), &mut checks);
    in_use(root, dir.as_ref(), &mut checks);
    cpus(root, config.as_ref(), &mut checks);
    memory(root, &mut checks);
    real_time(root, config.as_ref(), &mut checks);
    boot_parameters(root, &mut checks);
    if let Some(driver) = &question.driver {
        driver_state(root, driver, &mut checks);
    }
    if let Some(device) = question.device {
        device_state(root, device, &mut checks);
    }
    checks.list
}

/// `LOCKDOWN_TRACEFS` is forbidden in confidentiality mode only.
fn lockdown(root: &Root, checks: &mut Checks) {
    match Lockdown::read(root) {
        Some(Lockdown::Confidentiality) => checks.missing(
            "lockdown",
            "the kernel is locked down (confidentiality): tracefs cannot be opened",
            boot_with("lockdown=none, or no lockdown= at all,")
                + "; where Secure Boot sets it, switch that off: mokutil --disable-validation",
        ),
        Some(state) => checks.ok(
            "lockdown",
            format!("lockdown is {state}: tracefs is allowed"),
        ),
        None => checks.ok("lockdown", "no lockdown is known to this kernel"),
    }
}

fn tracer(config: Option<&Config>, dir: Option<&TraceDir>, checks: &mut Checks) {
    let available = dir.and_then(|dir| dir.read("available_tracers").ok());
    let mend = "install a kernel built with CONFIG_MMIOTRACE=y (Debian's are: apt-get install linux-image-amd64)";
    if let Some(available) = available {
        if available.split_whitespace().any(|name| name == "mmiotrace") {
            return checks.ok("tracer", "the kernel has the tracer mmiotrace");
        }
        let found = format!("the kernel has no tracer mmiotrace; it has: {available}");
        return checks.missing("tracer", found, mend);
    }
    let path = config.map_or("", |config| config.path.as_str());
    match config_has(config, "CONFIG_MMIOTRACE") {
        Some(true) => checks.ok("tracer", format!("CONFIG_MMIOTRACE=y in {path}")),
        Some(false) => checks.missing("tracer", format!("CONFIG_MMIOTRACE is not set in {path}"), mend),
        None => checks.unknown(
            "tracer",
            "the kernel's configuration is not to be had (modprobe configs), and its tracers cannot be listed",
        ),
    }
}

fn mounted(root: &Root, dir: Option<&TraceDir>, checks: &mut Checks) {
    if let Some(dir) = dir {
        let found = format!("tracefs is at {}", dir.folder());
        return match dir.read("current_tracer") {
            Ok(_) => checks.ok("tracefs", found),
            Err(error) => checks.missing(
                "tracefs",
                format!("{found}, but: {error}"),
                format!("sudo {RECORD}"),
            ),
        };
    }
    if let Some(mount) = mounts(root).iter().find(|mount| mount.kind == "tracefs") {
        let found = format!(
            "tracefs is at {}, but this user may not look into it",
            mount.folder
        );
        return checks.unknown("tracefs", found);
    }
    let mount = "mount -t tracefs tracefs /sys/kernel/tracing";
    let kinds = root.read("/proc/filesystems").unwrap_or_default();
    let knows = |kind| {
        kinds
            .lines()
            .any(|line| line.split_whitespace().last() == Some(kind))
    };
    if kinds.is_empty() || knows("tracefs") {
        checks.warning(
            "tracefs",
            "tracefs is not mounted (record mounts it, and unmounts it afterwards)",
            mount,
        );
    } else if knows("debugfs") {
        checks.warning(
            "tracefs",
            "this old kernel has its tracers in debugfs, which is not mounted",
            "mount -t debugfs debugfs /sys/kernel/debug",
        );
    } else {
        checks.missing(
            "tracefs",
            "the kernel has no tracefs",
            "install a kernel built with CONFIG_FTRACE=y and CONFIG_MMIOTRACE=y",
        );
    }
}

fn in_use(root: &Root, dir: Option<&TraceDir>, checks: &mut Checks) {
    if let Some(left) = Leftover::find(root) {
        let pid = left.pid.map(|pid| pid.to_string()).unwrap_or_default();
        if left.running {
            let mend = format!("let it end, or: kill -INT {pid}");
            return checks.missing("free", format!("a capture runs, process {pid}"), mend);
        }
        return checks.warning(
            "free",
            format!("a capture was killed (process {pid}) and has left the tracer on"),
            format!("{RECORD} --restore"),
        );
    }
    if module_state(root, "mmiotrace") == ModuleState::Loaded {
        return checks.missing(
            "free",
            "our own module is loaded, and both take the same faults",
            "rmmod mmiotrace",
        );
    }
    let Some(dir) = dir else {
        return checks.unknown(
            "free",
            "whether the tracer is in use shows when tracefs is mounted",
        );
    };
    let folder = dir.folder();
    match dir.read("current_tracer").as_deref() {
        Ok("nop") => {}
        Ok(other) => {
            return checks.missing(
                "free",
                format!("the tracer is in use: current_tracer is {other}"),
                format!("echo nop > {folder}/current_tracer (or {RECORD} --take-over)"),
            );
        }
        Err(error) => return checks.unknown("free", error.to_string()),
    }
    let events = dir.read("set_event").unwrap_or_default();
    if !events.is_empty() {
        return checks.missing(
            "free",
            format!(
                "{} trace events are on and would share the ring",
                events.lines().count()
            ),
            format!("echo > {folder}/set_event (or {RECORD} --take-over)"),
        );
    }
    checks.ok("free", "nobody uses the tracer");
}

fn cpus(root: &Root, config: Option<&Config>, checks: &mut Checks) {
    let Some(online) = CpuSet::online(root) else {
        return checks.unknown("cpus", "/sys/devices/system/cpu/online cannot be read");
    };
    if online.len() <= 1 {
        return checks.ok("cpus", "one CPU is on-line: nothing is missed");
    }
    let others = online.as_slice().get(1..).unwrap_or_default();
    let stuck = others.iter().any(|cpu| !is_hot_pluggable(root, *cpu));
    if stuck || config_has(config, "CONFIG_HOTPLUG_CPU") == Some(false) {
        return checks.warning(
            "cpus",
            format!("CPUs {online} are on-line and cannot all be taken off-line: accesses are missed without count"),
            boot_with("maxcpus=1"),
        );
    }
    checks.ok(
        "cpus",
        format!(
            "CPUs {online} are on-line; all but CPU {} are off-line during a capture (the kmod backend keeps them)",
            online.as_slice().first().copied().unwrap_or(0)
        ),
    );
}

fn memory(root: &Root, checks: &mut Checks) {
    let Some(available) = available_kib(root) else {
        return checks.unknown("memory", "/proc/meminfo does not tell what is available");
    };
    let ring = automatic_ring_kib(Some(available));
    let found = format!(
        "{} MiB are available: the ring will have {} MiB",
        available >> 10,
        ring >> 10
    );
    if available < 64 << 10 {
        checks.warning(
            "memory",
            found,
            "end programs that need much memory, or give --buffer",
        );
    } else {
        checks.ok("memory", found);
    }
}

/// A spin lock that sleeps is taken where nothing may sleep.
fn real_time(root: &Root, config: Option<&Config>, checks: &mut Checks) {
    let realtime = root
        .read("/sys/kernel/realtime")
        .is_ok_and(|text| text == "1");
    if realtime || config_has(config, "CONFIG_PREEMPT_RT") == Some(true) {
        checks.missing(
            "realtime",
            "the kernel is PREEMPT_RT, on which the tracer is not safe: it may hang the machine",
            "boot the distribution's ordinary kernel",
        );
    }
}

/// `mmiotrace`'s parameters have no file in sysfs (`core_param`-like, `arch/x86/mm/mmio-mod.c`).
fn boot_parameters(root: &Root, checks: &mut Checks) {
    let words = command_line(root);
    let value = |name: &str| {
        let word = words.iter().rev().find_map(|word| {
            let rest = word.strip_prefix("mmiotrace.")?.strip_prefix(name)?;
            Some(rest.strip_prefix('=').unwrap_or("1").to_owned())
        });
        word.filter(|word| !matches!(word.as_str(), "0" | "n" | "N"))
    };
    if value("nommiotrace").is_some() {
        checks.missing(
            "nommiotrace",
            "mmiotrace.nommiotrace is on the kernel's command line: mappings are recorded, accesses are not",
            "remove mmiotrace.nommiotrace from GRUB_CMDLINE_LINUX in /etc/default/grub, then: update-grub && reboot",
        );
    }
    if let Some(offset) = value("filter_offset") {
        checks.warning(
            "filter",
            format!("mmiotrace.filter_offset={offset}: only mappings that start there are recorded"),
            "remove mmiotrace.filter_offset from GRUB_CMDLINE_LINUX in /etc/default/grub, then: update-grub && reboot",
        );
    }
    if value("trace_pc").is_some() {
        checks.ok("trace_pc", "the instruction's address is recorded");
    } else {
        checks.note(
            "trace_pc",
            "the instruction's address is not recorded (PC is 0x0)",
            boot_with("mmiotrace.trace_pc=1"),
        );
    }
    if words.iter().any(|word| word == "nohugeiomap") {
        checks.ok("nohugeiomap", "large mappings are recorded whole");
    } else {
        checks.note(
            "nohugeiomap",
            "of a mapping over 2 MiB a part may not be recorded (the verdict says where)",
            boot_with("nohugeiomap"),
        );
    }
}

fn driver_state(root: &Root, driver: &str, checks: &mut Checks) {
    match module_state(root, driver) {
        ModuleState::Absent => checks.ok("driver", format!("{driver} is not loaded")),
        ModuleState::Builtin => checks.warning(
            "driver",
            format!("{driver} is built into the kernel: it has mapped its devices already"),
            format!("{RECORD} --device BDF --reload"),
        ),
        ModuleState::Loaded => checks.missing(
            "driver",
            format!("{driver} is loaded: what it has mapped cannot be traced"),
            format!("rmmod {driver} (or {RECORD} --driver {driver} --reload)"),
        ),
    }
}

fn device_state(root: &Root, device: crate::machine::PciAddress, checks: &mut Checks) {
    let folder = format!("/sys/bus/pci/devices/{device}");
    if !root.exists(&folder) {
        let found = format!("there is no PCI device {device}");
        return checks.missing("device", found, "choose one from: lspci -D");
    }
    match root.link_name(format!("{folder}/driver")) {
        None => checks.ok("device", format!("{device} has no driver yet")),
        Some(driver) => checks.missing(
            "device",
            format!("{device} is bound to {driver}: what that has mapped cannot be traced"),
            format!(
                "echo {device} > /sys/bus/pci/drivers/{driver}/unbind (or {RECORD} --device {device} --reload)"
            ),
        ),
    }
}
