//! `jsonl` and `csv` say what the lines say.
#![allow(clippy::unwrap_used, missing_docs)]

mod command;

use command::{Trace, fixtures, run, run_on};
use serde_json::{Map, Value, json};

const COLUMNS: [&str; 16] = [
    "line", "kind", "time", "width", "map_id", "phys", "value", "pc", "pid", "virt", "len", "code",
    "seq", "cpu", "text", "bytes",
];

/// What a line must give, by splitting it at blanks.
fn expected(number: usize, line: &[u8]) -> Value {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let keyword = line.split(|byte| *byte == b' ').next().unwrap();
    let text = |bytes: &[u8]| match core::str::from_utf8(bytes) {
        Ok(text) => ("text", text.to_owned()),
        Err(_) => (
            "bytes",
            bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        ),
    };
    let mut object = Map::new();
    object.insert("line".into(), number.into());
    let columns: (&str, &[&str]) = match keyword {
        b"R" => (
            "read",
            &["width", "time", "map_id", "phys", "value", "pc", "pid"],
        ),
        b"W" => (
            "write",
            &["width", "time", "map_id", "phys", "value", "pc", "pid"],
        ),
        b"MAP" => (
            "map",
            &["time", "map_id", "phys", "virt", "len", "pc", "pid"],
        ),
        b"UNMAP" => ("unmap", &["time", "map_id", "pc", "pid"]),
        b"UNKNOWN" => ("unknown", &["time", "map_id", "phys", "code", "pc", "pid"]),
        b"MARK" => ("mark", &["time"]),
        b"VERSION" => ("version", &[]),
        b"PCIDEV" => ("pcidev", &[]),
        _ => ("other", &[]),
    };
    object.insert("kind".into(), columns.0.into());
    let mut rest = if columns.0 == "other" {
        line
    } else {
        &line[keyword.len() + 1..]
    };
    let words: Vec<&[u8]> = rest
        .splitn(columns.1.len() + 1, |byte| *byte == b' ')
        .collect();
    for (column, word) in columns.1.iter().zip(&words) {
        let word = core::str::from_utf8(word).unwrap();
        let value = match *column {
            "width" | "map_id" | "pid" => word.parse::<i64>().unwrap().into(),
            _ => word.into(),
        };
        object.insert((*column).into(), value);
        rest = rest.get(word.len() + 1..).unwrap_or_default();
    }
    if matches!(columns.0, "mark" | "version" | "pcidev" | "other") {
        let (key, text) = text(rest);
        object.insert(key.into(), text.into());
    }
    Value::Object(object)
}

/// Traces without records that are fused into one line, or that do not parse.
fn plain() -> Vec<Trace> {
    fixtures()
        .into_iter()
        .filter(|trace| !trace.name.starts_with("markers"))
        .collect()
}

fn objects(stdout: &[u8]) -> Vec<Value> {
    stdout
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

#[test]
fn jsonl_of_every_trace() {
    for trace in plain() {
        let run = run(&["cat", "--format", "jsonl", trace.path()]);
        assert_eq!(run.status, 0, "{}", run.stderr);
        let got = objects(&run.stdout);
        let lines: Vec<&[u8]> = trace.lines().collect();
        assert_eq!(got.len(), lines.len());
        for (at, line) in lines.iter().enumerate() {
            assert_eq!(got[at], expected(at + 1, line), "{}:{}", trace.name, at + 1);
        }
    }
}

#[test]
fn csv_is_jsonl_in_columns() {
    for trace in fixtures() {
        let jsonl = objects(&run(&["cat", "--format", "jsonl", trace.path()]).stdout);
        let csv = run(&["cat", "--format", "csv", trace.path()]).stdout;
        let mut rows = parse_csv(&csv).into_iter();
        assert_eq!(
            rows.next().unwrap(),
            COLUMNS.map(|column| column.as_bytes().to_vec())
        );
        let rows: Vec<_> = rows.collect();
        assert_eq!(rows.len(), jsonl.len());
        for (row, object) in rows.iter().zip(&jsonl) {
            assert_eq!(row.len(), COLUMNS.len());
            for (column, cell) in COLUMNS.iter().zip(row) {
                let cell = String::from_utf8(cell.clone()).unwrap();
                let in_json = match &object[column] {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                assert_eq!(cell, in_json, "{} {object}", trace.name);
            }
        }
    }
}

/// RFC 4180, with newline as line ending.
fn parse_csv(bytes: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), Vec::new(), false);
    let mut bytes = bytes.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' if quoted && bytes.peek() == Some(&b'"') => {
                bytes.next();
                cell.push(b'"');
            }
            b'"' => quoted = !quoted,
            b',' if !quoted => row.push(core::mem::take(&mut cell)),
            b'\n' if !quoted => {
                row.push(core::mem::take(&mut cell));
                rows.push(core::mem::take(&mut row));
            }
            byte => cell.push(byte),
        }
    }
    assert!(row.is_empty() && cell.is_empty() && !quoted);
    rows
}

#[test]
fn the_example_of_the_contract() {
    let line = "W 4 6.719459 1 0xfebc00d8 0xffffffff 0x0 0\n";
    let run = run_on(
        &["cat", "--format", "jsonl", "--kind", "write"],
        format!("\n{line}").as_bytes(),
    );
    assert_eq!(
        run.text(),
        "{\"line\":2,\"kind\":\"write\",\"time\":\"6.719459\",\"width\":4,\"map_id\":1,\
         \"phys\":\"0xfebc00d8\",\"value\":\"0xffffffff\",\"pc\":\"0x0\",\"pid\":0}\n"
    );
}

#[test]
fn markers_with_any_bytes() {
    let trace = b"MARK 1.000000 tab\there \"quoted\", \\ and \x1b\n\
                  MARK 1.000001 latin1 \xe4\xf6\n\
                  MARK 1.000002 \n\
                  MARK 0.000000 Lost 5 events.\n\
                  MARK 1.1 short time\n";
    let got = objects(&run_on(&["cat", "--format", "jsonl"], trace).stdout);
    let texts: Vec<&Value> = got.iter().map(|object| &object["text"]).collect();
    assert_eq!(texts[0], "tab\there \"quoted\", \\ and \u{1b}");
    assert_eq!(
        (texts[1], &got[1]["bytes"]),
        (&Value::Null, &json!("6c6174696e3120e4f6"))
    );
    assert_eq!(
        (texts[2], texts[3], texts[4]),
        (&json!(""), &json!("Lost 5 events."), &json!("short time"))
    );
    assert_eq!(got[4]["time"], "1.1");
}

#[test]
fn cpu_and_sequence_where_known() {
    let trace = "MARK 1.000000 mmiotrace1 cpu cpu=3\n\
                 MARK 1.000000 mmiotrace1 seq seq=18446744073709551614\n\
                 R 4 1.000000 1 0x10 0x0 0x0 9\n\
                 W 4 1.000001 1 0x10 0x0 0x0 9\n\
                 MARK 1.000002 mmiotrace1 cpu cpu=none\n\
                 MARK 1.000002 mmiotrace1 wide n=2 width=16\n\
                 W 8 1.000002 1 0x10 0x0 0x0 9\n\
                 W 8 1.000002 1 0x18 0x0 0x0 9\n";
    let run = run_on(
        &["cat", "--format", "jsonl", "--kind", "read,write"],
        trace.as_bytes(),
    );
    let got: Vec<_> = objects(&run.stdout)
        .iter()
        .map(|object| json!([object["seq"], object["cpu"]]))
        .collect();
    let (first, last) = (u64::MAX - 1, u64::MAX);
    assert_eq!(
        got,
        [
            json!([first, 3]),
            json!([last, 3]),
            json!([0, null]),
            json!([0, null])
        ]
    );
}

#[test]
fn fused_records_are_two() {
    let trace = "MARK 10.757699 nulMARK 10.795467 burst 1\nMARK 11.000000 nulR 4 11.000001 1 0x10 0x0 0x0 0\n";
    let got = objects(&run_on(&["cat", "--format", "jsonl"], trace.as_bytes()).stdout);
    let told: Vec<_> = got
        .iter()
        .map(|object| {
            (
                object["line"].clone(),
                object["kind"].clone(),
                object["text"].clone(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (json!(1), json!("mark"), json!("nul")),
            (json!(1), json!("mark"), json!("burst 1")),
            (json!(2), json!("mark"), json!("nul")),
            (json!(2), json!("read"), json!(null)),
        ]
    );
    let reads = objects(
        &run_on(
            &["cat", "--format", "jsonl", "--kind", "read"],
            trace.as_bytes(),
        )
        .stdout,
    );
    assert_eq!(reads.len(), 1);
}

#[test]
fn wrong_lines_are_told_and_kept() {
    let trace = "R 4 nonsense\nhello\nW 4 1.000000 1 0x10 0x0 0x0 0\n";
    let run = run_on(&["cat", "--format", "jsonl"], trace.as_bytes());
    assert_eq!(run.status, 1);
    assert!(
        run.stderr
            .starts_with("mmiotrace: standard input:1: invalid time"),
        "{}",
        run.stderr
    );
    let got = objects(&run.stdout);
    assert_eq!(
        got[0],
        json!({"line": 1, "kind": "read", "text": "R 4 nonsense"})
    );
    assert_eq!(got[1], json!({"line": 2, "kind": "other", "text": "hello"}));
    assert_eq!(got[2]["kind"], "write");
}

#[test]
fn numbers_of_stat() {
    for trace in plain() {
        let run = run(&["stat", "--json", trace.path()]);
        assert_eq!(run.status, 0, "{}", run.stderr);
        let report = run.json();
        assert_eq!(report["schema"], 1);
        let lines: Vec<Value> = trace
            .lines()
            .enumerate()
            .map(|(at, line)| expected(at, line))
            .collect();
        let count = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).count() as u64;
        for kind in ["read", "write", "unknown", "map", "mark"] {
            assert_eq!(report["records"][kind], count(kind), "{}", trace.name);
        }
        // Each access is in one register, one region and one mapping.
        for list in ["registers", "regions", "mappings"] {
            let sum = |what: &str| -> u64 {
                report[list]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|entry| entry[what].as_u64().unwrap())
                    .sum()
            };
            assert_eq!(
                (sum("reads"), sum("writes"), sum("unknown")),
                (count("read"), count("write"), count("unknown"))
            );
            let bytes = lines
                .iter()
                .filter(|line| line["kind"] == "read")
                .map(|line| line["width"].as_u64().unwrap());
            assert_eq!(sum("bytes_read"), bytes.sum::<u64>());
        }
    }
}

#[test]
fn registers_of_stat() {
    let trace = command::fixture("e1000-6.1.mmiotrace.xz");
    let report = run(&["stat", "--json", trace.path()]).json();
    let reads = trace.lines().filter(|line| {
        line.starts_with(b"R ") && line.windows(12).any(|window| window == b" 0xfebc0008 ")
    });
    let registers = report["registers"].as_array().unwrap();
    let is_status = |entry: &&Value| {
        entry["region"] == json!({"device": "00:02.0", "bar": 0}) && entry["offset"] == "0x8"
    };
    assert_eq!(
        registers.iter().find(is_status).unwrap()["reads"],
        reads.count()
    );
    let text = run(&["stat", "--top", "1", trace.path()]).text();
    assert!(
        text.contains("Registers, the 1 of ") && text.contains("00:02.0 BAR 0"),
        "{text}"
    );
    let writes = run(&[
        "stat",
        "--json",
        "--kind",
        "write",
        "--device",
        "00:02.0:0",
        trace.path(),
    ])
    .json();
    assert_eq!(
        (&writes["records"]["read"], &writes["records"]["write"]),
        (&json!(0), &report["records"]["write"])
    );
}
