//! The report in a real browser.

use crate::common::{feed, fixture, read_by, rows};
use mmiotrace_export::{Bar, Report, Severity, unnamed};
use std::io::Write;

/// What the page showed, by key.
fn look(report: &Report<'_>) -> Option<Vec<(String, String)>> {
    let mut file = tempfile::Builder::new()
        .suffix(".html")
        .tempfile()
        .expect("a temporary file");
    report.write_html(&mut file).expect("room on the disk");
    if !["chromium", "chromium-browser", "google-chrome"]
        .iter()
        .any(|name| on_path(name))
    {
        // Not eprintln: the harness would hold it back.
        let skipped = "SKIPPED: browser: no Chromium (cargo xtask test --all brings it)";
        let _ = writeln!(std::io::stderr(), "{skipped}");
        return None;
    }
    let lines = read_by("page_reader.py", "playwright", file.path())?;
    let pairs = lines.iter().filter_map(|line| line.split_once(' '));
    Some(
        pairs
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
    )
}

fn on_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

fn value<'s>(shown: &'s [(String, String)], key: &str) -> &'s str {
    shown
        .iter()
        .find(|(name, _)| name == key)
        .map_or("", |(_, value)| value)
}

/// Each thing pointed at is the access that the trace has at that number.
fn check_tips(shown: &[(String, String)], trace: &str, repeat: usize) {
    let rows = rows(trace);
    let mut tips = 0;
    for (_, tip) in shown
        .iter()
        .filter(|(key, tip)| key == "tip" && tip.contains("   access "))
    {
        let words: Vec<&str> = tip.split_whitespace().collect();
        let at = words
            .iter()
            .position(|word| *word == "access")
            .expect("an access");
        let number: usize = words[at + 1].parse().expect("a number");
        let row = &rows[number % (rows.len() * repeat) % rows.len()];
        assert_eq!(
            words[0],
            if row.kind == 'R' { "read" } else { "write" },
            "{tip}"
        );
        assert_eq!(words[3], format!("{:#x}", row.value), "{tip}");
        assert_eq!(words[at + 2], format!("{:#x}", row.phys), "{tip}");
        tips += 1;
    }
    assert!(tips > 0, "nothing was pointed at: {shown:?}");
}

#[test]
fn a_small_trace() {
    let trace = fixture("e1000e-q35-6.1.mmiotrace.xz");
    let mut report = Report::new("e1000e <on> 6.1", unnamed());
    report.verdict(Severity::Good, "the trace is complete");
    report.bar(Bar {
        accesses: (10, 40),
        text: "poll until bit 9".into(),
    });
    feed(&trace, &mut report);
    let Some(shown) = look(&report) else { return };
    assert_eq!(value(&shown, "error"), "");
    assert_eq!(value(&shown, "requests"), "0");
    assert_eq!(value(&shown, "detail"), "exact");
    assert_eq!(value(&shown, "lanes"), "1");
    let registers: std::collections::HashSet<String> = trace
        .lines()
        .filter(|line| line.starts_with("R ") || line.starts_with("W "))
        .map(|line| {
            line.split(' ')
                .skip(3)
                .take(2)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    assert_eq!(
        value(&shown, "registers"),
        format!("{0} of {0}", registers.len())
    );
    assert!(value(&shown, "filtered").starts_with("0 of "));
    check_tips(&shown, &trace, 1);
}

#[test]
fn a_large_trace_begins_coarse_and_becomes_exact() {
    let trace = fixture("e1000e-q35-6.1.mmiotrace.xz");
    let mut report = Report::new("repeated", unnamed());
    for _ in 0..40 {
        feed(&trace, &mut report);
    }
    let Some(shown) = look(&report) else { return };
    assert_eq!(value(&shown, "error"), "");
    assert_eq!(value(&shown, "detail"), "grid");
    assert_eq!(value(&shown, "zoomed"), "exact");
    check_tips(&shown, &trace, 40);
}

#[test]
fn the_picture_has_every_busy_row_and_every_loss() {
    let trace = fixture("lost-events-6.1.mmiotrace");
    let mut report = Report::new("lost events", unnamed());
    feed(&trace, &mut report);
    let mut picture = Vec::new();
    report
        .write_svg(&mut picture)
        .expect("memory does not fail");
    let picture = String::from_utf8(picture).expect("text");
    assert_eq!(picture.matches("events lost</title>").count(), 5);
    assert!(picture.matches("<rect").count() > 20);
}

#[test]
fn hostile_text_stays_text() {
    let trace = "MARK 1.0 </script><script>alert(1)</script>\nW 4 1.000000 1 0x10 0x1 0x0 0\n";
    let mut report = Report::new("</title><script>", unnamed());
    feed(trace, &mut report);
    let mut page = Vec::new();
    report.write_html(&mut page).expect("memory does not fail");
    let page = String::from_utf8(page).expect("text");
    assert!(!page.contains("<script>alert"));
    assert!(!page.contains("</title><script>"));
}

#[test]
fn an_empty_trace_has_a_page() {
    let report = Report::new("nothing", unnamed());
    let mut page = Vec::new();
    report.write_html(&mut page).expect("memory does not fail");
    report.write_svg(&mut page).expect("memory does not fail");
    assert!(!page.is_empty());
}
