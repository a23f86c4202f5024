//! Where fetched and built things are kept between runs.

use super::error::{AtPath, Result};
use std::path::{Path, PathBuf};

/// The root of the workspace.
pub(crate) fn workspace() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// A folder of the cache, made if it does not exist: below `$XDG_CACHE_HOME/mmiotrace` where that
/// variable is set, else below `target/vm`.
pub(crate) fn folder(name: &str) -> Result<PathBuf> {
    let root = match std::env::var_os("XDG_CACHE_HOME") {
        Some(home) if !home.is_empty() => PathBuf::from(home).join("mmiotrace"),
        _ => workspace().join("target/vm"),
    };
    let folder = root.join(name);
    std::fs::create_dir_all(&folder).at(&folder)?;
    Ok(folder)
}

/// An empty folder for one run, below the cache.
pub(crate) fn fresh(name: &str) -> Result<PathBuf> {
    let folder = folder(name)?;
    std::fs::remove_dir_all(&folder).at(&folder)?;
    std::fs::create_dir_all(&folder).at(&folder)?;
    Ok(folder)
}

/// Makes a folder once. `fill` works in a folder of another name, so that one which it left half
/// done (no network, interrupted) is never taken for a finished one.
pub(crate) fn once(folder: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let partial = folder.with_extension("partial");
    if partial.exists() {
        std::fs::remove_dir_all(&partial).at(&partial)?;
    }
    std::fs::create_dir_all(&partial).at(&partial)?;
    fill(&partial)?;
    std::fs::rename(&partial, folder).at(folder)
}
