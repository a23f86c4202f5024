//! Checks that more than one backend needs.

use super::check::Checks;
use crate::machine::{Config, Root};

/// The first line that mends what the kernel's command line decides.
pub(super) fn boot_with(words: &str) -> String {
    format!("add {words} to GRUB_CMDLINE_LINUX in /etc/default/grub, then: update-grub && reboot")
}

/// x86 only: the tracer and the decoder know nothing else.
pub(super) fn architecture(root: &Root, checks: &mut Checks) {
    let Ok(text) = root.read("/proc/cpuinfo") else {
        return checks.unknown("architecture", "/proc/cpuinfo cannot be read");
    };
    let flags = text.lines().find_map(|line| line.strip_prefix("flags"));
    match flags {
        Some(flags) if flags.split_whitespace().any(|flag| flag == "lm") => {
            checks.ok("architecture", "x86-64");
        }
        Some(_) => checks.missing(
            "architecture",
            "32-bit x86",
            "use a 64-bit machine: only x86-64 code is decoded",
        ),
        None => checks.missing(
            "architecture",
            "not x86",
            "use an x86-64 machine: only x86-64 code is decoded",
        ),
    }
}

/// The effective user id of this process, or that of a recorded machine.
pub(super) fn is_root(root: &Root) -> Option<bool> {
    let text = root.read("/proc/self/status").ok()?;
    let ids = text.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    Some(ids.split_whitespace().nth(1)? == "0")
}

pub(super) fn root_user(root: &Root, command: &str, checks: &mut Checks) {
    match is_root(root) {
        Some(true) => checks.ok("permissions", "run as root"),
        Some(false) => checks.missing("permissions", "not run as root", format!("sudo {command}")),
        None => checks.unknown("permissions", "/proc/self/status cannot be read"),
    }
}

/// Whether a program is on the search path of a machine.
pub(super) fn has_program(root: &Root, name: &str) -> bool {
    [
        "/usr/local/sbin",
        "/usr/local/bin",
        "/usr/sbin",
        "/usr/bin",
        "/sbin",
        "/bin",
    ]
    .iter()
    .any(|folder| root.exists(format!("{folder}/{name}")))
}

/// Whether the kernel was built with an option; `None` where its configuration is not to be had.
pub(super) fn config_has(config: Option<&Config>, option: &str) -> Option<bool> {
    Some(matches!(config?.get(option), Some("y" | "m")))
}
