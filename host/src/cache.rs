//! Where fetched and built things are kept between runs.

use crate::error::{AtPath, Result};
use std::path::{Path, PathBuf};

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// A folder of the cache, made if it does not exist: below `$XDG_CACHE_HOME/mmiotrace` where that
/// variable is set, else below `target/vm`.
pub fn folder(name: &str) -> Result<PathBuf> {
    let root = match std::env::var_os("XDG_CACHE_HOME") {
        Some(home) if !home.is_empty() => PathBuf::from(home).join("mmiotrace"),
        _ => workspace().join("target/vm"),
    };
    let folder = root.join(name);
    std::fs::create_dir_all(&folder).at(&folder)?;
    Ok(folder)
}

/// An empty folder for one run, below the cache.
pub fn fresh(name: &str) -> Result<PathBuf> {
    let folder = folder(name)?;
    std::fs::remove_dir_all(&folder).at(&folder)?;
    std::fs::create_dir_all(&folder).at(&folder)?;
    Ok(folder)
}

/// Makes a folder once. `fill` works in a folder of another name, so that one which it left half
/// done (no network, interrupted) is never taken for a finished one, and which no other process
/// uses: where two fill at the same time, the first one's counts.
pub fn once(folder: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    remove_abandoned(folder)?;
    let partial = folder.with_extension(format!("{}.{PARTIAL}", std::process::id()));
    if partial.exists() {
        std::fs::remove_dir_all(&partial).at(&partial)?;
    }
    std::fs::create_dir_all(&partial).at(&partial)?;
    fill(&partial)?;
    match std::fs::rename(&partial, folder) {
        Err(_) if folder.is_dir() => std::fs::remove_dir_all(&partial).at(&partial),
        renamed => renamed.at(folder),
    }
}

/// The ending of folders that are being filled.
const PARTIAL: &str = "partial";

/// Removes what processes that are no more have left beside `folder`: `NAME.PID.partial`, and what
/// was fetched for it.
fn remove_abandoned(folder: &Path) -> Result<()> {
    let Some(parent) = folder.parent() else {
        return Ok(());
    };
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry.at(parent)?.path();
        let stem = path.file_stem().map(Path::new);
        let pid = stem.and_then(Path::extension).and_then(|pid| pid.to_str());
        let abandoned = [PARTIAL, "debs"].map(|ending| path.extension() == Some(ending.as_ref()));
        let is_pid = |pid: &str| pid.bytes().all(|byte| byte.is_ascii_digit());
        let is_gone = |pid: &str| is_pid(pid) && !Path::new("/proc").join(pid).exists();
        if abandoned.contains(&true) && pid.is_some_and(is_gone) {
            // Another process may be doing the same.
            let _ = std::fs::remove_dir_all(&path);
        }
    }
    Ok(())
}
