//! Our module in the kernel: loading it for a capture, unloading it after.

use super::Error;
use crate::machine::{Lockdown, ModuleState, Root, module_state, release};
use crate::tracefs::control::TraceDir;
use core::time::Duration;
use rustix::io::Errno;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

const NAME: &str = "mmiotrace";
/// Where modules that are not the kernel's own are installed, and how they may be packed.
const FOLDERS: [&str; 3] = ["updates", "updates/dkms", "extra"];
const ENDINGS: [&str; 4] = ["ko", "ko.xz", "ko.zst", "ko.gz"];
/// How long the device's file may take to come.
const DEVICE_FILE: Duration = Duration::from_secs(5);

/// The module, loaded.
#[derive(Debug)]
pub struct Module {
    loaded_here: bool,
}

impl Module {
    /// The module that is installed for the running kernel.
    #[must_use]
    pub fn installed(root: &Root) -> Option<PathBuf> {
        let kernel = release(root);
        let place = |folder, ending| format!("/lib/modules/{kernel}/{folder}/{NAME}.{ending}");
        let mut places = FOLDERS
            .iter()
            .flat_map(|folder| ENDINGS.iter().map(move |ending| place(folder, ending)));
        places
            .find(|path| root.exists(path))
            .map(|path| root.path(path))
    }

    /// Loads the module, unless it is loaded already: from `file`, or the one that is installed.
    ///
    /// # Errors
    /// Where there is none, or the kernel does not take it; the error says what to do.
    pub fn load(root: &Root, file: Option<&Path>) -> Result<Self, Error> {
        refuse_other_tracer(root)?;
        if module_state(root, NAME) == ModuleState::Loaded {
            return Ok(Self { loaded_here: false });
        }
        let path = file.map(Path::to_owned).or_else(|| Self::installed(root));
        let path = path.ok_or(Error::NotLoaded)?;
        let failed = |source| Error::ModuleFile {
            path: path.display().to_string(),
            source,
        };
        let file = File::open(&path).map_err(failed)?;
        // MODULE_INIT_COMPRESSED_FILE (include/uapi/linux/module.h).
        let is_plain = path.extension().is_some_and(|ending| ending == "ko");
        let flags = if is_plain { 0 } else { 4 };
        match rustix::system::finit_module(file, c"", flags) {
            Ok(()) => {}
            // Another process was faster.
            Err(Errno::EXIST) => return Ok(Self { loaded_here: false }),
            Err(errno) => return Err(why_not_loaded(root, &path, errno)),
        }
        let end = Instant::now() + DEVICE_FILE;
        while !root.exists("/dev/mmiotrace") && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Self { loaded_here: true })
    }

    /// Whether [`load`](Self::load) has loaded it.
    #[must_use]
    pub const fn was_loaded_here(&self) -> bool {
        self.loaded_here
    }

    /// Removes the module, if [`load`](Self::load) has loaded it. Nobody may have its device open.
    ///
    /// # Errors
    /// Where the kernel does not let it go.
    pub fn unload(self) -> Result<(), Error> {
        if !self.loaded_here {
            return Ok(());
        }
        // O_NONBLOCK: refuse a module in use rather than wait for it (delete_module(2)).
        let flags = rustix::fs::OFlags::NONBLOCK.bits();
        let flags = core::ffi::c_int::try_from(flags).unwrap_or(0);
        rustix::system::delete_module(c"mmiotrace", flags).map_err(|errno| Error::NotUnloaded {
            source: errno.into(),
        })
    }
}

/// Fails where the kernel's own tracer is active: its pages and ours cannot be distinguished in a fault. The
/// module cannot see it.
pub(super) fn refuse_other_tracer(root: &Root) -> Result<(), Error> {
    let tracer = TraceDir::find(root).and_then(|dir| dir.read("current_tracer").ok());
    match tracer.as_deref() {
        Some("mmiotrace") => Err(Error::OtherTracer),
        _ => Ok(()),
    }
}

/// What the kernel's refusal means.
fn why_not_loaded(root: &Root, path: &Path, errno: Errno) -> Error {
    let lockdown = Lockdown::read(root).unwrap_or(Lockdown::None);
    let why = match errno {
        Errno::PERM if lockdown != Lockdown::None => {
            "the kernel is locked down and loads signed modules only (mmiotrace doctor --backend kmod says how to sign it)"
        }
        Errno::PERM => "only root may load modules (sudo)",
        Errno::KEYREJECTED => {
            "the kernel loads signed modules only (mmiotrace doctor --backend kmod says how to sign it)"
        }
        Errno::NOEXEC => "it is built for another kernel (make -C mmiotrace-kmod/module)",
        Errno::NOENT => {
            "it needs symbols that this kernel does not have (mmiotrace doctor --backend kmod; dmesg names them)"
        }
        _ => {
            return Error::ModuleFile {
                path: path.display().to_string(),
                source: errno.into(),
            };
        }
    };
    Error::ModuleRefused {
        path: path.display().to_string(),
        why,
    }
}
