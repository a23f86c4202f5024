//! What `check` counts is what a person counts with grep.
#![allow(clippy::unwrap_used, missing_docs)]

mod command;

use command::{Trace, all, fixture, run, run_on};
use serde_json::{Value, json};

/// `grep -c '^R '` and so on, with plain splitting.
fn grep_counts(bytes: &[u8]) -> Value {
    let keywords = [
        ("read", "R "),
        ("write", "W "),
        ("map", "MAP "),
        ("unmap", "UNMAP "),
        ("mark", "MARK "),
        ("unknown", "UNKNOWN "),
        ("version", "VERSION "),
        ("lspci", "LSPCI "),
        ("pcidev", "PCIDEV "),
    ];
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let mut counts = json!({});
    let mut known = 0;
    for (name, keyword) in keywords {
        let count = lines
            .iter()
            .filter(|line| line.starts_with(keyword.as_bytes()))
            .count();
        known += count;
        counts[name] = count.into();
    }
    counts["other"] = (lines.len() - known).into();
    counts
}

/// The second and the next-to-last word: `MARK 0.000000 Lost 12052 events.`
fn announced(trace: &Trace) -> u64 {
    let text = String::from_utf8_lossy(&trace.bytes);
    let lost = text
        .lines()
        .filter(|line| line.starts_with("MARK 0.000000 Lost "));
    lost.map(|line| line.split(' ').nth(3).unwrap().parse::<u64>().unwrap())
        .sum()
}

/// The times of the lines that a recorder stamped.
fn times(trace: &Trace) -> Vec<String> {
    let text = String::from_utf8_lossy(&trace.bytes);
    let time = |line: &str| {
        let mut words = line.split(' ');
        let time = match words.next()? {
            "R" | "W" => words.nth(1)?,
            "MAP" | "UNMAP" | "MARK" | "UNKNOWN" => words.next()?,
            _ => return None,
        };
        let stamped = time != "0.000000" && time.split('.').nth(1)?.len() == 6;
        stamped.then(|| time.to_owned())
    };
    text.lines().filter_map(time).collect()
}

#[test]
fn of_every_trace() {
    for trace in all("of_every_trace") {
        let report = run(&["check", "--json", trace.path()]).json();
        assert_eq!(report["schema"], 1);
        assert_eq!(
            report["records"],
            grep_counts(&trace.bytes),
            "{}",
            trace.name
        );
        assert_eq!(report["lost_events"], announced(&trace), "{}", trace.name);
        let times = times(&trace);
        let expected = json!([times.first(), times.last()]);
        assert_eq!(
            json!([report["first_time"], report["last_time"]]),
            expected,
            "{}",
            trace.name
        );
        let has_version = trace.bytes.starts_with(b"VERSION 20070824\n");
        assert_eq!(
            report["version"],
            if has_version {
                json!("20070824")
            } else {
                json!(null)
            }
        );
    }
}

#[test]
fn of_lines_that_are_no_good() {
    let input = b"R 4\nR\nRR 4\nMAP\tx\nMARK \nW\n\n \nLSPCI 00:00.0 Host bridge\nPCIDEV x\r\nlast";
    let report = run_on(&["check", "--json"], input).json();
    let mut expected = grep_counts(input);
    // A keyword at the end of its line, or before a tab, has no blank behind it.
    expected["read"] = 2.into();
    expected["write"] = 1.into();
    expected["map"] = 1.into();
    expected["other"] = 4.into();
    assert_eq!(report["records"], expected);
}

#[test]
fn of_a_device_line_that_a_mailer_has_wrapped() {
    let wrapped =
        "PCIDEV 0010 8086100e a febc0000 c001 0 0 0 0 feb80000 20000 40 0\n0 0 0 40000 e1000\n";
    let report = run_on(&["check", "--json"], wrapped.as_bytes()).json();
    assert_eq!(report["records"], grep_counts(wrapped.as_bytes()));
}

#[test]
fn of_losses_told_twice() {
    let cases: [(&str, u64); 7] = [
        (
            "MARK 0.000000 Lost 10 events.\nCPU:0 [LOST 10 EVENTS]\n",
            10,
        ),
        (
            "MARK 0.000000 Lost 3 events.\nMARK 0.000000 Lost 7 events.\nCPU:0 [LOST 10 EVENTS]\n",
            10,
        ),
        ("CPU:0 [LOST 7 EVENTS]\n", 7),
        (
            "MARK 0.000000 Lost 10 events.\nCPU:1 [LOST 15 EVENTS]\n",
            15,
        ),
        (
            // Two accounts, 10 and 9, of which the larger counts.
            "MARK 0.000000 Lost 10 events.\nCPU:0 [LOST 4 EVENTS]\nCPU:0 [LOST 5 EVENTS]\n",
            10,
        ),
        (
            "MARK 0.000000 Lost 10 events.\nCPU:0 [LOST 6 EVENTS]\nCPU:1 [LOST 4 EVENTS]\n",
            10,
        ),
        ("# entries-in-buffer/entries-written: 4/104   #P:1\n", 100),
    ];
    for (trace, lost) in cases {
        let report = run_on(&["check", "--json"], trace.as_bytes()).json();
        assert_eq!(report["lost_events"], lost, "{trace}");
        let findings = report["findings"].as_array().unwrap();
        let finding = findings
            .iter()
            .find(|finding| finding["kind"] == "lost-events")
            .unwrap();
        assert_eq!(
            (&finding["count"], &finding["line"]),
            (&json!(lost), &json!(1))
        );
    }
}

#[test]
fn of_the_trace_that_lost_events() {
    let trace = fixture("lost-events-6.1.mmiotrace");
    let run = run(&["check", "--json", trace.path()]);
    assert_eq!(run.status, 1);
    let report = run.json();
    assert_eq!(report["lost_events"], 13_616);
    let advice = report["findings"][0]["advice"].as_str().unwrap();
    assert!(
        advice.contains("echo 2048 > /sys/kernel/tracing/buffer_size_kb"),
        "{advice}"
    );
}
