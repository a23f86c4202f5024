//! Logs that were once read wrongly: `fixtures/cases`.

use mmiotrace_import::{Counts, Format, ImportReader, Options};
use std::io::Read;
use std::path::Path;

fn log(case: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/cases")
        .join(case);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The records of a log, without annotations, and what became of its lines.
fn import(case: &str) -> (Vec<String>, Counts) {
    let log = log(case);
    let format = Format::detect(log.as_bytes()).expect("a known format");
    let mut text = String::new();
    let mut reader = ImportReader::new(log.as_bytes(), format, Options::default());
    reader
        .read_to_string(&mut text)
        .expect("a log of that format");
    assert_eq!(reader.errors(), [], "{case}");
    let records = text
        .lines()
        .filter(|line| !line.contains(" mmiotrace1 cpu "));
    (
        records.map(str::to_owned).collect(),
        reader.counts().expect("the end was reached"),
    )
}

fn accesses(case: &str) -> Vec<String> {
    let (records, _) = import(case);
    let is_access = |line: &String| line.starts_with("R ") || line.starts_with("W ");
    records.into_iter().filter(is_access).collect()
}

/// `R 4 0x20014 0x5568779c` of a record.
fn access(record: &str) -> String {
    let words: Vec<&str> = record.split(' ').collect();
    format!("{} {} {} {}", words[0], words[1], words[4], words[5])
}

/// `cases/r32`, `cases/d`: ticks are kept, and said to be ticks.
#[test]
fn case_r32_ticks_are_no_times() {
    let (records, _) = import("r32/tsc.txt");
    assert!(
        records[2].contains("one tick is shown as 1 us"),
        "{records:?}"
    );
    assert!(
        records[1].starts_with("MARK 81234567.890123 import: ftrace"),
        "{records:?}"
    );
    assert_eq!(
        records[3..],
        [
            "W 4 81234567.890123 0 0xfebc0100 0x2 0x0 1",
            "W 4 81234567.891123 0 0xfebc0100 0x3 0x0 1",
        ]
    );
    let (records, _) = import("r32/ns.txt");
    assert_eq!(records[2], "W 4 627.700001 0 0xfebc0100 0x2 0x0 1");
    assert_eq!(
        accesses("d/kvm-tsc.txt"),
        ["R 1 223180.814066 0 0x20010 0x98 0x0 327"]
    );
}

/// `cases/r33`: what somebody wrote into the log is a marker.
#[test]
fn case_r33_texts_in_the_log_are_markers() {
    let (records, counts) = import("r33/mark.txt");
    assert_eq!(
        records[1..],
        [
            "MARK 627.700001 import: ftrace",
            "MARK 627.700001 begin test",
            "W 4 627.700002 0 0xfebc0100 0x2 0x0 1",
            "MARK 627.700003 middle",
            "MARK 627.700004 foo_probe: val=3",
            "W 4 627.700005 0 0xfebc0100 0x3 0x0 1",
            "MARK 627.700006 end test",
        ]
    );
    assert_eq!((counts.accesses, counts.notes, counts.unrelated), (2, 4, 0));
}

/// `cases/d`: the forms of ftrace, trace-cmd and perf.
#[test]
fn case_d_forms_of_ftrace_trace_cmd_and_perf() {
    let table: [(&str, &[&str]); 6] = [
        (
            "d/tgid.txt",
            &[
                "W 4 12.345678 0 0x20018 0x12345678 0x0 77",
                "W 2 12.345679 0 0x2001e 0x5678 0x0 77",
            ],
        ),
        (
            "d/lat.txt",
            &[
                "W 4 0.000000 0 0x20018 0x12345678 0x0 0",
                "W 2 0.000012 0 0x2001e 0x5678 0x0 77",
            ],
        ),
        (
            "d/perf.txt",
            &["W 4 1234.567890 0 0x20018 0x12345678 0x0 78"],
        ),
        (
            "d/rb.txt",
            &[
                "W 4 12.345678 1 0x10000000004 0x1f 0x0 1234",
                "W 4 12.345679 1 0x10000000010 0xefbeadde 0x0 1234",
                "R 2 12.345680 1 0x10000000020 0x201 0x0 1234",
            ],
        ),
        (
            "d/xe.txt",
            &[
                "W 4 12.345678 1 0x10000002030 0x1 0x0 1234",
                "R 4 12.345679 1 0x10000002034 0x5 0x0 1234",
            ],
        ),
        (
            "d/tracecmd.txt",
            &[
                "R 4 68.600709 12 0xfebc0008 0x80080783 0x0 292",
                "R 4 68.600847 12 0xfebc0008 0x80080783 0x0 292",
                "W 4 68.611669 12 0xfebc00d8 0xffffffff 0x0 292",
                "R 4 68.611729 12 0xfebc0008 0x80080783 0x0 292",
            ],
        ),
    ];
    for (case, expected) in table {
        assert_eq!(accesses(case), expected, "{case}");
    }
    let (records, _) = import("d/tracecmd.txt");
    assert!(
        records
            .contains(&"MAP 68.600069 12 0xfebc0000 0xffffc90000520000 0x20000 0x0 292".to_owned()),
        "{records:?}"
    );
}

/// `cases/d`: a write of which the log prints neither value nor width.
#[test]
fn case_d_a_fast_write_has_no_value() {
    let (records, counts) = import("d/fast.txt");
    assert_eq!(counts.accesses, 2);
    assert!(
        records
            .iter()
            .any(|line| line.starts_with("UNKNOWN 82.762494 0 0xfe003000")),
        "{records:?}"
    );
}

/// `cases/real-logs`: what the device of that run saw, in every form of the log.
#[test]
fn case_real_logs_are_what_the_device_saw() {
    let device: Vec<String> = log("real-logs/kvm-dev.log")
        .lines()
        .filter(|line| line.starts_with("DEV R ") || line.starts_with("DEV W "))
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            format!("{} {} {} {}", words[1], words[3], words[5], words[7])
        })
        .collect();
    assert_eq!(device.len(), 9);
    for name in [
        "kvm-trace.txt",
        "kvm-clock-x86-tsc.txt",
        "kvm-latency-format.txt",
        "kvm-trace-tgid.txt",
        "perf-script-kvm.txt",
        "perf-trace-kvm.txt",
        "tracecmd-kvm-R.txt",
        "tracecmd-kvm-l.txt",
    ] {
        let accesses = accesses(&format!("real-logs/{name}"));
        let found: Vec<String> = accesses.iter().map(|record| access(record)).collect();
        // The latency format holds two runs.
        assert!(
            found.len() == 9 || name.contains("latency") && found.len() == 18,
            "{name}"
        );
        for run in found.chunks(9) {
            assert_eq!(run, device, "{name}");
        }
        let times: Vec<&str> = accesses
            .iter()
            .filter_map(|line| line.split(' ').nth(2))
            .collect();
        assert!(
            times
                .windows(2)
                .all(|pair| pair[0] != "0.000000" && pair[1] != "0.000000"),
            "{name}"
        );
    }
    // The thread, and where the log has the exits, the instruction.
    let of = |name: &str| accesses(&format!("real-logs/{name}"))[0].clone();
    assert!(of("kvm-latency-format.txt").ends_with(" 0x1005 311"));
    assert!(of("kvm-trace-tgid.txt").ends_with(" 0x1005 311"));
    assert!(of("tracecmd-kvm-R.txt").ends_with(" 0x1005 344"));
    assert!(of("tracecmd-kvm-l.txt").ends_with(" 0x1005 344"));
    assert!(of("perf-trace-kvm.txt").ends_with(" 0x0 402"));
}

/// `cases/real-logs`: the kernel's tracer through trace-cmd; every record that awk counts.
#[test]
fn case_real_logs_of_trace_cmd_are_whole() {
    let text = log("real-logs/tracecmd-mmiotrace-head.txt");
    let records = text
        .lines()
        .filter(|line| line.contains("mmiotrace_rw"))
        .count();
    let accesses = accesses("real-logs/tracecmd-mmiotrace-head.txt");
    assert_eq!((accesses.len(), records), (398, 398));
}

/// `cases/real-logs`: ports are not memory, and the names of regions are kept.
#[test]
fn case_real_logs_of_qemu_keep_ports_apart() {
    let (records, _) = import("real-logs/qemu-11.1-invalid-and-ports.log");
    let is_port = |line: &&String| line.contains(" 0x10000000") && line.starts_with("W ");
    assert_eq!(records.iter().filter(is_port).count(), 8);
    assert!(
        records
            .iter()
            .any(|line| line.starts_with("W 4 0.000000 0 0xfea00004 0x12345678"))
    );
    assert!(
        records
            .iter()
            .any(|line| line.ends_with("0xfea00000 is in the region edu-mmio")),
        "{records:?}"
    );
    let refused = "memory_region_ops_read cpu 0 mr 0x5 addr 0xfea00000 value 0x1 size 4 name 'edu-mmio'\n\
        Invalid read at addr 0xFEA00001, size 1, region 'edu-mmio', reason: invalid size (min:4 max:8)\n";
    let mut text = String::new();
    let mut reader = ImportReader::new(
        refused.as_bytes(),
        Format::QemuMemoryRegion,
        Options::default(),
    );
    reader.read_to_string(&mut text).expect("a log");
    assert!(
        text.contains("Lost 1 events.") && text.contains("reason: invalid size"),
        "{text}"
    );
}

/// What a log itself says of its gaps is in the trace.
#[test]
fn losses_that_logs_tell_are_losses() {
    let line = "t-1 [001] ..... 5.5: kvm_mmio: mmio write len 4 gpa 0xfebc0100 val 0x2\n";
    for (gap, count) in [
        ("# entries-in-buffer/entries-written: 21/30   #P:2\n", 9),
        ("CPU:1 [LOST 52 EVENTS]\n", 52),
        ("CPU:0 [7 EVENTS DROPPED]\n", 7),
        ("CPU:0 [EVENTS DROPPED]\n", 1),
        ("# entries-in-buffer/entries-written: 21/21   #P:2\n", 0),
    ] {
        for log in [format!("{gap}{line}"), format!("{line}{gap}")] {
            let mut text = String::new();
            let mut reader = ImportReader::new(log.as_bytes(), Format::Ftrace, Options::default());
            reader.read_to_string(&mut text).expect("a log");
            let counts = reader.counts().expect("the end");
            assert_eq!((counts.lost, counts.unrelated), (count, 0), "{gap}");
            assert_eq!(
                text.contains(&format!("Lost {count} events.")),
                count > 0,
                "{text}"
            );
            assert!(!text.contains("MARK 0.000000 import"), "{text}");
        }
    }
}

/// A log of another tool is not an empty trace.
#[test]
fn a_foreign_log_is_an_error_with_a_hint() {
    let log = "[    0.000000] Linux version\n[    0.000000] Command line:\n";
    let mut reader = ImportReader::new(log.as_bytes(), Format::Ftrace, Options::default());
    let error = reader
        .read_to_string(&mut String::new())
        .expect_err("nothing of ftrace in it");
    assert!(
        error.to_string().contains("not one of its 2 lines"),
        "{error}"
    );
    assert!(error.to_string().contains("--from"), "{error}");
}

/// A text that somebody wrote may look like an event.
#[test]
fn a_text_that_looks_like_an_event_is_a_text() {
    let log = "t-1 [001] ..... 5.1: tracing_mark_write: kvm_mmio: mmio write len 4 gpa 0x1 val 0x2\n\
               t-1 [001] ..... 5.2: kvm_mmio: mmio write len 4 gpa 0xfebc0100 val 0x2\n";
    let mut text = String::new();
    ImportReader::new(log.as_bytes(), Format::Ftrace, Options::default())
        .read_to_string(&mut text)
        .expect("a log");
    assert_eq!(text.matches("\nW ").count(), 1, "{text}");
    assert!(
        text.contains("MARK 5.100000 kvm_mmio: mmio write"),
        "{text}"
    );
}
