//! Headers of Linux' drivers, which other people wrote: they judge the bundled register maps.

use std::path::{Path, PathBuf};
use vm::host::error::{AtPath, Result};
use vm::host::{apt, cache, command};

/// The test reads this version's headers: in later ones some registers stand elsewhere.
const PACKAGE: &str = "^linux-source-6\\.1$";

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

/// The folder of the source: what the environment says, else a part of Debian's, fetched once.
pub(crate) fn prepare() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("MMIOTRACE_LINUX_SOURCE") {
        return Ok(PathBuf::from(given));
    }
    let folder = cache::folder("linux-source")?.join("6.1");
    cache::once(&folder, fill)?;
    Ok(folder)
}

fn fill(folder: &Path) -> Result<()> {
    let package = apt::newest(PACKAGE)?;
    let unpacked = folder.join("package");
    std::fs::create_dir_all(&unpacked).at(&unpacked)?;
    apt::unpack(core::slice::from_ref(&package), &unpacked, &[])?;
    let mut script = String::from("tar -xJf \"$1\" -C \"$2\" --strip-components=1 --wildcards");
    for part in FOLDERS {
        script.push_str(&format!(" '{package}/{part}/*.h'"));
    }
    let archive = unpacked.join(format!("usr/src/{package}.tar.xz"));
    command::pipeline(&script, &[archive.as_os_str(), folder.as_os_str()], folder)?;
    std::fs::remove_dir_all(&unpacked).at(&unpacked)
}
