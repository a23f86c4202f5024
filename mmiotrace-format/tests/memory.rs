//! Memory stays bounded, whatever the input. In a process of its own, because it looks at the
//! most memory that the process ever had.
#![allow(clippy::unwrap_used, missing_docs)]

use core::ops::ControlFlow;
use mmiotrace_format::{Error, Parallel, ParseErrorKind, Reader, RecordBuf};
use std::io::{self, Read};

/// `len` bytes of one pattern, over and over.
struct Endless {
    pattern: &'static [u8],
    at: u64,
    len: u64,
}

impl Endless {
    const fn new(pattern: &'static [u8], len: u64) -> Self {
        Self {
            pattern,
            at: 0,
            len,
        }
    }
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len - self.at).unwrap_or(usize::MAX);
        let len = left.min(buffer.len());
        if let [byte] = self.pattern {
            buffer[..len].fill(*byte);
        } else {
            let mut at = (self.at % self.pattern.len() as u64) as usize;
            let mut rest = &mut buffer[..len];
            while !rest.is_empty() {
                let piece = (self.pattern.len() - at).min(rest.len());
                rest[..piece].copy_from_slice(&self.pattern[at..at + piece]);
                rest = &mut rest[piece..];
                at = 0;
            }
        }
        self.at += len as u64;
        Ok(len)
    }
}

/// The most memory that this process ever had resident, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        * 1024
}

const MIB: u64 = 1 << 20;

/// One test, because they share the process and its peak.
#[test]
fn bounded() {
    if !std::path::Path::new("/proc/self/status").exists() {
        eprintln!("SKIPPED: bounded: no /proc/self/status to read the peak of memory from");
        return;
    }
    let before = peak();
    one_gigabyte_without_a_newline();
    assert!(
        peak() - before < 4 * MIB,
        "{} KiB for a line without end",
        (peak() - before) / 1024
    );
    many_records();
    many_owned_records();
    assert!(peak() < 16 * MIB, "{} KiB for records", peak() / 1024);
    in_parallel();
    assert!(peak() < 32 * MIB, "{} KiB in parallel", peak() / 1024);
}

fn one_gigabyte_without_a_newline() {
    let mut reader = Reader::new(Endless::new(b"x", 1024 * MIB));
    let Err(Error::Parse(error)) = reader.next_record() else {
        panic!()
    };
    assert_eq!(error.kind(), ParseErrorKind::LineTooLong { limit: 1 << 20 });
    assert_eq!(reader.next_record().unwrap(), None);
    assert_eq!(reader.position().byte(), 1024 * MIB);
}

const LINE: &[u8] = b"W 4 6.066783 1 0xfebc00d8 0xffffffff 0x0 0\n";

fn many_records() {
    let mut reader = Reader::new(Endless::new(LINE, 256 * MIB));
    let mut records = 0;
    // The last line is cut.
    while let Ok(Some(_)) = reader.next_record() {
        records += 1;
    }
    assert_eq!(records, 256 * MIB / LINE.len() as u64);
}

fn many_owned_records() {
    let mut reader = Reader::new(Endless::new(LINE, 64 * MIB));
    let (mut record, mut records) = (RecordBuf::default(), 0);
    while let Ok(true) = reader.read_record(&mut record) {
        records += 1;
    }
    assert_eq!(records, 64 * MIB / LINE.len() as u64);
}

fn in_parallel() {
    let mut records = 0;
    Parallel::new()
        .threads(4)
        .read(
            Endless::new(LINE, 256 * MIB),
            |block| block.records().filter(Result::is_ok).count() as u64,
            |count| {
                records += count;
                ControlFlow::Continue(())
            },
        )
        .unwrap();
    assert_eq!(records, 256 * MIB / LINE.len() as u64);
}
