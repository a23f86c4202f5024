//! Traces that were cut, or in which bytes were changed.
#![allow(clippy::unwrap_used, missing_docs)]

mod command;

use command::{Random, fixture, run_on};
use mmiotrace_analysis::{Checker, FindingKind};
use mmiotrace_format::{Error, LineKind, Reader};
use serde_json::json;

fn verdict(bytes: &[u8]) -> mmiotrace_analysis::Verdict {
    let (mut checker, mut reader) = (Checker::new(), Reader::new(bytes));
    loop {
        match reader.next_line() {
            Ok(Some(line)) => checker.line(&line),
            Ok(None) => return checker.finish(),
            Err(Error::Parse(error)) => checker.invalid(&error),
            Err(error) => panic!("{error}"),
        }
    }
}

/// A trace that is cut within a line is never called complete, and everything before the cut
/// counts as before.
#[test]
fn cut_at_every_byte() {
    for name in [
        "mmioops-printk-6.1.mmiotrace",
        "virtio-gpu-6.1.mmiotrace",
        "i6300esb-6.1.mmiotrace",
    ] {
        let trace = fixture(name).bytes;
        for end in 0..trace.len() {
            let cut = &trace[..end];
            let verdict = verdict(cut);
            let told = verdict
                .findings
                .iter()
                .find(|finding| finding.kind == FindingKind::TruncatedEnd);
            let lines = cut.split_inclusive(|byte| *byte == b'\n').count() as u64;
            let within_line = !cut.is_empty() && !cut.ends_with(b"\n");
            if within_line {
                assert_eq!(
                    told.map(|finding| finding.line),
                    Some(lines),
                    "{name}, {end} bytes"
                );
            } else if let Some(finding) = told {
                // Between two lines there is nothing to see, but that the driver was at work.
                assert!(
                    finding.text.contains("within a burst"),
                    "{name}, {end} bytes"
                );
            }
            assert!(!(verdict.complete && within_line));
            assert_eq!(verdict.records.total(), lines);
            // The rest of a line is told once, as what it is.
            assert!(
                !verdict
                    .findings
                    .iter()
                    .any(|finding| finding.kind == FindingKind::MalformedLine)
            );
            let has_access = verdict.records.accesses() > 0;
            let no_accesses = verdict
                .findings
                .iter()
                .any(|finding| finding.kind == FindingKind::NoAccesses);
            assert_eq!(has_access, !no_accesses);
        }
    }
}

#[test]
fn cut_at_every_byte_by_the_command() {
    let trace = fixture("pvpanic-pci-6.1.mmiotrace").bytes;
    for end in 0..trace.len() {
        let cut = &trace[..end];
        let check = run_on(&["check", "--json"], cut);
        assert_eq!(check.status, i32::from(check.json()["complete"] != true));
        assert_eq!(check.stderr, "");
        let cat = run_on(&["cat"], cut);
        assert!(cat.status == 0 && cat.stdout == cut);
        let filtered = run_on(&["cat", "--kind", "read,write", "--phys", "0.."], cut);
        let whole: Vec<u8> = cut
            .split_inclusive(|byte| *byte == b'\n')
            .filter(|line| {
                line.starts_with(b"R ") && line.iter().filter(|byte| **byte == b' ').count() >= 4
            })
            .filter(|line| {
                line.split(|byte| *byte == b' ')
                    .nth(4)
                    .is_some_and(|phys| phys.len() > 2)
            })
            .flatten()
            .copied()
            .collect();
        assert!(filtered.stdout == whole, "{end}: {}", filtered.text());
    }
}

/// Changed bytes may make other numbers, which nobody can know; they never bring the command
/// down, are never dropped, and a line that they break is told.
#[test]
fn bytes_changed_at_random() {
    let mut random = Random(0x5eed);
    for name in [
        "mmioops-6.1.mmiotrace",
        "virtio-gpu-6.1.mmiotrace",
        "lost-events-6.1.mmiotrace",
    ] {
        let trace = fixture(name).bytes;
        for round in 0..40 {
            let mut changed = trace.clone();
            for _ in 0..=round {
                let at = random.below(changed.len());
                changed[at] ^= 1 << random.below(8);
            }
            let check = run_on(&["check", "--json"], &changed);
            assert!(matches!(check.status, 0 | 1), "{}", check.stderr);
            let report = check.json();
            let lines = changed.split_inclusive(|byte| *byte == b'\n').count();
            let counted: u64 = report["records"]
                .as_object()
                .unwrap()
                .values()
                .map(|count| count.as_u64().unwrap())
                .sum();
            assert_eq!(counted, lines as u64);
            assert!(run_on(&["cat"], &changed).stdout == changed);
            let jsonl = run_on(&["cat", "--format", "jsonl"], &changed);
            assert!(matches!(jsonl.status, 0 | 1), "{}", jsonl.stderr);
            for line in jsonl.text().lines() {
                let _: serde_json::Value = serde_json::from_str(line).unwrap();
            }
            assert!(matches!(run_on(&["stat"], &changed).status, 0 | 1));
        }
    }
}

/// A line of a clean trace, broken in any column: the trace is not called complete.
#[test]
fn every_broken_column_is_found() {
    let trace = "VERSION 20070824\n\
                 MAP 6.060175 1 0xfebc0000 0xffa0000000500000 0x20000 0x0 0\n\
                 R 4 6.063646 1 0xfebc0008 0x80080783 0x0 0\n\
                 UNMAP 7.000000 1 0x0 0\n";
    assert!(verdict(trace.as_bytes()).complete);
    for (at, byte) in trace.bytes().enumerate() {
        // Numbers have other numbers beside them, which is no fault to be seen.
        if byte.is_ascii_hexdigit() || at < "VERSION ".len() {
            continue;
        }
        let mut broken = trace.as_bytes().to_vec();
        broken[at] = b'~';
        let verdict = verdict(&broken);
        assert!(!verdict.complete, "{}", broken.escape_ascii());
    }
}

#[test]
fn a_line_that_nothing_explains() {
    let report = run_on(
        &["check", "--json"],
        b"MARK 1.000000 one\ntwo\nCPU:0 [LOST EVENTS]\nthree\n",
    )
    .json();
    let told: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| json!([finding["kind"], finding["line"]]))
        .collect();
    assert!(told.contains(&json!(["foreign-line", 2])), "{told:?}");
    assert!(told.contains(&json!(["malformed-line", 4])), "{told:?}");
}

#[test]
fn causes_without_end() {
    let trace: String = (0..1500)
        .map(|id| format!("UNKNOWN 1.000000 {id} 0x1000 0f,10,00 0x0 0\n"))
        .collect();
    let with_map = "MAP 1.000000 5000 0x2000 0xffa0000000002000 0x1000 0x0 0\n".to_owned()
        + &trace
        + "MARK 2.000000 end\n";
    let report = run_on(&["check", "--json"], with_map.as_bytes()).json();
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1001);
    let more = &findings[1000];
    assert_eq!(more["kind"], "more");
    let listed: u64 = findings
        .iter()
        .map(|finding| finding["count"].as_u64().unwrap())
        .sum();
    // Each line is unknown and unmapped; and there is no VERSION.
    assert_eq!(listed, 3001);
    assert!(
        findings
            .iter()
            .any(|finding| finding["kind"] == "no-version")
    );
    let without_map = run_on(&["check", "--json"], trace.as_bytes()).json();
    assert!(
        without_map["findings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|finding| finding["kind"] == "no-maps")
    );
}

#[test]
fn kinds_are_counted_by_their_names() {
    let names: Vec<&str> = LineKind::ALL.iter().map(|kind| kind.name()).collect();
    let report = run_on(&["check", "--json"], b"").json();
    let mut told: Vec<&str> = report["records"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut names = names;
    names.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, names);
    assert_eq!(
        (
            &report["complete"],
            &report["first_time"],
            &report["version"]
        ),
        (&json!(false), &json!(null), &json!(null))
    );
}
