//! Compressed traces, known by their content.
#![allow(clippy::unwrap_used, missing_docs)]

mod command;

use command::{fixture, run, run_on_pieces};
use std::fs;
use std::io::Write;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 3);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

#[test]
fn all_formats_under_any_name() {
    let trace = fixture("e100-i82557b-6.1.mmiotrace.xz").bytes;
    let dir = tempfile::tempdir().unwrap();
    for (compress, name) in [
        (gzip as fn(&[u8]) -> Vec<u8>, "a.xz"),
        (xz, "b.zst"),
        (zst, "c.gz"),
        (gzip, "d"),
    ] {
        let path = dir.path().join(name);
        fs::write(&path, compress(&trace)).unwrap();
        let run = run(&["cat", path.to_str().unwrap()]);
        assert_eq!(run.status, 0, "{}", run.stderr);
        assert!(run.stdout == trace, "{name}");
    }
}

/// `cat a.gz b.gz` is a compressed file, and what rotating recorders leave.
#[test]
fn several_parts() {
    let trace = fixture("e1000e-q35-6.1.mmiotrace.xz").bytes;
    let (head, tail) = trace.split_at(trace.len() / 3);
    for compress in [gzip, xz, zst] {
        let parts = [compress(head), compress(b""), compress(tail)].concat();
        for piece in [1, 4096] {
            // Byte by byte, for the beginning by which the format is known.
            let run = run_on_pieces(&["cat"], &parts, piece);
            assert_eq!(run.status, 0, "{}", run.stderr);
            assert!(run.stdout == trace);
        }
    }
}

#[test]
fn a_skippable_frame_first() {
    let trace = b"VERSION 20070824\n".repeat(100);
    let mut bytes = vec![0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
    bytes.extend(zst(&trace));
    assert!(run_on_pieces(&["cat"], &bytes, 3).stdout == trace);
}

/// Tapes, and some downloads, fill up with zeros; gzip itself reads that.
#[test]
fn gzip_padded_with_zeros() {
    let trace = fixture("e1000e-q35-6.1.mmiotrace.xz").bytes;
    let (head, tail) = trace.split_at(trace.len() / 3);
    let zeros = vec![0; 70_000];
    let parts = [gzip(head), zeros.clone(), gzip(tail), zeros].concat();
    for piece in [3, 4096] {
        let run = run_on_pieces(&["cat"], &parts, piece);
        assert_eq!(run.status, 0, "{}", run.stderr);
        assert!(run.stdout == trace);
    }
    // Other bytes are no padding.
    let run = run_on_pieces(&["check"], &[gzip(head), b"\0\0x".to_vec()].concat(), 4096);
    run.assert_refused("standard input: the compressed data");
}

/// `zstd --long=31`: a window that decoders refuse unless told otherwise.
#[test]
fn zstd_with_the_largest_window() {
    let trace = fixture("e1000e-q35-6.1.mmiotrace.xz").bytes;
    for log in [27, 28, 31] {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.long_distance_matching(true).unwrap();
        encoder.window_log(log).unwrap();
        encoder.include_contentsize(false).unwrap();
        encoder.write_all(&trace).unwrap();
        let bytes = encoder.finish().unwrap();
        let run = run_on_pieces(&["cat"], &bytes, 4096);
        assert_eq!(run.status, 0, "{log}: {}", run.stderr);
        assert!(run.stdout == trace, "{log}");
    }
}

/// A plain trace whose medium fails in its middle: the system's words, and nothing of compressed
/// data. A terminal whose other side is closed reads so.
#[test]
fn an_error_of_the_medium_is_told_as_one() {
    const PROGRAM: &str = "import os, pty, subprocess, sys, tty\n\
        ours, theirs = pty.openpty()\n\
        tty.setraw(theirs)\n\
        os.write(theirs, b'VERSION 20070824\\nR 4 1.000000 1 0x10 0x1 0x0 0\\n')\n\
        os.close(theirs)\n\
        sys.exit(subprocess.run(sys.argv[1:], stdin=ours).returncode)\n";
    let output = std::process::Command::new("python3")
        .args(["-c", PROGRAM, env!("CARGO_BIN_EXE_mmiotrace"), "cat"])
        .output();
    let Ok(output) = output else {
        eprintln!("SKIPPED: an_error_of_the_medium_is_told_as_one: no python3");
        return;
    };
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.starts_with("mmiotrace: standard input: Input/output error"),
        "{told}"
    );
    assert!(output.stdout.ends_with(b"0x0 0\n"), "{told}");
}

/// What merely begins like a compressed file is told as a damaged one.
#[test]
fn the_beginning_alone() {
    for magic in [&b"\x1f\x8b"[..], b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"] {
        run_on_pieces(&["check"], magic, 1).assert_refused("standard input: the compressed data");
    }
    for short in [&b"\x1f"[..], b"\xfd7zX", b"\x28\xb5"] {
        assert_eq!(run_on_pieces(&["cat"], short, 1).stdout, short);
    }
}

/// Frames with a checksum, and a window larger than a reader takes unasked.
#[test]
fn zstd_checksum_and_large_window() {
    let trace = fixture("e1000e-q35-6.1.mmiotrace.xz").bytes;
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.window_log(30).unwrap();
    encoder.write_all(&trace).unwrap();
    let mut packed = encoder.finish().unwrap();
    assert!(run_on_pieces(&["cat"], &packed, 4096).stdout == trace);
    // The checksum is the last four bytes.
    *packed.last_mut().unwrap() ^= 1;
    run_on_pieces(&["cat"], &packed, 4096)
        .assert_refused("standard input: the compressed data are damaged: the checksum of a frame");
    packed.truncate(packed.len() - 5);
    run_on_pieces(&["cat"], &packed, 4096)
        .assert_refused("standard input: the compressed data end too early");
}
