//! What a module is built against: Debian's kernel headers and build tools, unpacked.

use crate::kernel::{Kernel, Series};
use host::error::{AtPath, Result};
use host::{apt, cache};
use std::path::{Path, PathBuf};

/// The folder that `make -C` takes for this kernel.
pub(crate) fn get(kernel: &Kernel) -> Result<PathBuf> {
    apt::require(&[
        ("make", "make"),
        ("gcc-12", "gcc-12"),
        ("objcopy", "binutils"),
    ])?;
    let root = kernel.folder.join("headers");
    let below = Path::new("usr/src").join(format!("linux-headers-{}", kernel.release));
    cache::once(&root, |partial| {
        apt::unpack(&packages(kernel), partial, &["*/usr/share/*"])?;
        relocate(&partial.join(&below), &root)
    })?;
    Ok(root.join(&below))
}

/// All of one version: apt's candidate of a package without a version in its name may be newer
/// than the image.
fn packages(kernel: &Kernel) -> Vec<String> {
    let version = &kernel.version;
    let base = kernel.release.trim_end_matches("-amd64");
    let mut names = vec![
        format!("linux-headers-{base}-amd64"),
        format!("linux-headers-{base}-common"),
    ];
    names.push(match kernel.series {
        Series::V6_1 => String::from("linux-kbuild-6.1"),
        Series::V6_12 => format!("linux-kbuild-{base}"),
    });
    names
        .iter()
        .map(|name| format!("{name}={version}"))
        .collect()
}

/// The headers name their other half by its place in the file system.
fn relocate(unpacked: &Path, place: &Path) -> Result<()> {
    let file = unpacked.join("Makefile");
    let text = std::fs::read_to_string(&file).at(&file)?;
    std::fs::write(
        &file,
        text.replace("/usr/src/", &format!("{}/usr/src/", place.display())),
    )
    .at(&file)
}
