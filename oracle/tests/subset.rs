//! A fixed part of all encodings against the CPU at hand; `cargo xtask oracle` runs all.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, missing_docs)]

use oracle::encodings;
use std::io::Write;

/// Of as many encodings one is taken: a number that goes through all forms.
const STRIDE: usize = 11;

/// As many must have run, so that agreement means something.
const LEAST: usize = 2000;

#[test]
fn decoder_and_cpu_agree() {
    let all = encodings::all();
    // All of the general forms; of the vector instructions, which are most, every so many.
    let general = |encoding: &encodings::Encoding| !encoding.features.contains("avx");
    let chosen: Vec<_> = all
        .iter()
        .enumerate()
        .filter(|(number, encoding)| {
            number
                % if general(encoding) {
                    STRIDE / 3
                } else {
                    STRIDE
                }
                == 0
        })
        .map(|(_, encoding)| encoding)
        .collect();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let tally = oracle::run(&chosen, workers).unwrap();
    for (feature, count) in &tally.absent {
        let line = format!(
            "SKIPPED: decoder_and_cpu_agree: {count} encodings: the CPU has no {feature}\n"
        );
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    assert!(
        tally.executed >= LEAST,
        "only {} encodings ran",
        tally.executed
    );
    let host = oracle::host();
    if !oracle::is_recorded(host) {
        for finding in tally.findings(host) {
            println!("finding on {host}, which has no page in oracle/results: {finding}");
        }
    }
    assert_eq!(tally.failures(host), 0, "{tally}{:#?}", tally.problems);
    let cannot = |context: &str| tally.ways.get(&format!("{context} cannot")).copied();
    println!(
        "{} encodings, {} codes; cannot: process {:?}, kernel {:?}",
        tally.executed,
        tally.codes.len(),
        cannot("process"),
        cannot("kernel")
    );
}
