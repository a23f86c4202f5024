//! The tables of `stat` are what plain counting gives.
#![allow(clippy::unwrap_used, missing_docs)]

mod command;

use command::{fixture, fixtures, fixtures_dir, run, run_on};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// An access, by splitting its line at blanks.
struct Access {
    line: u64,
    is_read: bool,
    nanos: u64,
    phys: String,
    value: String,
    pc: String,
    pid: String,
}

fn accesses(text: &str) -> Vec<Access> {
    let lines = (1..).zip(text.lines());
    let access = |(line, text): (u64, &str)| {
        let words: Vec<&str> = text.split(' ').collect();
        let is_read = match words[0] {
            "R" => true,
            "W" => false,
            _ => return None,
        };
        Some(Access {
            line,
            is_read,
            nanos: nanos(words[2]),
            phys: words[4].to_owned(),
            value: words[5].to_owned(),
            pc: words[6].to_owned(),
            pid: words[7].to_owned(),
        })
    };
    lines.filter_map(access).collect()
}

fn nanos(time: &str) -> u64 {
    let (seconds, micros) = time.split_once('.').unwrap();
    seconds.parse::<u64>().unwrap() * 1_000_000_000 + micros.parse::<u64>().unwrap() * 1000
}

/// Traces whose every line parses, with their text.
fn plain() -> Vec<(String, String)> {
    let traces = fixtures().into_iter().filter_map(|trace| {
        let text = String::from_utf8(trace.bytes.clone()).ok()?;
        let broken = ["markers-6.1", "mmioops", "testmmiotrace"];
        let plain = !broken.iter().any(|name| trace.name.contains(name))
            && !text.contains("UNKNOWN ")
            && text.lines().any(|line| line.starts_with("R "));
        plain.then(|| (trace.path().to_owned(), text))
    });
    let traces: Vec<_> = traces.collect();
    assert!(traces.len() > 15, "{} traces", traces.len());
    traces
}

fn rows<'r>(report: &'r Value, table: &str) -> &'r [Value] {
    report[table].as_array().unwrap()
}

fn stat(path: &str) -> Value {
    let run = run(&["stat", "--json", path]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    run.json()
}

/// Reads and writes by a key.
fn count(accesses: &[Access], key: fn(&Access) -> &str) -> BTreeMap<String, (u64, u64)> {
    let mut counts = BTreeMap::new();
    for access in accesses {
        let count: &mut (u64, u64) = counts.entry(key(access).to_owned()).or_default();
        if access.is_read {
            count.0 += 1;
        } else {
            count.1 += 1;
        }
    }
    counts
}

fn counted(rows: &[Value], key: &str) -> BTreeMap<String, (u64, u64)> {
    let number = |row: &Value, what: &str| row[what].as_u64().unwrap();
    let row = |row: &Value| {
        let key = row[key]
            .as_str()
            .map_or_else(|| row[key].to_string(), str::to_owned);
        (key, (number(row, "reads"), number(row, "writes")))
    };
    rows.iter().map(row).collect()
}

#[test]
fn program_counters_and_threads() {
    let mut told = 0;
    for (path, text) in plain() {
        let (report, accesses) = (stat(&path), accesses(&text));
        let pcs = counted(rows(&report, "pcs"), "pc");
        assert_eq!(pcs, count(&accesses, |access| &access.pc), "{path}");
        let pids = counted(rows(&report, "pids"), "pid");
        assert_eq!(pids, count(&accesses, |access| &access.pid), "{path}");
        told += usize::from(pcs.len() > 1);
    }
    assert!(told > 0, "no trace tells program counters");
}

#[test]
fn phases_between_markers() {
    for (path, text) in plain() {
        let report = stat(&path);
        let mut expected: Vec<(Value, u64, u64)> = vec![(Value::Null, 0, 0)];
        for line in text.lines() {
            let last = expected.last_mut().unwrap();
            if line.starts_with("R ") {
                last.1 += 1;
            } else if line.starts_with("W ") {
                last.2 += 1;
            } else if let Some(rest) = line.strip_prefix("MARK ") {
                let mark = rest.split_once(' ').map_or("", |(_, mark)| mark);
                if !mark.starts_with("Lost ") && !mark.starts_with("mmiotrace1 ") {
                    expected.push((json!(mark), 0, 0));
                }
            }
        }
        expected.retain(|(mark, reads, writes)| !mark.is_null() || reads + writes > 0);
        let phase = |row: &Value| {
            let number = |what: &str| row[what].as_u64().unwrap();
            (row["mark"].clone(), number("reads"), number("writes"))
        };
        let phases: Vec<_> = rows(&report, "phases").iter().map(phase).collect();
        assert_eq!(phases, expected, "{path}");
    }
}

#[test]
fn values_of_registers() {
    for (path, text) in plain() {
        let (report, accesses) = (stat(&path), accesses(&text));
        let mut expected: BTreeMap<(String, bool), BTreeMap<String, u64>> = BTreeMap::new();
        for access in &accesses {
            let values = expected
                .entry((access.phys.clone(), access.is_read))
                .or_default();
            *values.entry(access.value.clone()).or_default() += 1;
        }
        let (mut registers, mut total) = (0, 0);
        for row in rows(&report, "registers") {
            for (field, is_read) in [("read_values", true), ("written_values", false)] {
                let histogram = &row[field];
                let Some(values) = histogram["values"].as_array() else {
                    continue;
                };
                registers += 1;
                let told: BTreeMap<String, u64> = values
                    .iter()
                    .map(|seen| {
                        let value = seen["value"].as_str().unwrap().to_owned();
                        (value, seen["count"].as_u64().unwrap())
                    })
                    .collect();
                let others = histogram["accesses_of_other_values"].as_u64().unwrap();
                total += told.values().sum::<u64>() + others;
                // Some register of that kind has just these counts.
                let fits = |((_, kind), all): (&(String, bool), &BTreeMap<String, u64>)| {
                    *kind == is_read
                        && told
                            .iter()
                            .all(|(value, count)| all.get(value) == Some(count))
                        && told.values().sum::<u64>() + others == all.values().sum::<u64>()
                        && (told.len() == all.len() || told.len() == 16)
                };
                assert!(expected.iter().any(fits), "{path}: {row}");
            }
        }
        assert_eq!(
            (registers, total),
            (expected.len(), accesses.len() as u64),
            "{path}"
        );
    }
}

#[test]
fn time_and_gaps() {
    for (path, text) in plain() {
        let (report, accesses) = (stat(&path), accesses(&text));
        let slice_nanos = report["timeline"]["slice_nanos"].as_u64().unwrap();
        let mut total = 0;
        for slice in report["timeline"]["slices"].as_array().unwrap() {
            let from = nanos(slice["from"].as_str().unwrap());
            let inside = accesses
                .iter()
                .filter(|access| (from..from + slice_nanos).contains(&access.nanos));
            let reads = inside.clone().filter(|access| access.is_read).count();
            assert_eq!(slice["reads"], reads, "{path}");
            assert_eq!(slice["writes"], inside.clone().count() - reads, "{path}");
            total += inside.count();
        }
        assert_eq!(total, accesses.len(), "{path}");
        let pairs = accesses.iter().zip(accesses.iter().skip(1));
        let longest = pairs
            .filter_map(|(a, b)| Some((b.nanos.checked_sub(a.nanos)?, b.line)))
            .max_by_key(|(nanos, line)| (*nanos, core::cmp::Reverse(*line)));
        let told = &report["gaps"]["longest"][0];
        match longest.filter(|(nanos, _)| *nanos > 0) {
            Some((nanos, line)) => {
                assert_eq!(
                    (&told["nanos"], &told["line"]),
                    (&json!(nanos), &json!(line))
                );
            }
            None => assert!(told.is_null(), "{path}: {told}"),
        }
    }
}

#[test]
fn one_table_is_that_of_the_whole_report() {
    let trace = fixture("e1000-6.1.mmiotrace.xz");
    let report = stat(trace.path());
    for (by, table) in [
        ("register", "registers"),
        ("value", "registers"),
        ("region", "regions"),
        ("map", "mappings"),
        ("pc", "pcs"),
        ("pid", "pids"),
        ("mark", "phases"),
        ("time", "timeline"),
        ("gap", "gaps"),
    ] {
        let one = run(&["stat", "--json", "--by", by, trace.path()]).json();
        assert_eq!(one, json!({"schema": 1, table: report[table]}), "{by}");
        let text = run(&["stat", "--by", by, trace.path()]).text();
        assert!(text.lines().count() > 2, "{text}");
    }
    let named = run(&["stat", "--by", "register", "--top", "1", trace.path()]).text();
    assert!(named.contains("+0x10 EECD"), "{named}");
}

/// The marker that an import makes has no time: rates do not begin at 0.
#[test]
fn an_imported_log_begins_with_its_first_access() {
    let log = fixtures_dir().join("traces").join("edu-6.1.qemu.log.xz");
    let report = run(&["stat", "--json", log.to_str().unwrap()]).json();
    assert_ne!(report["rates"]["first_time"], "0.000000");
}

#[test]
fn control_characters_of_markers_are_not_printed() {
    let text = run_on(&["stat", "--by", "mark"], b"MARK 1.000000 a\x1b[2Jb\n").text();
    assert!(text.contains('a') && !text.contains('\u{1b}'), "{text:?}");
}

/// Counts by kind, register, mapping and phase, the span and the rate, against gawk, which knows nothing of
/// ours.
#[test]
fn counts_are_those_of_gawk() {
    const PROGRAM: &str = r#"
        $1 == "R" || $1 == "W" {
            kind[$1]++; register[$5 " " $1]++; mapping[$4 " " $1]++
            n++
        }
        { time = "" }
        $1 == "R" || $1 == "W" { time = $3 }
        $1 == "MAP" || $1 == "UNMAP" || $1 == "MARK" { time = $2 }
        time != "" && time != "0.000000" {
            if (first == "") first = time
            last = time
        }
        END {
            print "accesses", n, kind["R"] + 0, kind["W"] + 0
            print "span", first, last
            for (key in register) { split(key, part, " "); print "register", part[2], register[key] }
            for (key in mapping) print "mapping", key, mapping[key]
        }"#;
    let (mut traces, folder) = (0, tempfile::tempdir().unwrap());
    for (path, text) in plain() {
        let plain = folder.path().join("plain");
        std::fs::write(&plain, &text).unwrap();
        let gawk = std::process::Command::new("gawk")
            .arg(PROGRAM)
            .arg(&plain)
            .output();
        let Ok(gawk) = gawk else {
            println!("SKIPPED: counts_are_those_of_gawk: gawk is not installed");
            return;
        };
        assert!(gawk.status.success());
        let judged = String::from_utf8(gawk.stdout).unwrap();
        let report = stat(&path);
        let number = |value: &Value| value.as_u64().unwrap();
        let mut told = Vec::new();
        let kinds = [("R", "reads"), ("W", "writes")];
        let total = |kind: &str| {
            let rows = rows(&report, "registers").iter();
            rows.map(|row| number(&row[kind])).sum::<u64>()
        };
        let (reads, writes) = (total("reads"), total("writes"));
        told.push(format!("accesses {} {reads} {writes}", reads + writes));
        let rate = &report["rates"];
        let [first, last] = ["first_time", "last_time"].map(|end| rate[end].as_str().unwrap());
        told.push(format!("span {first} {last}"));
        for row in rows(&report, "registers") {
            for (letter, kind) in kinds {
                if let count @ 1.. = number(&row[kind]) {
                    told.push(format!("register {letter} {count}"));
                }
            }
        }
        for row in rows(&report, "mappings") {
            for (letter, kind) in kinds {
                if let count @ 1.. = number(&row[kind]) {
                    told.push(format!("mapping {} {letter} {count}", row["map_id"]));
                }
            }
        }
        let mut judged: Vec<&str> = judged.lines().collect();
        judged.sort_unstable();
        told.sort_unstable();
        assert_eq!(told, judged, "{path}");
        traces += 1;
    }
    assert!(traces > 15);
}
