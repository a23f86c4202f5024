//! The real traces that tests run over.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A trace, decompressed.
pub struct Trace {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// The traces that the project ships.
pub fn fixtures() -> Vec<Trace> {
    let traces = read_dir(&workspace().join("fixtures/traces"));
    assert!(
        traces.len() >= 50,
        "only {} traces in fixtures/traces",
        traces.len()
    );
    traces
}

/// The traces that the project does not ship, where the machine has them.
pub fn large(test: &str) -> Vec<Trace> {
    let dir = workspace().join("../shared/traces");
    if !dir.is_dir() {
        eprintln!("SKIPPED: {test}: no large traces in ../shared/traces");
        return Vec::new();
    }
    let shipped: Vec<String> = fixtures().into_iter().map(|trace| trace.name).collect();
    read_dir(&dir)
        .into_iter()
        .filter(|trace| !shipped.contains(&trace.name))
        .collect()
}

/// One shipped trace.
pub fn fixture(name: &str) -> Trace {
    read(&workspace().join("fixtures/traces").join(name)).unwrap()
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read_dir(dir: &Path) -> Vec<Trace> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().filter_map(|path| read(path)).collect()
}

fn read(path: &Path) -> Option<Trace> {
    let name = path.file_name()?.to_str()?.to_owned();
    let bytes = fs::read(path).unwrap();
    if name.ends_with(".mmiotrace") {
        return Some(Trace { name, bytes });
    }
    if !name.ends_with(".mmiotrace.xz") {
        return None;
    }
    let mut plain = Vec::new();
    liblzma::read::XzDecoder::new(&bytes[..])
        .read_to_end(&mut plain)
        .unwrap();
    Some(Trace { name, bytes: plain })
}
