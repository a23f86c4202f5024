//! What is exported, read back by programs of others and compared with the trace's text.

use crate::common::{feed, fixture, read_by, rows};
use mmiotrace_export::{Identity, Naming, PerfettoExporter, VcdExporter, unnamed};

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

/// The queries of docs/many-traces.md give what plain counting gives.
#[cfg(feature = "parquet")]
#[test]
fn the_queries_of_the_page_are_right() {
    use crate::common::run_reader;
    use std::collections::BTreeMap;
    use std::path::Path;

    let folder = tempfile::tempdir().expect("a folder");
    let (mut counts, mut lost, mut gaps) = (Vec::new(), Vec::new(), Vec::new());
    let mut places: BTreeMap<String, u64> = BTreeMap::new();
    let mut names = TRACES;
    names.sort_unstable();
    for name in names {
        let trace = fixture(name);
        let table = format!(
            "{}.parquet",
            name.split(".mmiotrace").next().unwrap_or(name)
        );
        let file = std::fs::File::create(folder.path().join(&table)).expect("a file");
        let mut exporter = mmiotrace_export::ParquetExporter::new(file, unnamed()).expect("a head");
        feed(&trace, &mut exporter);
        exporter.finish().expect("room on the disk");
        let rows = rows(&trace);
        let reads = rows.iter().filter(|row| row.kind == 'R').count();
        counts.push(format!("{table} {reads} {}", rows.len() - reads));
        let losses = trace.lines().filter_map(|line| {
            let count = line
                .strip_prefix("MARK 0.000000 Lost ")?
                .split(' ')
                .next()?;
            count.parse::<u64>().ok()
        });
        lost.extend(
            Some(losses.sum::<u64>())
                .filter(|sum| *sum > 0)
                .map(|sum| format!("{table} {sum}")),
        );
        let pairs = rows.windows(2);
        let longest = pairs
            .map(|pair| pair[1].nanos.saturating_sub(pair[0].nanos))
            .max();
        gaps.extend(longest.map(|nanos| format!("{table} {}", nanos / 1000)));
        for row in &rows {
            *places.entry(format!("{:#x}", row.phys)).or_default() += 1;
        }
    }
    let mut places: Vec<(u64, String)> = places
        .into_iter()
        .map(|(place, count)| (count, place))
        .collect();
    places.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let places = places.iter().take(5);
    let places: Vec<String> = places
        .map(|(count, place)| format!("{place} {count}"))
        .collect();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/many-traces.md");
    let Some(lines) = run_reader("queries.py", "duckdb", &[&page, folder.path()]) else {
        return;
    };
    let mut expected = Vec::new();
    for (number, answer) in (1..).zip([counts, lost, places, gaps]) {
        expected.push(format!("query {number}"));
        expected.extend(answer);
    }
    assert_eq!(lines, expected);
}

/// Two cards of one kind: cases/n1.
const TWO_CARDS: &str = include_str!("../../../fixtures/cases/n1/two.mt");

fn two_cards() -> Naming<'static> {
    Box::new(|access| Identity {
        device: Some(format!("00:0{}.0", access.map_id.0 + 1)),
        bar: Some(0),
        offset: Some(access.phys.0 & 0xf_ffff),
        name: Some("UNIT.LIVE".to_owned()),
    })
}

#[test]
fn case_n1_two_cards_are_two_counters_in_perfetto() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut exporter = PerfettoExporter::new(file.reopen().expect("the same file"), two_cards());
    feed(TWO_CARDS, &mut exporter);
    exporter.finish().expect("room on the disk");
    let Some(lines) = read_by("perfetto_reader.py", "perfetto", file.path()) else {
        return;
    };
    let counters: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("counter "))
        .collect();
    let expected = [
        "1100000000 00:02.0/BAR_0/UNIT.LIVE 0x11111111",
        "1200000000 00:03.0/BAR_0/UNIT.LIVE 0x22222222",
        "1300000000 00:02.0/BAR_0/UNIT.LIVE 0xeeeeeeee",
        "1400000000 00:03.0/BAR_0/UNIT.LIVE 0xdddddddd",
    ];
    assert_eq!(counters, expected);
}

#[test]
fn case_n1_two_cards_are_two_scopes_in_vcd() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut exporter = VcdExporter::new(file.reopen().expect("the same file"), two_cards());
    feed(TWO_CARDS, &mut exporter);
    exporter.finish().expect("room on the disk");
    let Some(lines) = read_by("vcd_reader.py", "vcd", file.path()) else {
        return;
    };
    let expected = [
        "1100000000 dev_00_02_0.bar0.UNIT.LIVE wr 0x11111111",
        "1200000000 dev_00_03_0.bar0.UNIT.LIVE wr 0x22222222",
        "1300000000 dev_00_02_0.bar0.UNIT.LIVE rd 0xeeeeeeee",
        "1400000000 dev_00_03_0.bar0.UNIT.LIVE rd 0xdddddddd",
    ];
    assert_eq!(lines, expected);
}

/// Names that differ only in what the format cannot write stay two variables.
#[test]
fn names_that_a_dump_writes_alike_get_numbers() {
    let names = ["A B", "A_B", "A$B", "", " "];
    let naming: Naming<'_> = Box::new(|access| Identity {
        device: Some("00:02.0".to_owned()),
        bar: Some(0),
        offset: Some(0),
        name: names
            .get((access.phys.0 / 4) as usize)
            .map(|name| (*name).to_owned()),
    });
    let mut exporter = VcdExporter::new(Vec::new(), naming);
    for place in 0..names.len() as u64 {
        let line = format!("W 4 1.000000 1 {:#x} 0x1 0x0 0\n", 4 * place);
        feed(&line, &mut exporter);
    }
    let (dump, _) = exporter.finish().expect("memory does not fail");
    let dump = String::from_utf8(dump).expect("text");
    for name in ["A_B", "A_B_2", "A_B_3", "_", "__2"] {
        assert_eq!(dump.matches(&format!(" {name} $end")).count(), 1, "{dump}");
    }
}

/// What was put into the trace later has the time 0, which no viewer should begin with.
#[test]
fn case_r85_the_axis_begins_at_the_first_record() {
    let trace = "MARK 0.000000 import qemu\nW 4 411390.000001 1 0x10 0x1 0x0 0\n";
    let mut exporter = VcdExporter::new(Vec::new(), unnamed());
    feed(trace, &mut exporter);
    let (dump, _) = exporter.finish().expect("memory does not fail");
    let dump = String::from_utf8(dump).expect("text");
    let times: Vec<&str> = dump.lines().filter(|line| line.starts_with('#')).collect();
    assert_eq!(times, ["#411390000001000"]);
}
