//! Debian's kernels: finding the newest, fetching, and the modules in them.

use host::error::{AtPath, Error, Result};
use host::{apt, cache};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The kernels that the rig knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Series {
    /// Debian 12's own.
    V6_1,
    /// Debian 12's backport, and Debian 13's own.
    V6_12,
}

impl Series {
    pub(crate) const ALL: [Self; 2] = [Self::V6_1, Self::V6_12];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::V6_1 => "6.1",
            Self::V6_12 => "6.12",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|series| series.as_str() == name)
    }

    /// What the names of the image packages look like. `-unsigned` holds the same files without
    /// a signing wrapper around them.
    const fn image_pattern(self) -> &'static str {
        match self {
            Self::V6_1 => r"^linux-image-6\.1\.0-[0-9]+-amd64-unsigned$",
            Self::V6_12 => r"^linux-image-6\.12\.[0-9]+\+deb[0-9]+-amd64-unsigned$",
        }
    }
}

/// A kernel whose image and modules are unpacked.
#[derive(Debug)]
pub(crate) struct Kernel {
    pub(crate) series: Series,
    /// As `uname -r` prints it.
    pub(crate) release: String,
    /// Of the Debian package.
    pub(crate) version: String,
    /// Holds `image/`, and `headers/` once a module was built.
    pub(crate) folder: PathBuf,
    modules: BTreeMap<String, PathBuf>,
}

/// Parts of the image package that no scenario needs: two thirds of its size.
const NOT_NEEDED: &[&str] = &[
    "*/drivers/media*",
    "*/drivers/net/wireless*",
    "*/drivers/net/ethernet/[a-hj-z]*",
    "*/drivers/gpu/drm/amd*",
    "*/drivers/gpu/drm/i915*",
    "*/drivers/gpu/drm/xe*",
    "*/drivers/gpu/drm/nouveau*",
    "*/drivers/gpu/drm/radeon*",
    "*/drivers/infiniband*",
    "*/drivers/iio*",
    "*/drivers/staging*",
    "*/drivers/platform*",
    "*/drivers/scsi/*/*",
    "*/sound/soc*",
    "*/fs/xfs*",
    "*/fs/smb*",
    "*/fs/ocfs2*",
    "*/fs/btrfs*",
    "*/net/netfilter*",
    "*/usr/share*",
];

impl Kernel {
    /// The kernel of a series: the newest one in the cache, or, if there is none or `refresh`
    /// is set, the newest one that apt knows.
    pub(crate) fn get(series: Series, refresh: bool) -> Result<Self> {
        let folder = cache::folder(&format!("kernels/{}", series.as_str()))?;
        let cached = newest_cached(&folder)?;
        if let (Some(folder), false) = (&cached, refresh) {
            return Self::open(series, folder);
        }
        match Self::fetch(series, &folder) {
            Err(Error::Unavailable(reason)) if cached.is_some() => {
                eprintln!(
                    "keeping the {} kernel of the cache: {reason}",
                    series.as_str()
                );
                Self::open(series, &cached.unwrap_or_default())
            }
            other => other,
        }
    }

    fn fetch(series: Series, folder: &Path) -> Result<Self> {
        apt::require(&[("dpkg-deb", "dpkg"), ("xz", "xz-utils"), ("tar", "tar")])?;
        let package = apt::newest(series.image_pattern())?;
        let version = apt::candidate(&package)?;
        let release = package
            .strip_prefix("linux-image-")
            .and_then(|name| name.strip_suffix("-unsigned"))
            .ok_or_else(|| format!("{package} is no name of a kernel package"))?;
        let folder = folder.join(release);
        cache::once(&folder, |partial| {
            let image = partial.join("image");
            std::fs::create_dir_all(&image).at(&image)?;
            apt::unpack(&[format!("{package}={version}")], &image, NOT_NEEDED)?;
            let file = partial.join("version");
            std::fs::write(&file, &version).at(&file)
        })?;
        Self::open(series, &folder)
    }

    fn open(series: Series, folder: &Path) -> Result<Self> {
        let release = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let file = folder.join("version");
        let version = std::fs::read_to_string(&file).at(&file)?;
        let mut modules = BTreeMap::new();
        index_modules(&folder.join("image"), &mut modules)?;
        Ok(Self {
            series,
            release,
            version,
            folder: folder.to_path_buf(),
            modules,
        })
    }

    /// The compressed kernel that QEMU boots.
    pub(crate) fn image(&self) -> PathBuf {
        self.folder
            .join("image/boot")
            .join(format!("vmlinuz-{}", self.release))
    }

    /// The configuration it was built with.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder
            .join("image/boot")
            .join(format!("config-{}", self.release))
    }

    /// A module and all it depends on, in the order of loading, each with its bytes. Names that
    /// are no module (built in, in this kernel) are left out.
    pub(crate) fn modules(&self, names: &[&str]) -> Result<Vec<(String, Vec<u8>)>> {
        let mut loaded: Vec<(String, Vec<u8>)> = Vec::new();
        for name in names {
            self.add_module(name, &mut loaded)?;
        }
        Ok(loaded)
    }

    fn add_module(&self, name: &str, loaded: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
        let name = name.replace('-', "_");
        let Some(path) = self.modules.get(&name) else {
            return Ok(());
        };
        if loaded.iter().any(|(have, _)| *have == name) {
            return Ok(());
        }
        let bytes = read_module(path)?;
        for needed in module_info(&bytes, "depends")
            .split(',')
            .filter(|needed| !needed.is_empty())
        {
            self.add_module(needed, loaded)?;
        }
        loaded.push((name, bytes));
        Ok(())
    }
}

fn newest_cached(folder: &Path) -> Result<Option<PathBuf>> {
    let mut newest: Option<(std::time::SystemTime, PathBuf)> = None;
    for entry in std::fs::read_dir(folder).at(folder)? {
        let path = entry.at(folder)?.path();
        let marker = path.join("version");
        let Ok(modified) = marker.metadata().and_then(|metadata| metadata.modified()) else {
            continue;
        };
        if path
            .extension()
            .is_some_and(|extension| extension == "partial")
        {
            continue;
        }
        if newest.as_ref().is_none_or(|(time, _)| modified > *time) {
            newest = Some((modified, path));
        }
    }
    Ok(newest.map(|(_, path)| path))
}

fn index_modules(folder: &Path, modules: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).at(folder)? {
        let entry = entry.at(folder)?;
        let path = entry.path();
        if entry.file_type().at(&path)?.is_dir() {
            index_modules(&path, modules)?;
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some((stem, "ko" | "ko.xz")) = name.split_once('.') {
            modules.insert(stem.replace('-', "_"), path);
        }
    }
    Ok(())
}

fn read_module(path: &Path) -> Result<Vec<u8>> {
    if path.extension().is_some_and(|extension| extension == "ko") {
        return std::fs::read(path).at(path);
    }
    let output = Command::new("xz").arg("-dc").arg(path).output().at(path)?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("cannot unpack {}", path.display()).into())
    }
}

/// A field of a module's `.modinfo` section: NUL-terminated `key=value` strings.
pub(crate) fn module_info(module: &[u8], key: &str) -> String {
    let wanted = format!("\0{key}=").into_bytes();
    let found = module
        .windows(wanted.len())
        .position(|window| window == wanted);
    let rest = found
        .and_then(|at| module.get(at + wanted.len()..))
        .unwrap_or(&[]);
    let end = rest
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(rest.len());
    String::from_utf8_lossy(rest.get(..end).unwrap_or(&[])).into_owned()
}

/// Fails where the kernel was built without what the module hooks.
pub(crate) fn require_mmiotrace(kernel: &Kernel) -> Result<()> {
    let path = kernel.config();
    let config = std::fs::read_to_string(&path).at(&path)?;
    if config.lines().any(|line| line == "CONFIG_MMIOTRACE=y") {
        Ok(())
    } else {
        Err(format!(
            "kernel {} is built without CONFIG_MMIOTRACE",
            kernel.release
        )
        .into())
    }
}

/// Boots nothing: only fetches what the others need.
pub(crate) fn fetch_all(refresh: bool) -> Result<()> {
    for series in Series::ALL {
        let kernel = Kernel::get(series, refresh)?;
        require_mmiotrace(&kernel)?;
        println!(
            "kernel {} ({}) in {}",
            kernel.release,
            kernel.version,
            kernel.folder.display()
        );
    }
    // QEMU comes last: kernels can be fetched ahead if it cannot.
    let qemu = crate::qemu::choose(None)?;
    println!("{}", qemu.version);
    crate::busybox::get().map(drop)
}
