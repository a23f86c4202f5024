//! The verdict on every real trace, as a table that is checked in: `fixtures/VERDICTS.md`.
//!
//! `MMIOTRACE_BLESS=1 cargo test -p mmiotrace-cli --test verdicts` writes it anew. Read the
//! difference before you commit it: a trace does not change, so a changed verdict was or is wrong.
#![allow(clippy::unwrap_used, missing_docs)]

mod command;

use command::{LARGE, all, fixtures_dir, run};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

const TITLE: &str = "\
# Verdicts

What `mmiotrace check` says of every trace in this project, and of three that are too large to ship
(\"not shipped\"; the test of this table looks for them beside the project and says so where they are
absent). `!` marks what makes a trace incomplete. Of more than six findings of a kind the first are
listed and the rest counted. Written by the tool and held against it by
`cargo test -p mmiotrace-cli --test verdicts`.

| trace | verdict | findings: line, times, why |
| --- | --- | --- |
";

/// Of a kind, so many are listed.
const LISTED: usize = 6;

fn row(name: &str, report: &Value) -> String {
    let verdict = if report["complete"] == true {
        "complete"
    } else {
        "incomplete"
    };
    let mut by_kind: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for finding in report["findings"].as_array().unwrap() {
        by_kind
            .entry(finding["kind"].as_str().unwrap())
            .or_default()
            .push(finding);
    }
    let mut cells = Vec::new();
    for (kind, findings) in by_kind {
        let harmless = [
            "no-version",
            "no-maps",
            "time-backwards",
            "unordered-access",
            "foreign-line",
            "fused-line",
        ];
        let sign = if harmless.contains(&kind) { "" } else { "!" };
        cells.extend(findings.iter().take(LISTED).map(|finding| {
            let (line, count) = (&finding["line"], &finding["count"]);
            let place = if line == 0 {
                String::new()
            } else {
                format!(" line {line}, {count}x:")
            };
            format!(
                "{sign}`{kind}`{place} {}",
                finding["text"].as_str().unwrap()
            )
        }));
        let rest = findings.get(LISTED..).unwrap_or_default();
        if !rest.is_empty() {
            let count: u64 = rest
                .iter()
                .map(|finding| finding["count"].as_u64().unwrap())
                .sum();
            cells.push(format!(
                "{sign}`{kind}`: {} causes more, {count}x",
                rest.len()
            ));
        }
    }
    if cells.is_empty() {
        cells.push("every line is a record, every access is mapped, no loss is told".to_owned());
    }
    let name = if LARGE.contains(&name) {
        format!("{name} (not shipped)")
    } else {
        name.to_owned()
    };
    format!("| {name} | {verdict} | {} |\n", cells.join("<br>"))
}

#[test]
fn table_of_verdicts() {
    let path = fixtures_dir().join("VERDICTS.md");
    let stored = fs::read_to_string(&path).unwrap_or_default();
    let mut rows: BTreeMap<String, String> = BTreeMap::new();
    for trace in all("table_of_verdicts") {
        let run = run(&["check", "--json", trace.path()]);
        let report = run.json();
        assert_eq!(
            run.status,
            i32::from(report["complete"] != true),
            "{}",
            trace.name
        );
        rows.insert(trace.name.clone(), row(&trace.name, &report));
    }
    // Of a trace that is not at hand the stored row stands.
    for name in LARGE {
        let kept = stored
            .lines()
            .find(|line| line.starts_with(&format!("| {name} ")));
        rows.entry(name.to_owned())
            .or_insert_with(|| format!("{}\n", kept.unwrap_or_default()));
    }
    let table: String = TITLE.to_owned() + &rows.into_values().collect::<String>();
    if std::env::var_os("MMIOTRACE_BLESS").is_some() {
        fs::write(&path, &table).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap();
    for (new, old) in table.lines().zip(stored.lines()) {
        assert_eq!(new, old, "write the table anew with MMIOTRACE_BLESS=1");
    }
    assert_eq!(table, stored);
}

/// The same trace with and without huge pages: in the second, accesses show that nothing is
/// missed, and the first looks no different but for them.
#[test]
fn huge_pages_are_known_by_what_is_missing() {
    for trace in all("huge_pages_are_known_by_what_is_missing") {
        let whole = match &trace.name[..] {
            "bochs-vga-6.12.mmiotrace.xz" => false,
            "bochs-vga-nohugeiomap-6.12.mmiotrace.xz" => true,
            _ => continue,
        };
        let report = run(&["check", "--json", trace.path()]).json();
        let untraced: Vec<&Value> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|finding| finding["kind"] == "untraced-range")
            .collect();
        assert_eq!(untraced.is_empty(), whole, "{untraced:?}");
        if !whole {
            // The highest address that was ever recorded is 0xfd200fff.
            assert!(
                untraced[0]["text"]
                    .as_str()
                    .unwrap()
                    .contains("0xfd201000..=0xfd3e7fff")
            );
        }
    }
}
