//! Real traces, read in pieces of any size and on several threads, give the same.
#![allow(clippy::unwrap_used, missing_docs)]

mod traces;

use core::ops::ControlFlow;
use mmiotrace_format::{Block, Parallel, Reader, Writer};
use std::io::{self, Read};
use traces::Trace;

/// Gives pieces of 1 to `longest` bytes.
struct Pieces<'a> {
    rest: &'a [u8],
    longest: u64,
    state: u64,
}

impl<'a> Pieces<'a> {
    const fn new(trace: &'a [u8], longest: u64) -> Self {
        Self {
            rest: trace,
            longest,
            state: 1,
        }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let len = (self.state >> 33) % self.longest + 1;
        let len = (len as usize).min(buffer.len());
        self.rest.read(&mut buffer[..len])
    }
}

/// Copies a trace as `mmiotrace cat` does, and counts the bytes of its records as they print.
fn copied(source: impl Read) -> (Vec<u8>, u64) {
    let mut reader = Reader::new(source);
    let (mut writer, mut sum) = (Writer::new(Vec::new()), 0u64);
    while let Some(line) = reader.next_line().unwrap() {
        writer.write_line(&line).unwrap();
        sum = sum
            .wrapping_mul(31)
            .wrapping_add(fingerprint(line.position().line(), line.parse().is_ok()));
    }
    (writer.into_inner().unwrap(), sum)
}

const fn fingerprint(line: u64, good: bool) -> u64 {
    line << 1 | good as u64
}

fn check(trace: &Trace, longest: &[u64]) {
    let whole = copied(&trace.bytes[..]);
    assert!(whole.0 == trace.bytes, "{}", trace.name);
    for longest in longest {
        let pieces = copied(Pieces::new(&trace.bytes, *longest));
        assert!(
            pieces == whole,
            "{} in pieces of up to {longest}",
            trace.name
        );
    }
}

#[test]
fn one_byte_at_a_time() {
    traces::fixtures()
        .iter()
        .for_each(|trace| check(trace, &[1]));
}

#[test]
fn random_pieces() {
    traces::fixtures()
        .iter()
        .for_each(|trace| check(trace, &[7, 100, 5000, 100_000]));
}

#[test]
fn large_traces_in_pieces() {
    traces::large("large_traces_in_pieces")
        .iter()
        .for_each(|trace| check(trace, &[1, 100_000]));
}

/// The records of a block by their lines and what they print, and the block's bytes.
fn printed(block: Block<'_>) -> (Vec<u8>, Vec<(u64, String)>) {
    let mut records = block.records();
    let mut printed = Vec::new();
    while let Some(record) = records.next() {
        printed.push((records.record_position().line(), format!("{record:?}")));
    }
    (block.as_bytes().to_vec(), printed)
}

#[test]
fn on_several_threads() {
    for trace in traces::fixtures() {
        let whole = printed(Block::new(&trace.bytes));
        for (threads, block_len) in [(1, 1 << 20), (2, 4096), (3, 100)] {
            let parallel = Parallel::new().threads(threads).block_len(block_len);
            let mut all = (Vec::new(), Vec::new());
            let mut take = |(bytes, records)| {
                let (bytes, records): (Vec<u8>, Vec<(u64, String)>) = (bytes, records);
                all.0.extend(bytes);
                all.1.extend(records);
                ControlFlow::Continue(())
            };
            if threads == 2 {
                parallel.slice(&trace.bytes, printed, &mut take);
            } else {
                parallel
                    .read(Pieces::new(&trace.bytes, 3000), printed, &mut take)
                    .unwrap();
            }
            assert!(
                all == whole,
                "{}: {threads} threads, blocks of {block_len}",
                trace.name
            );
        }
    }
}

/// `take` may have had enough, and a source may fail: what was read before is taken.
#[test]
fn stopping_early() {
    struct Failing<'a>(&'a [u8]);
    impl Read for Failing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.0.read(buffer)
        }
    }
    let trace = traces::fixture("nvme-6.1.mmiotrace").bytes;
    let lines = Block::new(&trace).lines().count();
    let parallel = Parallel::new().threads(2).block_len(1000);
    let mut taken = 0;
    let error = parallel
        .read(
            Failing(&trace),
            |block| block.lines().count(),
            |count| {
                taken += count;
                ControlFlow::Continue(())
            },
        )
        .unwrap_err();
    assert_eq!((error.kind(), taken), (io::ErrorKind::BrokenPipe, lines));
    let mut calls = 0;
    parallel.slice(
        &trace,
        |_| (),
        |()| {
            calls += 1;
            if calls == 3 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        },
    );
    assert_eq!(calls, 3);
}
