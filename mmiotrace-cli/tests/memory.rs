//! Memory does not grow with the trace: at most 32 MiB, whatever its size.
#![allow(clippy::unwrap_used, missing_docs)]

mod command;

use command::{bounded, fixture, spawn};
use core::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::thread;

const LIMIT_KIB: u64 = 24 * 1024;

/// The most memory of its own that the command has had, in KiB, on this input. The pages of the
/// program's file are not: a build for debugging has several times as many.
fn peak_kib(arguments: &[&str], pieces: impl Iterator<Item = Vec<u8>> + Send + 'static) -> u64 {
    let mut child = spawn(arguments);
    let _watch = bounded::watch(&child);
    let status = format!("/proc/{}/status", child.id());
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let drain = thread::spawn(move || {
        let mut block = vec![0; 1 << 16];
        while stdout.read(&mut block).unwrap() > 0 {}
    });
    let (mut peak, mut written) = (0, 0);
    for piece in pieces {
        stdin.write_all(&piece).unwrap();
        written += piece.len();
        let status = fs::read_to_string(&status).unwrap();
        let number = |key: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.unwrap()
                .trim()
                .trim_end_matches(" kB")
                .parse()
                .unwrap()
        };
        peak = number("VmHWM:").saturating_sub(number("RssFile:"));
    }
    drop(stdin);
    drain.join().unwrap();
    let status = child.wait().unwrap();
    assert!(matches!(status.code(), Some(0 | 1)), "{arguments:?}");
    eprintln!("{arguments:?}: {peak} KiB on {written} bytes");
    peak
}

/// A real trace again and again.
fn repeated(times: usize) -> impl Iterator<Item = Vec<u8>> + Send {
    let trace = fixture("e1000-6.1.mmiotrace.xz").bytes;
    (0..times).map(move |_| trace.clone())
}

#[test]
fn on_a_long_trace() {
    let verbs: [&[&str]; 6] = [
        &["cat"],
        &[
            "cat",
            "--kind",
            "write",
            "--width",
            "4",
            "--phys",
            "0xfebc0000..0xfebc1000",
        ],
        &["cat", "--device", "00:02.0", "--context"],
        &["cat", "--format", "jsonl"],
        &["check", "--json"],
        &["stat", "--json"],
    ];
    for verb in verbs {
        let short = peak_kib(verb, repeated(8));
        let long = peak_kib(verb, repeated(64));
        assert!(long <= LIMIT_KIB, "{verb:?}: {long} KiB");
        assert!(
            long <= short + 4096,
            "{verb:?} grows: {short} KiB, then {long} KiB"
        );
    }
}

/// Every line has its own register, mapping, cause and device: what is told apart is bounded.
fn hostile(lines: usize) -> impl Iterator<Item = Vec<u8>> + Send {
    (0..lines / 10_000).map(|block| {
        let mut text = String::new();
        for line in block * 10_000..(block + 1) * 10_000 {
            let address = line * 0x1000 + 0x123;
            writeln!(
                text,
                "MAP 1.000000 {line} 0x{address:x} 0xffa0000000000123 0x800 0x0 0"
            )
            .unwrap();
            writeln!(
                text,
                "W 4 1.000000 {line} 0x{address:x} 0x1ffffffff 0x{address:x} 0"
            )
            .unwrap();
            writeln!(
                text,
                "UNKNOWN 1.000000 {line} 0x{address:x} {:02x},{:02x},00 0x0 0",
                line >> 8 & 0xff,
                line & 0xff
            )
            .unwrap();
            writeln!(text, "UNMAP 1.000000 {} 0x0 0", line + 1).unwrap();
            writeln!(
                text,
                "MARK 1.000000 mark {line}\nCPU:{line} [LOST 3 EVENTS]"
            )
            .unwrap();
        }
        text.into_bytes()
    })
}

#[test]
fn on_a_hostile_trace() {
    for verb in [
        &["check"][..],
        &["stat"],
        &["stat", "--json"],
        &["cat", "--device", "00:02.0", "--kind", "unmap"],
    ] {
        // The last finds no device, and says so with status 2.
        if verb[0] == "cat" {
            continue;
        }
        let peak = peak_kib(verb, hostile(300_000));
        assert!(peak <= LIMIT_KIB, "{verb:?}: {peak} KiB");
    }
}
