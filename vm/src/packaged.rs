//! Programs that Debian has packaged, for the guest: fetched and unpacked, not installed.

use crate::archive::Archive;
use crate::initrd;
use host::error::{AtPath, Result};
use host::{apt, cache};
use std::path::{Path, PathBuf};

/// Programs of packages, with all that they load.
#[derive(Debug)]
pub(crate) struct Packaged {
    pub(crate) name: &'static str,
    /// The packages, as regular expressions of apt-cache; their libraries come along.
    packages: &'static [&'static str],
    /// Names of programs in them, which the guest has in `/bin`.
    programs: &'static [&'static str],
    /// What names of libraries begin with that a program loads by itself; the guest has them in
    /// `/plugins`, without the numbers after `.so`.
    plugins: &'static [&'static str],
}

static PACKAGED: &[Packaged] = &[
    Packaged {
        name: "memtool",
        // A shell that is not linked statically, as busybox is: it is traced with its children.
        packages: &["^memtool$", "^dash$"],
        programs: &["memtool", "dash"],
        plugins: &[],
    },
    Packaged {
        name: "dpdk",
        packages: &[
            "^dpdk-dev$",
            "^librte-net-e1000-[0-9]+$",
            "^librte-mempool-ring[0-9]+$",
            // The program is linked with one of its drivers.
            "^ibverbs-providers$",
        ],
        programs: &["dpdk-testpmd"],
        plugins: &["librte_net_e1000", "librte_mempool_ring"],
    },
];

/// Packages that are unpacked.
#[derive(Debug)]
pub(crate) struct Unpacked {
    of: &'static Packaged,
    folder: PathBuf,
}

impl Unpacked {
    /// The programs of that name: of the cache, or else by apt.
    pub(crate) fn get(name: &str) -> Result<Self> {
        let of = PACKAGED.iter().find(|of| of.name == name);
        let of = of.ok_or_else(|| format!("no packaged programs {name}"))?;
        let folder = cache::folder("packages")?.join(name);
        cache::once(&folder, |partial| {
            let mut names = Vec::new();
            for pattern in of.packages {
                names.push(apt::newest(pattern)?);
            }
            names.extend(apt::libraries(&names)?);
            apt::unpack(&names, partial, &["*/usr/share*", "*/usr/include*"])
        })?;
        Ok(Self { of, folder })
    }

    /// Puts the programs into the guest.
    pub(super) fn add(&self, archive: &mut Archive) -> Result<()> {
        let search = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];
        let search = search.map(|folder| self.folder.join(folder));
        for program in self.of.programs {
            let folders = ["usr/bin", "usr/sbin", "bin", "sbin"];
            let mut places = folders
                .map(|folder| self.folder.join(folder).join(program))
                .into_iter();
            let path = places.find(|path| path.is_file());
            let path = path.ok_or_else(|| format!("{program} is not in its packages"))?;
            initrd::add_program(&path, &search, archive)?;
        }
        for plugin in self.of.plugins {
            let path = find_library(&search[0], plugin)
                .ok_or_else(|| format!("{plugin} is not in its packages"))?;
            let bytes = std::fs::read(&path).at(&path)?;
            archive.file(&format!("plugins/{plugin}.so"), &bytes, true)?;
            initrd::add_libraries(&path, &search, archive)?;
        }
        Ok(())
    }
}

/// A library in a folder or in one below it.
fn find_library(folder: &Path, name: &str) -> Option<PathBuf> {
    let beginning = format!("{name}.so");
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with(&beginning) && path.is_file() {
            return Some(path);
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            folders.push(path);
        }
    }
    folders.iter().find_map(|folder| find_library(folder, name))
}
