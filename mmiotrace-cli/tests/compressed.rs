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
