//! What the process backend needs.

use super::check::Checks;
use super::shared::architecture;
use super::{Backend, Check, Question};
use crate::library::{LIBRARY, library_places};
use crate::machine::Root;

pub(super) fn examine(root: &Root, question: &Question) -> Vec<Check> {
    let mut checks = Checks::new(Backend::Process);
    architecture(root, &mut checks);
    library(question, &mut checks);
    executable_memory(root, &mut checks);
    checks.list
}

/// Beside the executable, then under `../lib/mmiotrace`.
fn library(question: &Question, checks: &mut Checks) {
    let Some(executable) = &question.executable else {
        return checks.unknown("library", "where the command is installed is not known");
    };
    let places = library_places(executable);
    match places.iter().find(|place| place.is_file()) {
        Some(place) => checks.ok("library", format!("{} is there", place.display())),
        None => checks.missing(
            "library",
            format!(
                "{LIBRARY} is neither beside the command nor in ../lib/mmiotrace: `record -- COMMAND` needs it \
                 (`record --demo` does not)"
            ),
            "cargo build --release -p mmiotrace-preload, then copy it beside the command",
        ),
    }
}

/// Rewritten instructions run in memory that is made executable.
fn executable_memory(root: &Root, checks: &mut Checks) {
    let selinux = root
        .read("/sys/fs/selinux/booleans/deny_execmem")
        .is_ok_and(|text| text.starts_with('1'));
    let noexec = root
        .read("/proc/sys/vm/memfd_noexec")
        .is_ok_and(|text| text == "2");
    if selinux {
        checks.missing(
            "execmem",
            "SELinux forbids memory that is written and then executed",
            "setsebool deny_execmem 0",
        );
    } else if noexec {
        checks.warning(
            "execmem",
            "memfd files may not be executed (vm.memfd_noexec=2): some instructions end in blind intervals",
            "sysctl vm.memfd_noexec=1",
        );
    } else {
        checks.ok("execmem", "rewritten instructions may be executed");
    }
}
