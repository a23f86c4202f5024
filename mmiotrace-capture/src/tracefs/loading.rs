//! Kernel modules, loaded and unloaded.

use super::Error;
use crate::machine::{Root, canonical_module_name};
use std::ffi::CString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where a module comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// By name, with all it needs, by this program (`modprobe`).
    Program(PathBuf),
    /// This file, as it is.
    File(PathBuf),
}

impl Source {
    /// Loads the module; `name` counts where it is loaded by name.
    pub(super) fn load(&self, name: &str) -> Result<(), Error> {
        match self {
            Self::Program(program) => modprobe(program, &["--", name]),
            Self::File(path) => load_file(path),
        }
    }
}

fn load_file(path: &Path) -> Result<(), Error> {
    let file = File::open(path).map_err(|error| Error::file(path, error))?;
    // MODULE_INIT_COMPRESSED_FILE (include/uapi/linux/module.h).
    let flags = if path.extension().is_some_and(|extension| extension == "ko") {
        0
    } else {
        4
    };
    rustix::system::finit_module(file, c"", flags).map_err(|error| {
        Error::Driver(format!(
            "{} was not loaded: {error} (see dmesg)",
            path.display()
        ))
    })
}

/// Runs `modprobe`, and gives its complaint where it fails.
pub(super) fn modprobe(program: &Path, arguments: &[&str]) -> Result<(), Error> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            Error::Driver(format!(
                "cannot run {}: {error} (give the module's file instead: --driver ./NAME.ko)",
                program.display()
            ))
        })?;
    if output.status.success() {
        return Ok(());
    }
    let words = arguments.last().copied().unwrap_or_default();
    let complaint = String::from_utf8_lossy(&output.stderr);
    let complaint = complaint.lines().last().unwrap_or("no reason given").trim();
    Err(Error::Driver(format!(
        "{words} was not loaded: {complaint} (see dmesg)"
    )))
}

/// Unloads a module that nothing uses. On a made-up machine nothing is loaded.
pub(super) fn unload(root: &Root, name: &str) -> Result<(), Error> {
    if !root.is_system() {
        return Ok(());
    }
    let name = canonical_module_name(name);
    let c_name = CString::new(name.clone())
        .map_err(|_| Error::Driver(format!("{name:?} is no name of a module")))?;
    // O_NONBLOCK: refuse a module in use rather than wait for it (delete_module(2)).
    let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    rustix::system::delete_module(&c_name, flags).map_err(|error| {
        Error::Driver(format!(
            "{name} was not unloaded: {error} (end what uses it)"
        ))
    })
}
