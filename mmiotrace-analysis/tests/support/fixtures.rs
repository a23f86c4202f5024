//! The recorded traces of the repository.
#![allow(dead_code, clippy::unwrap_used)]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Every trace of `fixtures/traces`, unpacked, with its name.
pub(crate) fn traces() -> Vec<(String, Vec<u8>)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder())
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let paths = paths
        .into_iter()
        .filter(|path| name(path).contains(".mmiotrace"));
    paths.map(|path| (name(&path), unpack(&path))).collect()
}

/// One trace by its name without suffix.
pub(crate) fn trace(name: &str) -> Vec<u8> {
    let plain = folder().join(format!("{name}.mmiotrace"));
    if plain.exists() {
        return unpack(&plain);
    }
    unpack(&folder().join(format!("{name}.mmiotrace.xz")))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/traces")
}

fn unpack(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    if path.extension().is_none_or(|extension| extension != "xz") {
        return bytes;
    }
    let mut plain = Vec::new();
    liblzma::read::XzDecoder::new(&bytes[..])
        .read_to_end(&mut plain)
        .unwrap();
    plain
}
