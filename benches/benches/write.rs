//! Writing.
#![allow(missing_docs)]

use core::hint::black_box;
use criterion::{Criterion, Throughput, criterion_group};
use memchr::memchr_iter;
use mmiotrace_benches::ratio::Comparison;
use mmiotrace_benches::{corpus, plain};
use mmiotrace_core::{Event, EventSink};
use mmiotrace_format::{Block, Record, Writer};
use std::io::{self, Write};

/// Bytes of trace that are parsed beforehand, so that only writing is measured.
const LEN: usize = 30_000_000;

fn records(trace: &[u8]) -> Vec<Record<'_>> {
    Block::new(trace).records().flatten().collect()
}

fn write_records(records: &[Record<'_>]) {
    let mut writer = Writer::new(io::sink());
    for record in records {
        drop(writer.write_record(black_box(record)));
    }
    drop(writer.flush());
}

fn write_events(events: &[Event]) {
    let mut writer = Writer::new(io::sink());
    for event in events {
        writer.event(black_box(event));
    }
    drop(writer.flush());
}

fn copy_lines(trace: &[u8]) {
    let mut writer = Writer::new(io::sink());
    for line in Block::new(trace).lines().flatten() {
        drop(writer.write_line(&line));
    }
    drop(writer.flush());
}

/// As a person would write it.
fn plain_loop(accesses: &[plain::PlainAccess]) {
    let mut out = io::BufWriter::new(io::sink());
    for access in accesses {
        let plain::PlainAccess {
            write,
            width,
            time,
            map_id,
            phys,
            value,
            pc,
            pid,
        } = black_box(access);
        let keyword = if *write { 'W' } else { 'R' };
        let (seconds, micros) = (time / 1_000_000, time % 1_000_000);
        drop(writeln!(
            out,
            "{keyword} {width} {seconds}.{micros:06} {map_id} {phys:#x} {value:#x} {pc:#x} {pid}"
        ));
    }
}

fn ratios() {
    let trace = corpus::repeated("e1000-6.1.mmiotrace.xz", LEN);
    let text = core::str::from_utf8(&trace).unwrap_or_default();
    let records = records(&trace);
    let events: Vec<Event> = records
        .iter()
        .filter_map(Record::as_event)
        .copied()
        .collect();
    let accesses: Vec<plain::PlainAccess> = text.lines().filter_map(plain::parse_access).collect();
    let mut comparison = Comparison::new(
        "write e1000-6.1, repeated",
        records.len() as u64,
        trace.len() as u64,
    );
    comparison
        .yardstick("newline count", || memchr_iter(b'\n', &trace).count())
        .yardstick("plain loop of writeln", || plain_loop(&accesses))
        .case("records", || write_records(&records))
        .case("events, as a sink", || write_events(&events))
        .case("copy lines", || copy_lines(&trace));
    comparison.run(9);
}

fn benches(criterion: &mut Criterion) {
    let trace = corpus::repeated("e1000-6.1.mmiotrace.xz", 3_000_000);
    let records = records(&trace);
    let mut group = criterion.benchmark_group("write");
    group
        .throughput(Throughput::Bytes(trace.len() as u64))
        .sample_size(10);
    group.bench_function("records", |bencher| {
        bencher.iter(|| write_records(&records))
    });
    group.bench_function("copy lines", |bencher| bencher.iter(|| copy_lines(&trace)));
    group.finish();
}

criterion_group!(criterion, benches);

fn main() {
    ratios();
    criterion();
}
