//! Headers of Linux' drivers, which other people wrote: they judge the bundled register maps.

use host::error::{AtPath, Result};
use host::{apt, cache, command};
use std::path::{Path, PathBuf};

/// Any version: which of them a Debian has depends on its release. (`linux-source` without a number
/// is empty, `linux-source-6.1-rt` and the like are not kernels of their own.)
const PACKAGE: &str = "^linux-source-[0-9]+\\.[0-9]+$";

/// What of the source is kept: the headers of the folders that the test reads.
const FOLDERS: [&str; 8] = [
    "drivers/ata",
    "drivers/mmc/host",
    "drivers/net/ethernet/intel/e1000",
    "drivers/net/ethernet/intel/e1000e",
    "drivers/usb/host",
    "include/linux",
    "include/sound",
    "include/uapi/linux",
];

/// The folder of the source: what the environment says, else a part of the newest that Debian has,
/// fetched once.
pub(crate) fn prepare() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("MMIOTRACE_LINUX_SOURCE") {
        return Ok(PathBuf::from(given));
    }
    let package = apt::newest(PACKAGE)?;
    let folder = cache::folder("linux-source")?.join(&package);
    cache::once(&folder, |partial| fill(&package, partial))?;
    Ok(folder)
}

fn fill(package: &str, folder: &Path) -> Result<()> {
    let unpacked = folder.join("package");
    std::fs::create_dir_all(&unpacked).at(&unpacked)?;
    apt::unpack(&[package.to_owned()], &unpacked, &[])?;
    let mut script = String::from("tar -xJf \"$1\" -C \"$2\" --strip-components=1 --wildcards");
    for part in FOLDERS {
        script.push_str(&format!(" '{package}/{part}/*.h'"));
    }
    let archive = unpacked.join(format!("usr/src/{package}.tar.xz"));
    command::pipeline(&script, &[archive.as_os_str(), folder.as_os_str()], folder)?;
    std::fs::remove_dir_all(&unpacked).at(&unpacked)
}
