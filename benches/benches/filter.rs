//! Filtering: 4-byte writes to a range of addresses, against gawk with `strtonum`.
#![allow(missing_docs)]

use core::time::Duration;
use criterion::{Criterion, Throughput, criterion_group};
use memchr::memchr_iter;
use mmiotrace_analysis::{Filter, KindSet};
use mmiotrace_benches::corpus;
use mmiotrace_benches::ratio::{Comparison, children_time};
use mmiotrace_core::{AccessKind, PhysAddr, Width};
use mmiotrace_format::{LineKind, Reader, Writer};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Some registers of the device that are written now and then.
const RANGE: core::ops::Range<u64> = 0xfebc_00d0..0xfebc_0100;

/// Line by line, looking at the columns that are needed.
fn by_columns(trace: &[u8]) {
    let (mut reader, mut writer) = (Reader::new(trace), Writer::new(io::sink()));
    while let Ok(Some(line)) = reader.next_line() {
        let columns = line.columns();
        let keep = columns.kind() == LineKind::Write
            && columns.width() == Some(Width::W4)
            && columns.phys().is_some_and(|phys| RANGE.contains(&phys.0));
        if keep {
            drop(writer.write_line(&line));
        }
    }
    drop(writer.flush());
}

/// Record by record, looking at everything.
fn by_records(trace: &[u8]) {
    let (mut reader, mut writer) = (Reader::new(trace), Writer::new(io::sink()));
    while let Ok(Some(record)) = reader.next_record() {
        let access = record.as_event().and_then(|event| event.as_access());
        let keep = access.is_some_and(|access| {
            access.kind == AccessKind::Write
                && access.width == Width::W4
                && RANGE.contains(&access.phys.0)
        });
        if keep {
            drop(writer.write_record(&record));
        }
    }
    drop(writer.flush());
}

fn filter() -> Option<Filter> {
    let mut filter = Filter::new();
    filter
        .kinds("write".parse::<KindSet>().ok()?)
        .width(Width::W4);
    filter.phys(
        format!("{}..{}", PhysAddr(RANGE.start), PhysAddr(RANGE.end))
            .parse()
            .ok()?,
    );
    Some(filter)
}

/// As the command does it.
fn by_filter(trace: &[u8], filter: &Filter) {
    let mut selector = filter.selector();
    let (mut reader, mut kept) = (Reader::new(trace), Vec::new());
    while let Ok(Some(block)) = reader.next_block() {
        let keep = |line: &[u8]| {
            kept.extend_from_slice(line);
            Ok::<(), io::Error>(())
        };
        drop(selector.select_block(&block, keep, |_| {}));
        kept.clear();
    }
}

/// CPU time of gawk, after the example in the kernel's documentation of the tracer.
fn gawk(trace: &Path) -> Duration {
    let program = format!(
        "/^W 4 / {{ adr = strtonum($5); if (adr >= {} && adr < {}) print }}",
        RANGE.start, RANGE.end
    );
    let before = children_time();
    let done = Command::new("gawk")
        .arg(program)
        .arg(trace)
        .stdout(Stdio::null())
        .status();
    assert!(done.is_ok_and(|status| status.success()), "gawk failed");
    children_time().saturating_sub(before)
}

/// The command, built as people build it; nothing where that fails.
fn built_command() -> Option<PathBuf> {
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--release",
            "--quiet",
            "--package",
            "mmiotrace-cli",
        ])
        .status();
    // target/release/deps/filter-…
    let benchmark = std::env::current_exe().ok()?;
    let command = benchmark.parent()?.parent()?.join("mmiotrace");
    (built.is_ok_and(|status| status.success()) && command.exists()).then_some(command)
}

/// So often does the command run for one sample: children's times come in hundredths of a second.
const RUNS: u32 = 8;

/// CPU time of the command: starting, reading, filtering, writing.
fn command(command: &Path, trace: &Path) -> Duration {
    let range = format!("{}..{}", PhysAddr(RANGE.start), PhysAddr(RANGE.end));
    let before = children_time();
    for _ in 0..RUNS {
        let done = Command::new(command)
            .args(["cat", "--kind", "write", "--width", "4", "--phys", &range])
            .arg(trace)
            .stdout(Stdio::null())
            .status();
        assert!(
            done.is_ok_and(|status| status.success()),
            "mmiotrace failed"
        );
    }
    children_time().saturating_sub(before) / RUNS
}

fn ratios() -> io::Result<()> {
    let trace = corpus::repeated("e1000-6.1.mmiotrace.xz", corpus::large_len());
    let Some(filter) = filter() else {
        return Err(io::Error::other("the filter does not parse"));
    };
    let file = std::env::temp_dir().join(format!("mmiotrace-bench-{}", std::process::id()));
    let lines = memchr_iter(b'\n', &trace).count() as u64;
    let mut comparison = Comparison::new("filter e1000-6.1, repeated", lines, trace.len() as u64);
    comparison.yardstick("newline count", || memchr_iter(b'\n', &trace).count());
    std::fs::write(&file, &trace)?;
    if Command::new("gawk")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok()
    {
        comparison.measured_yardstick("gawk (CPU time)", || gawk(&file));
    } else {
        eprintln!("SKIPPED: filter: no gawk to compare with");
    }
    comparison
        .case("lines and columns", || by_columns(&trace))
        .case("records", || by_records(&trace))
        .case("filter, as the command", || by_filter(&trace, &filter));
    match built_command() {
        Some(path) => {
            let file = file.clone();
            comparison.measured_case("mmiotrace cat (CPU time)", move || command(&path, &file));
        }
        None => eprintln!("SKIPPED: filter: the command cannot be built"),
    }
    comparison.run(3);
    drop(std::fs::remove_file(&file));
    Ok(())
}

fn benches(criterion: &mut Criterion) {
    let trace = corpus::repeated("e1000-6.1.mmiotrace.xz", 10_000_000);
    let mut group = criterion.benchmark_group("filter");
    group
        .throughput(Throughput::Bytes(trace.len() as u64))
        .sample_size(10);
    group.bench_function("columns", |bencher| bencher.iter(|| by_columns(&trace)));
    if let Some(filter) = filter() {
        group.bench_function("filter", |bencher| {
            bencher.iter(|| by_filter(&trace, &filter))
        });
    }
    group.finish();
}

criterion_group!(criterion, benches);

fn main() -> io::Result<()> {
    ratios()?;
    criterion();
    Ok(())
}
