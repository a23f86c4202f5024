//! What the kmod backend needs.

use super::check::Checks;
use super::shared::{architecture, boot_with, config_has, has_program, root_user};
use super::{Backend, Check, Question};
use crate::kmod::RING_BYTES;
use crate::machine::{
    Config, CpuSet, Lockdown, ModuleState, PciAddress, Root, available_kib, command_line,
    module_state, release, secure_boot,
};
use crate::tracefs::control::TraceDir;

/// Options without which the module cannot hook the fault handler, and what is missing then.
const OPTIONS: [(&str, &str); 4] = [
    ("CONFIG_MODULES", "loadable modules"),
    (
        "CONFIG_MMIOTRACE",
        "kmmio_handler, the place where faults are taken",
    ),
    (
        "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS",
        "ftrace with direct calls",
    ),
    ("CONFIG_KPROBES", "kprobes"),
];

/// What a ring takes unless another size is asked for, in KiB.
const RING_KIB: u64 = RING_BYTES >> 10;
/// How many rings there are beside those of the CPUs: of who changes what is traced, of NMIs, and one
/// because contexts count from 1.
const OTHER_RINGS: u64 = 3;

pub(super) fn examine(root: &Root, question: &Question) -> Vec<Check> {
    let mut checks = Checks::new(Backend::Kmod);
    let config = Config::read(root);
    architecture(root, &mut checks);
    cpus_and_memory(root, &mut checks);
    if let Some(driver) = &question.driver {
        driver_state(root, driver, &mut checks);
    }
    if let Some(device) = question.device {
        device_state(root, device, &mut checks);
    }
    if module_state(root, "mmiotrace") == ModuleState::Loaded {
        checks.ok("module", "the module is loaded");
        device_file(root, &mut checks);
        return checks.list;
    }
    root_user(root, "mmiotrace record --backend kmod", &mut checks);
    signatures(root, &mut checks);
    for (option, what) in OPTIONS {
        match config_has(config.as_ref(), option) {
            Some(true) => checks.ok("config", format!("{option} is set")),
            Some(false) => checks.missing(
                "config",
                format!("{option} is not set: the kernel has no {what}"),
                format!("install a kernel built with {option}=y (Debian's are: apt-get install linux-image-amd64)"),
            ),
            None => checks.unknown("config", format!("{option}: the kernel's configuration is not to be had")),
        }
    }
    other_tracer(root, &mut checks);
    build(root, &mut checks);
    checks.list
}

/// Each CPU has a ring of its own.
fn cpus_and_memory(root: &Root, checks: &mut Checks) {
    let Some(online) = CpuSet::online(root) else {
        return checks.unknown("cpus", "/sys/devices/system/cpu/online cannot be read");
    };
    let found = format!("CPUs {online} are on-line, and stay so during a capture");
    checks.ok("cpus", found);
    let Some(available) = available_kib(root) else {
        return checks.unknown("memory", "/proc/meminfo does not tell what is available");
    };
    let rings = RING_KIB * (online.len() as u64 + OTHER_RINGS);
    let found = format!(
        "{} MiB are available: the rings take {} MiB, {} for each CPU and three times more",
        available >> 10,
        rings >> 10,
        RING_KIB >> 10
    );
    if rings > available / 2 {
        checks.warning("memory", found, "end programs that need much memory");
    } else {
        checks.ok("memory", found);
    }
}

fn driver_state(root: &Root, driver: &str, checks: &mut Checks) {
    match module_state(root, driver) {
        ModuleState::Absent => checks.ok("driver", format!("{driver} is not loaded")),
        ModuleState::Builtin => checks.warning(
            "driver",
            format!("{driver} is built into the kernel: it has mapped its devices already"),
            "unbind and bind the device during the capture: echo BDF > /sys/bus/pci/drivers/NAME/unbind",
        ),
        ModuleState::Loaded => checks.warning(
            "driver",
            format!("{driver} is loaded: what it did before the capture is not in the trace"),
            format!("rmmod {driver}, and load it during the capture"),
        ),
    }
}

fn device_state(root: &Root, device: PciAddress, checks: &mut Checks) {
    let folder = format!("/sys/bus/pci/devices/{device}");
    if !root.exists(&folder) {
        let found = format!("there is no PCI device {device}");
        return checks.missing("device", found, "choose one from: lspci -D");
    }
    match root.link_name(format!("{folder}/driver")) {
        None => checks.ok("device", format!("{device} has no driver yet")),
        Some(driver) => checks.warning(
            "device",
            format!("{device} is bound to {driver}: what that did before the capture is not in the trace"),
            format!("echo {device} > /sys/bus/pci/drivers/{driver}/unbind"),
        ),
    }
}

fn device_file(root: &Root, checks: &mut Checks) {
    if root.exists("/dev/mmiotrace") {
        checks.ok("device-file", "/dev/mmiotrace is there");
    } else {
        checks.missing(
            "device-file",
            "the module is loaded, but /dev/mmiotrace is not there",
            "rmmod mmiotrace; mmiotrace record --backend kmod",
        );
    }
}

/// Lockdown of either kind refuses unsigned modules, as `module.sig_enforce` does.
fn signatures(root: &Root, checks: &mut Checks) {
    let lockdown = Lockdown::read(root).unwrap_or(Lockdown::None);
    let secure_boot = secure_boot(root) == Some(true);
    let sign = "sign the module with a key of your own: mokutil --import KEY.der, reboot, then \
                /lib/modules/$(uname -r)/build/scripts/sign-file sha256 KEY.priv KEY.der mmiotrace.ko \
                (or switch Secure Boot off: mokutil --disable-validation)";
    if lockdown != Lockdown::None {
        let because = if secure_boot {
            ", because of Secure Boot"
        } else {
            ""
        };
        let mend = if secure_boot {
            sign.to_owned()
        } else {
            boot_with("lockdown=none")
        };
        return checks.missing(
            "lockdown",
            format!(
                "the kernel is locked down ({lockdown}{because}): it loads signed modules only"
            ),
            mend,
        );
    }
    let enforced = root
        .read("/sys/module/module/parameters/sig_enforce")
        .is_ok_and(|text| text == "Y")
        || command_line(root)
            .iter()
            .any(|word| word == "module.sig_enforce" || word == "module.sig_enforce=1");
    if enforced {
        return checks.missing("signatures", "the kernel loads signed modules only", sign);
    }
    let words = if secure_boot {
        "Secure Boot is on, but the kernel is not locked down"
    } else {
        "unsigned modules are allowed"
    };
    checks.ok("lockdown", words);
}

fn other_tracer(root: &Root, checks: &mut Checks) {
    let tracer = TraceDir::find(root).and_then(|dir| Some((dir.read("current_tracer").ok()?, dir)));
    match tracer {
        Some((tracer, dir)) if tracer == "mmiotrace" => checks.missing(
            "other-tracer",
            "the kernel's own mmiotrace is on, and both cannot be",
            format!("echo nop > {}/current_tracer", dir.folder()),
        ),
        _ => checks.ok("other-tracer", "the kernel's own mmiotrace is off"),
    }
}

/// What building the module takes, where none is installed.
fn build(root: &Root, checks: &mut Checks) {
    let release = release(root);
    let installed = ["extra", "updates", "updates/dkms"].iter().any(|folder| {
        ["ko", "ko.xz", "ko.zst", "ko.gz"].iter().any(|ending| {
            root.exists(format!(
                "/lib/modules/{release}/{folder}/mmiotrace.{ending}"
            ))
        })
    });
    if installed {
        return checks.ok("module", "the module is installed for this kernel");
    }
    if root.exists(format!("/lib/modules/{release}/build/Makefile")) {
        checks.ok("headers", format!("the headers of {release} are there"));
    } else {
        checks.missing(
            "headers",
            format!("the headers of {release}, against which the module is built, are not there"),
            format!("apt-get install linux-headers-{release} (Fedora: dnf install kernel-devel-{release})"),
        );
    }
    let missing: Vec<&str> = ["gcc", "make"]
        .into_iter()
        .filter(|name| !has_program(root, name))
        .collect();
    if missing.is_empty() {
        checks.ok("compiler", "gcc and make are there");
    } else {
        let names = missing.join(" and ");
        checks.missing(
            "compiler",
            format!("{names}: not found"),
            "apt-get install build-essential",
        );
    }
}
