//! The folder of control files that the kernel's tracer is driven by.

use super::Error;
use crate::machine::{Root, mounts};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The tracing folder: tracefs, or the folder `tracing` of debugfs.
#[derive(Clone, Debug)]
pub(crate) struct TraceDir {
    root: Root,
    folder: String,
}

impl TraceDir {
    /// The folder, if one is mounted.
    pub(crate) fn find(root: &Root) -> Option<Self> {
        let mounted = mounts(root).into_iter().filter_map(|mount| {
            let folder = match mount.kind.as_str() {
                "tracefs" => mount.folder,
                "debugfs" => format!("{}/tracing", mount.folder),
                _ => return None,
            };
            (!mount.read_only).then_some(folder)
        });
        // A made-up machine may have no list of mounts.
        let usual = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
        mounted
            .chain(usual.map(str::to_owned))
            .map(|folder| Self {
                root: root.clone(),
                folder,
            })
            .find(|dir| dir.path("current_tracer").exists())
    }

    /// Mounts tracefs where it belongs. Gives the folder that was mounted.
    pub(super) fn mount(root: &Root) -> Result<&'static str, Error> {
        if !root.is_system() {
            return Err(Error::NoTracefs(io::ErrorKind::Unsupported.into()));
        }
        let tries = [
            ("tracefs", "/sys/kernel/tracing"),
            ("debugfs", "/sys/kernel/debug"),
        ];
        let mut first = None;
        for (kind, folder) in tries {
            let flags = rustix::mount::MountFlags::empty();
            match rustix::mount::mount(kind, folder, kind, flags, None) {
                Ok(()) => return Ok(folder),
                Err(error) => first = first.or(Some(error.into())),
            }
        }
        Err(Error::NoTracefs(
            first.unwrap_or_else(|| io::ErrorKind::NotFound.into()),
        ))
    }

    /// The place of a control file, as the machine names it.
    pub(super) fn name(&self, file: &str) -> String {
        format!("{}/{file}", self.folder)
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.root.path(self.name(file))
    }

    pub(crate) fn folder(&self) -> &str {
        &self.folder
    }

    /// The text of a control file, white space at its end taken off.
    pub(crate) fn read(&self, file: &str) -> Result<String, Error> {
        let path = self.path(file);
        let bytes = std::fs::read(&path).map_err(|error| Error::file(&path, error))?;
        Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    pub(super) fn write(&self, file: &str, value: &str) -> Result<(), Error> {
        let path = self.path(file);
        write(&path, value).map_err(|error| Error::file(&path, error))
    }

    /// The CPUs that have a ring.
    pub(super) fn ring_cpus(&self) -> Vec<u32> {
        let names = self.root.list(self.name("per_cpu"));
        let mut cpus: Vec<u32> = names
            .iter()
            .filter_map(|name| name.strip_prefix("cpu")?.parse().ok())
            .collect();
        cpus.sort_unstable();
        cpus
    }

    /// The word in brackets of a list such as `trace_clock` (`[local] global …`).
    pub(super) fn chosen(&self, file: &str) -> Option<String> {
        let text = self.read(file).ok()?;
        let word = text.split('[').nth(1)?.split(']').next()?;
        Some(word.to_owned())
    }
}

/// Writes a control file in one go. It must exist: a made-up tree must not grow files that the
/// kernel would not have.
pub(super) fn write(path: &Path, value: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
    file.write_all(format!("{value}\n").as_bytes())
}

/// Adds to a control file that holds a list.
pub(super) fn append(path: &Path, value: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).open(path)?;
    file.write_all(format!("{value}\n").as_bytes())
}
