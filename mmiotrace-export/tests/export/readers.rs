//! What is exported, read back by programs of others and compared with the trace's text.

use crate::common::{feed, fixture, read_by, rows};
use mmiotrace_export::{PerfettoExporter, VcdExporter, unnamed};

const TRACES: [&str; 4] = [
    "edu-6.1.mmiotrace",
    "intel-hda-6.1.mmiotrace",
    "e1000e-q35-6.1.mmiotrace.xz",
    "lost-events-6.1.mmiotrace",
];

#[test]
fn perfetto_decodes_every_access() {
    for name in TRACES {
        let trace = fixture(name);
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let mut exporter = PerfettoExporter::new(file.reopen().expect("the same file"), unnamed());
        feed(&trace, &mut exporter);
        exporter.finish().expect("room on the disk");
        let Some(lines) = read_by("perfetto_reader.py", "perfetto", file.path()) else {
            return;
        };
        let of = |kind: &str| -> Vec<&str> {
            lines
                .iter()
                .filter_map(|line| line.strip_prefix(kind))
                .collect()
        };
        let expected: Vec<String> = rows(&trace)
            .iter()
            .map(|row| {
                format!(
                    "{} {} {} {:#x} {:#x}",
                    row.nanos, row.kind, row.width, row.phys, row.value
                )
            })
            .collect();
        assert_eq!(of("access "), expected, "{name}");
        let counters: Vec<String> = of("counter ")
            .iter()
            .map(|line| line.rsplit(' ').next().unwrap_or("").to_owned())
            .collect();
        let values: Vec<String> = rows(&trace)
            .iter()
            .map(|row| format!("{:#x}", row.value))
            .collect();
        assert_eq!(counters, values, "{name}");
        let losses = of("instant lost events lost ").len();
        assert_eq!(
            losses,
            trace.matches("MARK 0.000000 Lost ").count(),
            "{name}"
        );
    }
}

#[test]
fn a_dump_is_read_back_by_another_reader() {
    for name in TRACES {
        let trace = fixture(name);
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let mut exporter = VcdExporter::new(file.reopen().expect("the same file"), unnamed());
        feed(&trace, &mut exporter);
        exporter.finish().expect("room on the disk");
        let Some(lines) = read_by("vcd_reader.py", "vcd", file.path()) else {
            return;
        };
        let mut last = 0;
        let expected: Vec<String> = rows(&trace)
            .iter()
            .map(|row| {
                last = last.max(row.nanos);
                let kind = if row.kind == 'R' { "rd" } else { "wr" };
                format!("{last} {kind} {:#x}", row.value)
            })
            .collect();
        let found: Vec<String> = lines
            .iter()
            .map(|line| {
                let words: Vec<&str> = line.split(' ').collect();
                format!("{} {} {}", words[0], words[2], words[3])
            })
            .collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[cfg(feature = "parquet")]
#[test]
fn duckdb_reads_every_access() {
    for name in TRACES {
        let trace = fixture(name);
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let mut exporter = mmiotrace_export::ParquetExporter::new(
            file.reopen().expect("the same file"),
            unnamed(),
        )
        .expect("a head");
        feed(&trace, &mut exporter);
        exporter.finish().expect("room on the disk");
        let Some(lines) = read_by("parquet_reader.py", "duckdb", file.path()) else {
            return;
        };
        let expected: Vec<String> = rows(&trace)
            .iter()
            .map(|row| {
                let kind = if row.kind == 'R' { "read" } else { "write" };
                format!(
                    "{} {kind} {} {} {}",
                    row.nanos, row.width, row.phys, row.value
                )
            })
            .collect();
        let found: Vec<&String> = lines
            .iter()
            .filter(|line| !line.starts_with("count "))
            .collect();
        assert_eq!(found, expected.iter().collect::<Vec<_>>(), "{name}");
        let maps = trace
            .lines()
            .filter(|line| line.starts_with("MAP "))
            .count();
        if maps > 0 {
            assert!(
                lines.contains(&format!("count map {maps}")),
                "{name}: {lines:?}"
            );
        }
    }
}
