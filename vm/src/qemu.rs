//! The QEMU that boots the machines: the newest that Debian offers for this machine, unpacked into
//! the cache and run from there. It is never installed.

use host::error::{AtPath, Error, Result};
use host::{apt, cache, command};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const PACKAGE: &str = "qemu-system-x86";
const PROGRAM: &str = "qemu-system-x86_64";

/// The oldest whose log of accesses is known: `cpu`, `mr`, `addr`, `value`, `size`, `name`.
const OLDEST: [u32; 2] = [7, 2];

/// A QEMU that runs here.
#[derive(Debug)]
pub(crate) struct Qemu {
    program: PathBuf,
    /// Where its package is unpacked; `None` if it is the machine's own.
    root: Option<PathBuf>,
    /// As it prints it.
    pub(crate) version: String,
}

/// The QEMU of this process. The first call chooses: `wanted` is how the version begins, as `7.2`;
/// the newest without.
pub(crate) fn choose(wanted: Option<&str>) -> Result<&'static Qemu> {
    static CHOSEN: OnceLock<Qemu> = OnceLock::new();
    if let Some(chosen) = CHOSEN.get() {
        return Ok(chosen);
    }
    let qemu = match Qemu::of_debian(wanted) {
        // A machine without apt.
        Err(Error::Unavailable(reason)) if wanted.is_none() => {
            Qemu::of_the_machine().map_err(|error| {
                Error::Unavailable(format!("{reason}; and of this machine: {error}"))
            })?
        }
        other => other?,
    };
    eprintln!("{}: {}", qemu.version, qemu.program.display());
    Ok(CHOSEN.get_or_init(|| qemu))
}

impl Qemu {
    fn of_debian(wanted: Option<&str>) -> Result<Self> {
        let version = apt::versions(PACKAGE)?
            .into_iter()
            .find(|version| wanted.is_none_or(|wanted| upstream(version).starts_with(wanted)))
            .ok_or_else(|| Error::Unavailable(format!("apt has no {PACKAGE} of that version")))?;
        let root = cache::folder("qemu")?.join(version.replace(['/', ':'], "_"));
        if root.is_dir() {
            match Self::unpacked(&root) {
                Ok(qemu) => return Ok(qemu),
                // It needs libraries of the machine's, which may have gone since.
                Err(error) => {
                    eprintln!("fetching QEMU again: {error}");
                    std::fs::remove_dir_all(&root).at(&root)?;
                }
            }
        }
        cache::once(&root, |partial| {
            let packages = apt::install_set(PACKAGE, &version)?;
            let exclude = [
                "./usr/share/doc/*",
                "./usr/share/man/*",
                "./usr/share/locale/*",
            ];
            apt::unpack(&packages, partial, &exclude)
        })?;
        Self::unpacked(&root)
    }

    fn unpacked(root: &Path) -> Result<Self> {
        let mut qemu = Self {
            program: root.join("usr/bin").join(PROGRAM),
            root: Some(root.to_path_buf()),
            version: String::new(),
        };
        qemu.version = qemu.ask_version()?;
        Ok(qemu)
    }

    fn of_the_machine() -> Result<Self> {
        let mut qemu = Self {
            program: PathBuf::from(PROGRAM),
            root: None,
            version: String::new(),
        };
        qemu.version = qemu.ask_version()?;
        Ok(qemu)
    }

    /// What it says it is; an error if that is not a QEMU that the rig knows.
    fn ask_version(&self) -> Result<String> {
        let text = command::output(self.command().arg("--version"))?;
        let first = text.lines().next().unwrap_or_default();
        match release(first) {
            Some(version) if version >= OLDEST => Ok(first.to_owned()),
            Some(_) => Err(Error::Unavailable(format!(
                "{first} is too old: {}.{} or newer is needed",
                OLDEST[0], OLDEST[1]
            ))),
            None => Err(Error::Unavailable(format!(
                "{} is not QEMU: it says \"{first}\"",
                self.program.display()
            ))),
        }
    }

    /// A command that runs it, with its libraries, modules and firmware.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        let Some(root) = &self.root else {
            return command;
        };
        let libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];
        let paths = std::env::join_paths(libraries.map(|folder| root.join(folder)));
        command.env("LD_LIBRARY_PATH", paths.unwrap_or_default());
        command.env(
            "QEMU_MODULE_DIR",
            root.join("usr/lib/x86_64-linux-gnu/qemu"),
        );
        for folder in ["usr/share/qemu", "usr/share/seabios"] {
            command.arg("-L").arg(root.join(folder));
        }
        command
    }
}

/// The part of a package's version between the epoch and Debian's revision.
fn upstream(version: &str) -> &str {
    version.split_once(':').map_or(version, |(_, rest)| rest)
}

/// `QEMU emulator version 7.2.22 (Debian …)`.
fn release(text: &str) -> Option<[u32; 2]> {
    let numbers = text.strip_prefix("QEMU emulator version ")?;
    let mut numbers = numbers.split(['.', ' ']).map(|number| number.parse().ok());
    Some([numbers.next()??, numbers.next()??])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_qemu() {
        let text = "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2+deb13u1~bpo12+1)";
        assert_eq!(release(text), Some([10, 0]));
        assert!(release("QEMU emulator version 7.1.0") < Some(OLDEST));
        assert_eq!(release("qemu-img version 7.2"), None);
        assert_eq!(upstream("1:7.2+dfsg-7"), "7.2+dfsg-7");
    }
}
