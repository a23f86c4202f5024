//! Putting things back.

use super::control;
use super::state::Step;
use crate::machine::Root;
use core::time::Duration;
use std::io;
use std::time::Instant;

/// How long a file that is busy is tried again: another reader of `trace_pipe` may be about to
/// close it.
const PATIENCE: Duration = Duration::from_secs(3);

/// Puts back all steps, last first. Goes on after a failure; gives what failed.
pub(super) fn undo(root: &Root, steps: &[Step]) -> Vec<String> {
    let mut failures = Vec::new();
    for step in steps.iter().rev() {
        if let Err((what, error)) = undo_step(root, step) {
            failures.push(format!("{what}: {error}{}", holder(root, &what, &error)));
        }
    }
    failures
}

fn undo_step(root: &Root, step: &Step) -> Result<(), (String, io::Error)> {
    match step {
        Step::Write { path, value } => {
            if holds(root, path, value) {
                return Ok(());
            }
            patiently(|| control::write(&root.path(path), value))
                .map_err(|error| (path.clone(), error))
        }
        Step::Append { path, value } => {
            let text = root.read(path).unwrap_or_default();
            if text.lines().any(|line| line == value) {
                return Ok(());
            }
            control::append(&root.path(path), value).map_err(|error| (path.clone(), error))
        }
        Step::Online { cpu } => {
            let path = format!("/sys/devices/system/cpu/cpu{cpu}/online");
            if !root.exists(&path) || holds(root, &path, "1") {
                return Ok(());
            }
            control::write(&root.path(&path), "1").map_err(|error| (path, error))
        }
        Step::Bind { device, driver } => {
            if root.exists(format!("/sys/bus/pci/devices/{device}/driver")) {
                return Ok(());
            }
            let path = format!("/sys/bus/pci/drivers/{driver}/bind");
            control::write(&root.path(&path), device).map_err(|error| (path, error))
        }
        Step::Load { name, source } => {
            if root.exists(format!("/sys/module/{name}")) {
                return Ok(());
            }
            let what = format!("load {name}");
            source
                .load(name)
                .map_err(|error| (what, io::Error::other(error)))
        }
        Step::Unmount { folder } => {
            if !root.is_system() {
                return Ok(());
            }
            let flags = rustix::mount::UnmountFlags::empty();
            match rustix::mount::unmount(folder.as_str(), flags) {
                // Somebody else uses it by now, or has unmounted it: either way it is theirs.
                Err(rustix::io::Errno::BUSY | rustix::io::Errno::INVAL) | Ok(()) => Ok(()),
                Err(error) => Err((folder.clone(), error.into())),
            }
        }
    }
}

/// Whether a control file says what it should: the value, the value in brackets (`trace_clock`), or
/// the size that a ring would have (`7 (expanded: 1408)`).
fn holds(root: &Root, path: &str, value: &str) -> bool {
    let text = root.read(path).unwrap_or_default();
    text == value
        || text.contains(&format!("[{value}]"))
        || text.ends_with(&format!("(expanded: {value})"))
}

fn patiently(mut attempt: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    let end = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(50));
            }
            result => return result,
        }
    }
}

/// Where the tracer is busy: who holds `trace_pipe` open.
fn holder(root: &Root, what: &str, error: &io::Error) -> String {
    if error.kind() != io::ErrorKind::ResourceBusy || !what.ends_with("current_tracer") {
        return String::new();
    }
    let pids = root.list("/proc").into_iter().filter(|pid| {
        pid.bytes().all(|byte| byte.is_ascii_digit())
            && root.list(format!("/proc/{pid}/fd")).iter().any(|fd| {
                std::fs::read_link(root.path(format!("/proc/{pid}/fd/{fd}")))
                    .is_ok_and(|target| target.ends_with("trace_pipe"))
            })
    });
    let pids: Vec<String> = pids.collect();
    if pids.is_empty() {
        return String::new();
    }
    format!(" (trace_pipe is held open by process {})", pids.join(", "))
}
