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

/// Instructions of drivers, and random ones with every sort of beginning, with random registers: what
/// the corpus of the decoder's target cannot hold all of.
#[test]
fn instructions() {
    const BEGINNINGS: [&[u8]; 13] = [
        b"",
        b"\x0f",
        b"\x48",
        b"\x66\x0f",
        b"\xf3\x0f",
        b"\xf0",
        b"\x0f\x38",
        b"\xc4\xe2",
        b"\xc5",
        b"\x62\xf1",
        b"\x62\xf2",
        b"\xdd",
        b"\x67",
    ];
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    };
    let list = include_str!("../../../mmiotrace-decode/tests/data/driver-instructions.txt");
    let drivers = list
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let hex = line.split(' ').next().unwrap();
            let pairs =
                (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16));
            pairs.collect::<Result<Vec<u8>, _>>().unwrap()
        });
    let mut codes: Vec<Vec<u8>> = drivers.collect();
    for round in 0..200_000 {
        let mut code = BEGINNINGS[round % BEGINNINGS.len()].to_vec();
        code.extend(next().to_le_bytes());
        code.extend(next().to_le_bytes());
        codes.push(code);
    }
    for code in codes {
        // Mostly all of it, sometimes less.
        let len = if next() % 8 == 0 { next() as u8 } else { 19 };
        let mut data = vec![len];
        data.extend(&code);
        data.resize(20, 0x90);
        let few = next() % 2 == 0;
        for _ in 0..64 {
            // Small numbers are counts and offsets, large ones addresses.
            let number = if few { next() % 0x4000 } else { next() };
            data.extend(number.to_be_bytes());
        }
        mmiotrace_fuzz_bodies::decode_instruction(&data);
    }
}
