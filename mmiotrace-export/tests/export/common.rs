//! Fixture traces, and the readers of other people that judge what is exported.

use mmiotrace_core::EventSink;
use mmiotrace_format::{Lifter, Reader};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The text of a fixture trace.
pub(crate) fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/traces")
        .join(name);
    let mut text = Vec::new();
    let mut file = std::fs::File::open(path).expect("a fixture");
    if name.ends_with(".xz") {
        liblzma::read::XzDecoder::new(file)
            .read_to_end(&mut text)
            .expect("an xz file");
    } else {
        file.read_to_end(&mut text).expect("a readable file");
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Gives everything in a trace to the sink.
pub(crate) fn feed(trace: &str, sink: &mut dyn EventSink) {
    let mut reader = Reader::new(trace.as_bytes());
    let mut lifter = Lifter::new();
    while let Some(record) = reader
        .next_record()
        .expect("a fixture without broken lines")
    {
        lifter.push(&record, sink);
    }
    lifter.finish(sink);
}

/// An access as the text has it.
pub(crate) struct Row {
    pub(crate) nanos: u64,
    pub(crate) kind: char,
    pub(crate) width: u8,
    pub(crate) phys: u64,
    pub(crate) value: u64,
}

/// The accesses of a trace by a plain split: the second path that the tests compare with.
pub(crate) fn rows(trace: &str) -> Vec<Row> {
    let hex = |word: &str| u64::from_str_radix(word.trim_start_matches("0x"), 16).expect("hex");
    let accesses = trace
        .lines()
        .filter(|line| line.starts_with("R ") || line.starts_with("W "));
    accesses
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let (seconds, micros) = words[2].split_once('.').expect("a time");
            let micros = seconds.parse::<u64>().expect("seconds") * 1_000_000
                + micros.parse::<u64>().expect("micros");
            Row {
                nanos: micros * 1000,
                kind: words[0].chars().next().expect("a letter"),
                width: words[1].parse().expect("a width"),
                phys: hex(words[4]),
                value: hex(words[5]),
            }
        })
        .collect()
}

/// Runs a reader script on a file; `None`, said loudly, where this machine lacks its library.
pub(crate) fn read_by(script: &str, library: &str, file: &Path) -> Option<Vec<String>> {
    run_reader(script, library, &[file])
}

/// The same with several arguments.
pub(crate) fn run_reader(script: &str, library: &str, files: &[&Path]) -> Option<Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let python = match std::env::var_os("MMIOTRACE_PYTHON") {
        Some(python) => PathBuf::from(python),
        None => root.join("target/python/bin/python3"),
    };
    let has = Command::new(&python)
        .args(["-c", &format!("import {library}")])
        .output();
    if !has.is_ok_and(|output| output.status.success()) {
        let reason = format!("no Python with {library} (cargo xtask test brings it)");
        // Not eprintln: the harness would hold it back.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {script}: {reason}");
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/readers")
        .join(script);
    let output = Command::new(python)
        .arg(script)
        .args(files)
        .output()
        .expect("python runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(str::to_owned)
            .collect(),
    )
}
