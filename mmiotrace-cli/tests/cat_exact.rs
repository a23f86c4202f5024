//! Without filter, `cat` gives the trace byte by byte.
#![allow(clippy::unwrap_used, missing_docs)]

mod command;

use command::{all, fixtures, run, run_on, run_on_pieces};

/// Every kind: each line goes through the reader and the selector instead of being copied.
const EVERY_KIND: &str = "--kind=read,write,map,unmap,mark,unknown,version,lspci,pcidev,other";

#[test]
fn every_trace_from_its_file() {
    for trace in all("every_trace_from_its_file") {
        let run = run(&["cat", trace.path()]);
        assert_eq!(run.status, 0, "{}", run.stderr);
        assert!(run.stdout == trace.bytes, "{}", trace.name);
    }
}

#[test]
fn every_trace_through_a_pipe() {
    for trace in all("every_trace_through_a_pipe") {
        for arguments in [&["cat"][..], &["cat", "-"], &["cat", EVERY_KIND]] {
            let run = run_on(arguments, &trace.bytes);
            assert_eq!(run.status, 0, "{}", run.stderr);
            assert!(run.stdout == trace.bytes, "{} {arguments:?}", trace.name);
        }
    }
}

#[test]
fn compressed_traces_through_a_pipe() {
    for trace in fixtures()
        .iter()
        .filter(|trace| trace.name.ends_with(".xz"))
    {
        let stored = std::fs::read(&trace.path).unwrap();
        let run = run_on_pieces(&["cat"], &stored, 1013);
        assert_eq!(run.status, 0, "{}", run.stderr);
        assert!(run.stdout == trace.bytes, "{}", trace.name);
    }
}

/// One write per byte: what takes longer than a second is left to the reader's own tests, which
/// feed it every trace so.
#[test]
fn one_byte_at_a_time() {
    for trace in fixtures().iter().filter(|trace| trace.bytes.len() < 50_000) {
        for arguments in [&["cat"][..], &["cat", EVERY_KIND]] {
            let run = run_on_pieces(arguments, &trace.bytes, 1);
            assert_eq!(run.status, 0, "{}", run.stderr);
            assert!(run.stdout == trace.bytes, "{} {arguments:?}", trace.name);
        }
    }
}

#[test]
fn whatever_the_bytes() {
    let all_bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let crlf =
        b"VERSION 20070824\r\nR 4 1.000000 1 0x10 0x0 0x0 0\r\n\r\nMARK 2.000000 no end".to_vec();
    for input in [
        all_bytes,
        crlf,
        Vec::new(),
        b"\n\n\n".to_vec(),
        b"\0".to_vec(),
    ] {
        for piece in [1 << 16, 7] {
            let run = run_on_pieces(&["cat"], &input, piece);
            assert_eq!(run.status, 0);
            assert!(run.stdout == input);
        }
        let run = run_on(&["cat", EVERY_KIND], &input);
        assert!(run.stdout == input, "{}", run.stderr);
    }
}
