//! The guest's only file system: busybox, the scripts, the modules, the programs under test.

use crate::archive::Archive;
use crate::busybox;
use crate::kernel::Kernel;
use crate::packaged::Unpacked;
use host::command;
use host::error::{AtPath, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Modules through which the guest hands its results out. On 6.12 they are built in.
const TRANSPORT: &[&str] = &[
    "virtio_ring",
    "virtio",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_pci",
    "virtio_console",
];

/// What the guest is made of.
#[derive(Debug)]
pub(crate) struct Initrd<'a> {
    pub(crate) kernel: &'a Kernel,
    /// Modules of the kernel that the scenario loads with `load NAME`.
    pub(crate) modules: Vec<&'a str>,
    /// Modules of our own, loaded by their paths below `/our`.
    pub(crate) our_modules: Vec<PathBuf>,
    /// Programs of the host, put into `/bin` with the libraries they need.
    pub(crate) programs: Vec<PathBuf>,
    /// Programs of Debian's packages, likewise.
    pub(crate) packaged: Vec<Unpacked>,
    /// What the guest does: a shell script over the functions of `guest/lib.sh`.
    pub(crate) scenario: String,
    /// Further files: path in the guest, content.
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

impl Initrd<'_> {
    /// Writes the archive.
    pub(crate) fn write(&self, to: &Path) -> Result<()> {
        let mut archive = Archive::default();
        for folder in ["dev", "proc", "sys", "tmp", "out", "mnt"] {
            archive.folder(folder)?;
        }
        archive.file("bin/busybox", &busybox::get()?, true)?;
        archive.file("init", include_bytes!("../guest/init.sh"), true)?;
        archive.file("lib.sh", include_bytes!("../guest/lib.sh"), false)?;
        archive.file("scenario.sh", self.scenario.as_bytes(), false)?;
        self.add_modules(&mut archive)?;
        for path in &self.our_modules {
            archive.file(
                &format!("our/{}", file_name(path)),
                &std::fs::read(path).at(path)?,
                false,
            )?;
        }
        for program in &self.programs {
            add_program(program, &[], &mut archive)?;
        }
        for packaged in &self.packaged {
            packaged.add(&mut archive)?;
        }
        for (path, content) in &self.files {
            archive.file(path, content, false)?;
        }
        std::fs::write(to, archive.finish()?).at(to)
    }

    /// Each module has a list of what to load, in order, so that the guest needs no modprobe.
    fn add_modules(&self, archive: &mut Archive) -> Result<()> {
        let mut written: Vec<String> = Vec::new();
        for name in self.modules.iter().chain(TRANSPORT) {
            let chain = self.kernel.modules(&[name])?;
            let names: Vec<&str> = chain.iter().map(|(name, _)| name.as_str()).collect();
            archive.file(
                &format!("m/{name}.list"),
                names.join("\n").as_bytes(),
                false,
            )?;
            for (name, bytes) in &chain {
                if !written.contains(name) {
                    archive.file(&format!("m/{name}.ko"), bytes, false)?;
                    written.push(name.clone());
                }
            }
        }
        Ok(())
    }
}

/// Writes an archive of which the first program only switches off.
pub(crate) fn write_minimal(to: &Path) -> Result<()> {
    let mut archive = Archive::default();
    archive.folder("dev")?;
    archive.file("bin/busybox", &busybox::get()?, true)?;
    archive.file("init", include_bytes!("../guest/boot.sh"), true)?;
    std::fs::write(to, archive.finish()?).at(to)
}

/// Puts a program of the host into `/bin`, and the libraries that it needs.
pub(super) fn add_program(program: &Path, search: &[PathBuf], archive: &mut Archive) -> Result<()> {
    archive.file(
        &format!("bin/{}", file_name(program)),
        &std::fs::read(program).at(program)?,
        true,
    )?;
    add_libraries(program, search, archive)
}

/// Puts the libraries that a program or a library needs to where the guest's linker looks. They are
/// those of the host, except what is in the folders `search`.
pub(super) fn add_libraries(of: &Path, search: &[PathBuf], archive: &mut Archive) -> Result<()> {
    let paths = std::env::join_paths(search).unwrap_or_default();
    let mut ldd = Command::new("ldd");
    ldd.arg(of).env("LD_LIBRARY_PATH", paths);
    // "NAME => PATH (ADDRESS)", and "PATH (ADDRESS)" for the loader itself.
    let libraries = command::output(&mut ldd).unwrap_or_default();
    for word in libraries
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
    {
        let path = Path::new(word);
        let found = search.iter().any(|folder| path.starts_with(folder));
        let place = if found {
            format!("usr/lib/x86_64-linux-gnu/{}", file_name(path))
        } else {
            word.trim_start_matches('/').to_owned()
        };
        if !archive.has(&place) {
            archive.file(&place, &std::fs::read(path).at(path)?, true)?;
        }
    }
    Ok(())
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
