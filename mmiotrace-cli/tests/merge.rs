//! `merge`: nothing is lost, nothing is made up, and every line tells its source.
#![allow(clippy::unwrap_used, missing_docs)]

mod command;

use command::{fixtures, fixtures_dir, run, run_on};
use serde_json::json;
use std::path::Path;

const STEP: i64 = 1_000_000;

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The lines of each of `sources` sources, with map ids and times as they were.
fn taken_apart(merged: &str, sources: usize, micros: &[i64]) -> Vec<Vec<String>> {
    let mut lines: Vec<Vec<String>> = vec![Vec::new(); sources];
    let mut next = 0;
    for line in merged.lines() {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        if line.starts_with("MARK 0.000000 merge: source ") {
            continue;
        }
        if words.get(2).is_some_and(|word| word == "mmiotrace1") {
            match (words[3].as_str(), words[4].strip_prefix("n=")) {
                ("source", Some(number)) => next = number.parse::<usize>().unwrap() - 1,
                ("cpu" | "seq", _) => {}
                _ => panic!("{line}"),
            }
            continue;
        }
        let (time, id) = match words[0].as_str() {
            "R" | "W" => (Some(2), Some(3)),
            "MAP" | "UNMAP" | "UNKNOWN" => (Some(1), Some(2)),
            "MARK" => (Some(1), None),
            _ => (None, None),
        };
        let mut source = core::mem::take(&mut next);
        if let Some(id) = id {
            let number: i64 = words[id].parse().unwrap();
            if number >= 0 {
                source = usize::try_from(number / STEP).unwrap();
                words[id] = (number - i64::try_from(source).unwrap() * STEP).to_string();
            }
        }
        if let Some(time) = time.filter(|at| words[*at] != "0.000000" && micros[source] != 0) {
            let (seconds, fraction) = words[time].split_once('.').unwrap();
            let all = seconds.parse::<i64>().unwrap() * STEP + fraction.parse::<i64>().unwrap();
            let all = all - micros[source];
            words[time] = format!("{}.{:06}", all / STEP, all % STEP);
        }
        lines[source].push(words.join(" "));
    }
    lines
}

/// Pairs of shipped traces, merged and taken apart again.
#[test]
fn every_line_comes_out_once() {
    let folder = tempfile::tempdir().unwrap();
    let texts: Vec<(String, String)> = fixtures()
        .into_iter()
        .filter_map(|trace| Some((trace.name.clone(), String::from_utf8(trace.bytes).ok()?)))
        // An empty line, and one with an odd form, is not rebuilt by the words of this test.
        .filter(|(name, text)| {
            let odd = ["markers", "mmioops", "midway", "testmmiotrace"];
            !odd.iter().any(|odd| name.contains(odd)) && text.len() < 4_000_000
        })
        .collect();
    assert!(texts.len() > 30, "{} traces", texts.len());
    for pair in texts.windows(2).step_by(3) {
        let paths: Vec<String> = (1..)
            .zip(pair)
            .map(|(number, (_, text))| write(folder.path(), &format!("{number}"), text))
            .collect();
        let merged = run(&["merge", "--offset", "2=+1.250001", &paths[0], &paths[1]]);
        assert!(merged.status < 2, "{}", merged.stderr);
        let text = merged.text();
        let apart = taken_apart(&text, 2, &[0, 1_250_001]);
        let header = |line: &&str| line.starts_with("VERSION ") || line.starts_with("PCIDEV ");
        for ((name, original), lines) in pair.iter().zip(&apart) {
            let body = |line: &&str| !header(line);
            let expected: Vec<&str> = original.lines().filter(body).collect();
            let lines = lines.iter().map(String::as_str);
            let got: Vec<&str> = lines.filter(body).collect();
            // Lines without a map id of the second source are told by an annotation before them.
            assert_eq!(got, expected, "{name}");
        }
        for line in pair
            .iter()
            .flat_map(|(_, text)| text.lines())
            .filter(header)
        {
            let times = text.lines().filter(|merged| *merged == line).count();
            assert_eq!(times, 1, "{line}");
        }
    }
}

#[test]
fn lines_come_in_the_order_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let a = write(
        folder.path(),
        "a",
        "W 4 1.000000 1 0x10 0x1 0x0 0\nMARK 3.000000 a\nodd line\nW 4 5.000000 1 0x10 0x2 0x0 0\n",
    );
    let b = write(
        folder.path(),
        "b",
        "W 4 0.500000 1 0x20 0x1 0x0 0\nW 4 3.000000 -1 0x20 0x2 0x0 0",
    );
    let c = write(
        folder.path(),
        "c",
        "MARK 9.000000 here\nR 4 9.000001 7 0x30 0x2 0x0 0\r\n",
    );
    let merged = run(&["merge", "--align", "MARK .* (a|here)|0x20 0x2", &a, &b, &c]);
    assert_eq!(merged.status, 0, "{}", merged.stderr);
    let text = merged.text();
    let lines: Vec<&str> = text.lines().skip(3).collect();
    assert_eq!(
        lines,
        [
            "W 4 0.500000 1000001 0x20 0x1 0x0 0",
            "W 4 1.000000 1 0x10 0x1 0x0 0",
            "MARK 3.000000 a",
            "odd line",
            "MARK 3.000000 mmiotrace1 source n=2",
            "W 4 3.000000 -1 0x20 0x2 0x0 0",
            "MARK 3.000000 mmiotrace1 source n=3",
            "MARK 3.000000 here",
            "R 4 3.000001 2000007 0x30 0x2 0x0 0",
            "W 4 5.000000 1 0x10 0x2 0x0 0",
        ]
    );
    assert!(
        text.contains("merge: source 3 is ")
            && text.contains("c, times -6.000000 s, map ids +2000000")
    );
}

/// Each event keeps its CPU, and those of the first numbered source their numbers; what belongs
/// together is not torn apart.
#[test]
fn annotations_stay_with_their_events() {
    let folder = tempfile::tempdir().unwrap();
    let a = write(
        folder.path(),
        "a",
        "MARK 1.000000 mmiotrace1 cpu cpu=3\nMARK 1.000000 mmiotrace1 seq seq=70\n\
         W 4 1.000000 1 0x10 0x1 0x0 0\n\
         MARK 2.000000 mmiotrace1 wide n=2 width=16\n\
         W 8 2.000000 1 0x10 0x1 0x0 0\nW 8 2.000000 1 0x18 0x2 0x0 0\n\
         W 4 3.000000 1 0x10 0x3 0x0 0\n",
    );
    let b = write(
        folder.path(),
        "b",
        "MARK 1.500000 mmiotrace1 seq seq=5\nR 4 1.500000 1 0x20 0x1 0x0 0\n\
         R 4 2.000000 1 0x20 0x2 0x0 0\nR 4 2.500000 1 0x20 0x3 0x0 0\n",
    );
    let merged = run(&["merge", &a, &b]);
    let path = write(folder.path(), "m", &merged.text());
    let rows = run(&["cat", "--format", "csv", "--kind", "read,write", &path]).text();
    let header: Vec<&str> = rows.lines().next().unwrap().split(',').collect();
    let column = |row: &str, name: &str| -> String {
        let at = header.iter().position(|column| *column == name).unwrap();
        row.split(',').nth(at).unwrap().to_owned()
    };
    let told: Vec<String> = rows
        .lines()
        .skip(1)
        .map(|row| {
            ["phys", "cpu", "seq"]
                .map(|name| column(row, name))
                .join(" ")
        })
        .collect();
    assert_eq!(
        told,
        [
            "0x10 3 70",
            "0x20  ",
            "0x10 3 71",
            "0x18 3 71",
            "0x20  ",
            "0x20  ",
            "0x10 3 72"
        ],
        "{}",
        merged.text()
    );
    // The numbers that could not be kept as such are there all the same.
    assert!(merged.text().contains("mmiotrace1 source n=2 seq=5"));
    let checked = run(&["check", &path]);
    assert_eq!(checked.status, 0, "{}", checked.text());
}

/// The device's log of a run is put beside the trace of that run: each access of the trace has the
/// same access of the log beside it.
#[test]
fn a_trace_and_the_devices_log_of_it() {
    let path = |name: &str| {
        let path = fixtures_dir().join("traces").join(name);
        path.to_str().unwrap().to_owned()
    };
    let (trace, log) = (path("edu-6.1.mmiotrace"), path("edu-6.1.qemu.log.xz"));
    let merged = run(&[
        "merge",
        "--align",
        "^R 4 [^ ]+ [^ ]+ 0xfea00000 ",
        &trace,
        &log,
    ]);
    assert_eq!(merged.status, 0, "{}", merged.stderr);
    let text = merged.text();
    let of = |is_log: bool| -> Vec<String> {
        text.lines()
            .filter(|line| line.starts_with("R ") || line.starts_with("W "))
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .filter(|words| words[4].starts_with("0xfea0"))
            .filter(|words| (words[3].parse::<i64>().unwrap() >= STEP) == is_log)
            .map(|words| format!("{} {} {} {}", words[0], words[1], words[4], words[5]))
            .collect()
    };
    assert!(of(false).len() > 100);
    assert_eq!(of(false), of(true));
    // The verdict on both says of each what it cannot see.
    let verdict = run_on(&["check", "--json"], &merged.stdout).json();
    assert_eq!(verdict["capture"], "merged");
    let sources = [
        json!({"number": 1, "name": trace, "capture": "kernel"}),
        json!({"number": 2, "name": log, "capture": "imported"}),
    ];
    assert_eq!(verdict["sources"], json!(sources));
    let verdict = run_on(&["check"], &merged.stdout).text();
    for told in [
        format!("source 2 is {log}, captured by another tool"),
        "- source 1: accesses of other CPUs".to_owned(),
        "- source 2: what the other tool did not log".to_owned(),
    ] {
        assert!(verdict.contains(&told), "{verdict}");
    }
}

#[test]
fn what_cannot_be_merged_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let a = write(folder.path(), "a", "W 4 1.000000 1 0x10 0x1 0x0 0\n");
    let high = write(
        folder.path(),
        "high",
        "W 4 1.000000 1000000 0x10 0x1 0x0 0\n",
    );
    run(&["merge", "--offset", "3=1", &a, &a]).assert_refused("--offset");
    run(&["merge", "--offset", "2=-1.5", &a, &a]).assert_refused(&format!("{a}:1: its time"));
    run(&["merge", &a, &high]).assert_refused(&format!("{high}:1: its map id"));
    run(&["merge", "--align", "nowhere", &a, &a]).assert_refused(&a);
    run(&["merge", "-", "-"]).assert_refused("standard input");
    run(&["merge", &a, "/nowhere"]).assert_refused("/nowhere");
    run(&["merge", &a, "-o", "/dev/full"]).assert_refused("/dev/full");
    let wrong = write(
        folder.path(),
        "wrong",
        "R 4 nonsense\nW 4 2.000000 1 0x10 0x1 0x0 0\n",
    );
    let merged = run(&["merge", &a, &wrong]);
    assert_eq!(merged.status, 1);
    assert!(merged.stderr.contains("wrong:1: "), "{}", merged.stderr);
    assert!(merged.text().contains("\nR 4 nonsense\n") && merged.text().contains("1000001"));
}

/// Who captured a merged trace is neither of those who captured its sources.
#[test]
fn the_verdict_on_a_merged_trace_tells_that_it_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| {
        let path = fixtures_dir().join("traces").join(name);
        path.to_str().unwrap().to_owned()
    };
    let merged = folder.path().join("merged").to_str().unwrap().to_owned();
    for second in ["edu-6.1.mmiotrace", "edu-6.1.qemu.log.xz"] {
        let merge = run(&[
            "merge",
            &path("edu-6.1.mmiotrace"),
            &path(second),
            "-o",
            &merged,
        ]);
        assert_eq!(merge.status, 0, "{}", merge.stderr);
        let check = run(&["check", &merged]);
        assert!(
            check
                .text()
                .contains("captured by several captures, which were merged"),
            "{}",
            check.text()
        );
        let json = run(&["check", "--json", &merged]).json();
        assert_eq!(json["capture"], "merged");
    }
}
