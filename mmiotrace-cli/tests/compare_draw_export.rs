//! `diff`, `report`, `export`, and the logs of other tools.

mod command;

use command::run;
use std::path::Path;

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/traces")
        .join(name);
    path.to_string_lossy().into_owned()
}

#[test]
fn a_trace_is_the_same_as_itself() {
    let trace = fixture("nvme-6.1.mmiotrace");
    let same = run(&["diff", &trace, &trace]);
    assert_eq!(
        (same.status, same.text().lines().count()),
        (0, 1),
        "{}",
        same.text()
    );
}

#[test]
fn one_planted_bit_is_found() {
    let trace = fixture("nvme-6.1.mmiotrace");
    let text = std::fs::read_to_string(&trace).expect("a fixture");
    let folder = tempfile::tempdir().expect("a folder");
    let doctored = folder.path().join("doctored");
    assert!(text.contains("014 0x460061"));
    std::fs::write(&doctored, text.replacen("014 0x460061", "014 0x460060", 1)).expect("room");
    let doctored = doctored.to_string_lossy().into_owned();
    let found = run(&["diff", "--json", &trace, &doctored]);
    assert_eq!(found.status, 1);
    let json = found.json();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["differences"].as_array().map(Vec::len), Some(1));
    assert_eq!(json["summary"]["changed_writes"], 1);
    let line = text
        .lines()
        .position(|line| line.contains("014 0x460061"))
        .expect("found above")
        + 1;
    assert_eq!(json["differences"][0]["before"]["line"], line);
    let text = run(&["diff", &trace, &doctored]).text();
    assert!(
        text.lines().next().is_some_and(
            |line| line.starts_with("! ") && line.contains("(bits 0x1; EN 0x1 -> 0x0)")
        ),
        "{text}"
    );
    let ignored = run(&[
        "diff", "--ignore", "CC", "--ignore", r"\+0x14$", &trace, &doctored,
    ]);
    assert_eq!(ignored.status, 0, "{}", ignored.text());
    let elsewhere = run(&["diff", "--kind", "read", &trace, &doctored]);
    assert_eq!(elsewhere.status, 0, "{}", elsewhere.text());
}

#[test]
fn two_standard_inputs_are_refused() {
    run(&["diff", "-", "-"]).assert_refused("standard input");
}

/// The device's log of a run, imported, is the trace of that run: same accesses, same order. Of the
/// kernel's own tracer on one CPU, and of our module on four.
#[test]
fn the_devices_log_is_the_trace() {
    for (name, end) in [
        ("edu-6.1", "mmiotrace"),
        ("i6300esb-6.1", "mmiotrace"),
        ("nvme-6.1", "mmiotrace"),
        ("../captures/edu-kmod-6.12", "mmiotrace.xz"),
        ("../captures/nvme-kmod-6.12", "mmiotrace.xz"),
    ] {
        let trace = fixture(&format!("{name}.{end}"));
        let log = fixture(&format!("{name}.qemu.log.xz"));
        let columns = |text: String, phys: &[core::ops::Range<u64>]| -> Vec<String> {
            let hex =
                |word: &str| u64::from_str_radix(word.trim_start_matches("0x"), 16).expect("hex");
            let accesses = text
                .lines()
                .filter(|line| line.starts_with("R ") || line.starts_with("W "));
            accesses
                .map(|line| line.split(' ').collect::<Vec<_>>())
                .filter(|words| phys.iter().any(|range| range.contains(&hex(words[4]))))
                .map(|words| format!("{} {} {} {}", words[0], words[1], words[4], words[5]))
                .collect()
        };
        let text = run(&["cat", &trace]).text();
        let mapped: Vec<core::ops::Range<u64>> = text
            .lines()
            .filter(|line| line.starts_with("MAP "))
            .map(|line| {
                let words: Vec<&str> = line.split(' ').collect();
                let hex = |word: &str| {
                    u64::from_str_radix(word.trim_start_matches("0x"), 16).expect("hex")
                };
                hex(words[3])..hex(words[3]) + hex(words[5])
            })
            .collect();
        let captured = columns(text, &mapped);
        let imported = run(&["cat", &log]);
        assert_eq!(imported.status, 0, "{}", imported.stderr);
        let imported = columns(imported.text(), &mapped);
        // The log begins before the trace does and ends after it.
        let begins = imported
            .windows(captured.len().max(1))
            .any(|window| window == captured);
        assert!(
            begins,
            "{name}: {} accesses captured, {} in the log",
            captured.len(),
            imported.len()
        );
    }
}

#[test]
fn a_log_is_named_as_what_it_is() {
    let log = fixture("edu-6.1.qemu.log.xz");
    let checked = run(&["check", "--json", &log]);
    // The window of the I/O ports, which are kept apart from memory.
    assert_eq!(checked.json()["records"]["map"], 1);
    assert_eq!(checked.status, 0, "{}", checked.text());
    assert!(
        checked.stderr.contains("read as qemu-memory-region"),
        "{}",
        checked.stderr
    );
    let refused = run(&["cat", "--from", "nonsense", &log]);
    refused.assert_refused("--from");
}

#[test]
fn a_page_a_picture_and_a_dump_are_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let trace = fixture("lost-events-6.1.mmiotrace");
    let drawn = run(&[
        "report",
        &trace,
        "-o",
        &path("r.html"),
        "--svg",
        &path("r.svg"),
    ]);
    assert_eq!(drawn.status, 0, "{}", drawn.stderr);
    let page = std::fs::read_to_string(path("r.html")).expect("a page");
    assert!(page.contains("the trace is not complete") && page.contains("13616"));
    assert!(
        std::fs::read_to_string(path("r.svg"))
            .expect("a picture")
            .contains("</svg>")
    );
    for format in ["vcd", "perfetto"] {
        let exported = run(&["export", "--to", format, "-o", &path(format), &trace]);
        assert_eq!(exported.status, 0, "{}", exported.stderr);
        assert!(std::fs::metadata(path(format)).expect("a file").len() > 1000);
    }
    run(&["export", "--to", "vcd", "-o", "/dev/full", &trace]).assert_refused("/dev/full");
    run(&["report", &trace, "-o", "/nowhere/at/all.html"]).assert_refused("/nowhere/at/all.html");
}
