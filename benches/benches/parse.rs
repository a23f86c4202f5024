//! Reading.
#![allow(missing_docs)]

// Not the one of criterion: that does not keep what a reference points to.
use core::hint::black_box;
use core::ops::ControlFlow;
use criterion::{Criterion, Throughput, criterion_group};
use memchr::memchr_iter;
use mmiotrace_benches::ratio::Comparison;
use mmiotrace_benches::{corpus, plain};
use mmiotrace_format::{Block, Parallel, Parser, Reader, Record, RecordBuf, Step};

/// Every record, with its position, by the push parser from memory.
fn push(trace: &[u8]) -> u64 {
    let (mut input, mut parser, mut records) = (trace, Parser::new(), 0);
    loop {
        // By reference: a record has 160 bytes, and moving it costs a sixth of parsing it.
        match &parser.push(&mut input, true) {
            Step::Record(record) => {
                black_box((record, parser.record_position()));
                records += 1;
            }
            Step::Invalid(error) => {
                black_box(error);
            }
            Step::NeedInput | Step::End => return records,
        }
    }
}

/// The same, looking at some fields of each record instead of asking for all of it.
fn push_sum(trace: &[u8]) -> u64 {
    let (mut input, mut parser, mut sum) = (trace, Parser::new(), 0u64);
    loop {
        match parser.push(&mut input, true) {
            Step::Record(Record::Event(event)) => {
                let value = event.as_access().and_then(|access| access.value?.to_u64());
                sum = sum.wrapping_add(event.time.as_nanos() ^ value.unwrap_or(0));
            }
            Step::Record(_) | Step::Invalid(_) => {}
            Step::NeedInput | Step::End => return sum,
        }
    }
}

/// Every record of a trace in memory, by the iterator.
fn records(block: Block<'_>) -> usize {
    let mut count = 0;
    for record in block.records() {
        black_box(&record);
        count += 1;
    }
    count
}

fn reader_lines(trace: &[u8]) -> u64 {
    let mut reader = Reader::new(trace);
    let mut lines = 0;
    while let Ok(Some(line)) = reader.next_line() {
        black_box(&line);
        lines += 1;
    }
    lines
}

fn reader_parsed_lines(trace: &[u8]) -> u64 {
    let mut reader = Reader::new(trace);
    let mut lines = 0;
    while let Ok(Some(line)) = reader.next_line() {
        black_box(&line.parse());
        lines += 1;
    }
    lines
}

fn reader(trace: &[u8]) -> u64 {
    let mut reader = Reader::new(trace);
    let mut records = 0;
    while let Ok(Some(record)) = &reader.next_record() {
        black_box(record);
        records += 1;
    }
    records
}

fn owned(trace: &[u8]) -> u64 {
    let mut reader = Reader::new(trace);
    let mut record = RecordBuf::default();
    let mut records = 0;
    while let Ok(true) = reader.read_record(&mut record) {
        black_box(&record);
        records += 1;
    }
    records
}

/// How many records, counted on all processors.
fn parallel(trace: &[u8], read: bool) -> usize {
    let mut count = 0;
    let take = |records: usize| {
        count += records;
        ControlFlow::Continue(())
    };
    if read {
        drop(Parallel::new().read(trace, records, take));
    } else {
        Parallel::new().slice(trace, records, take);
    }
    count
}

/// As a person would write it.
fn plain_loop(trace: &[u8]) -> u64 {
    let text = core::str::from_utf8(trace).unwrap_or_default();
    let mut records = 0;
    for line in text.lines() {
        black_box(plain::parse_access(line));
        records += 1;
    }
    records
}

fn ratios() {
    let trace = corpus::repeated("e1000-6.1.mmiotrace.xz", corpus::large_len());
    let lines = memchr_iter(b'\n', &trace).count() as u64;
    let mut comparison = Comparison::new("parse e1000-6.1, repeated", lines, trace.len() as u64);
    comparison
        .yardstick("newline count", || memchr_iter(b'\n', &trace).count())
        .yardstick("plain loop", || plain_loop(&trace))
        .case("push, records and positions", || push(&trace))
        .case("push, a sum over fields", || push_sum(&trace))
        .case("records of a slice", || records(Block::new(&trace)))
        .case("reader, lines", || reader_lines(&trace))
        .case("reader, lines, each parsed", || reader_parsed_lines(&trace))
        .case("reader, records", || reader(&trace))
        .case("reader, owned records", || owned(&trace))
        .wall_case("parallel, slice (wall clock)", || parallel(&trace, false))
        .process_case("parallel, read (CPU, all threads)", || {
            parallel(&trace, true)
        })
        .wall_case("parallel, read (wall clock)", || parallel(&trace, true));
    comparison.run(5);
}

fn benches(criterion: &mut Criterion) {
    let trace = corpus::repeated("e1000-6.1.mmiotrace.xz", 10_000_000);
    let mut group = criterion.benchmark_group("parse");
    group
        .throughput(Throughput::Bytes(trace.len() as u64))
        .sample_size(10);
    group.bench_function("push", |bencher| bencher.iter(|| push(&trace)));
    group.bench_function("reader", |bencher| bencher.iter(|| reader(&trace)));
    group.bench_function("owned", |bencher| bencher.iter(|| owned(&trace)));
    group.finish();
}

criterion_group!(criterion, benches);

fn main() {
    ratios();
    criterion();
}
