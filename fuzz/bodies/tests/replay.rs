//! Replays the corpus of every target, and real traces.
#![allow(clippy::unwrap_used, missing_docs)]

use mmiotrace_fuzz_bodies::ALL;
use std::fs;
use std::path::{Path, PathBuf};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

/// What `fuzz/corpus/TARGET` holds: seeds, and on machines that have fuzzed what was found.
#[test]
fn corpus() {
    for (name, body) in ALL {
        let files = files(
            &Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../corpus")
                .join(name),
        );
        assert!(!files.is_empty(), "no corpus for {name}");
        for file in files {
            eprintln!("{name}: {}", file.display());
            body(&fs::read(file).unwrap());
        }
    }
}

/// The shipped traces that are not compressed, the small ones.
#[test]
fn traces() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/traces");
    let traces = files(&folder)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|x| x == "mmiotrace"));
    let traces: Vec<Vec<u8>> = traces
        .map(|path| fs::read(path).unwrap())
        .filter(|trace| trace.len() < 50_000)
        .collect();
    assert!(traces.len() > 20);
    for (name, body) in ALL.iter().filter(|(name, _)| name.starts_with("format_")) {
        eprintln!("{name}");
        for trace in &traces {
            body(trace);
        }
    }
}
