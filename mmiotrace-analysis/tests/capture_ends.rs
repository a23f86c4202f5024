//! Captures that promise an end, copies of them, and annotations that are damaged.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use core::convert::Infallible;
use mmiotrace_analysis::merge::{Merge, Shift};
use mmiotrace_analysis::{BackendName, Capture, Filter, FindingKind, Verdict};
use mmiotrace_core::{
    Access, AccessKind, Blind, BlindEdge, BlindReason, Code, Event, EventKind, EventSink, MapId,
    Mapping, Marker, PhysAddr, Timestamp, Value, VirtAddr, Width,
};
use mmiotrace_format::{Reader, Writer};
use support::check;

const AT: Timestamp = Timestamp::from_nanos(2_000_000_000);

/// A capture as its recorder writes it: mappings, narrow and wide accesses, a marker.
fn capture(backend: &str) -> String {
    let mut writer = Writer::capture(Vec::new(), backend);
    writer.line(b"VERSION 20070824");
    let mapping = Mapping {
        id: MapId(1),
        phys: PhysAddr(0xfebc_0000),
        virt: VirtAddr(0x7f00_0000_0000),
        len: 0x1000,
    };
    writer.event(&Event::new(AT, EventKind::Map(mapping)).with_seq(0));
    for seq in 1..40 {
        let bytes: Vec<u8> = (0..if seq == 7 { 16 } else { 4 }).collect();
        let value = Value::from_le_bytes(&bytes).unwrap();
        let access = Access {
            kind: AccessKind::Write,
            width: value.width(),
            map_id: MapId(1),
            phys: PhysAddr(0xfebc_0010),
            value: Some(value),
        };
        let event = Event::new(AT, EventKind::Access(access));
        writer.event(&event.with_seq(seq).with_pid(7));
    }
    writer.marker(&Marker {
        time: AT,
        text: b"ready\nmmiotrace1 not an annotation",
    });
    writer.end().unwrap();
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

fn kinds(verdict: &Verdict) -> Vec<FindingKind> {
    verdict.findings.iter().map(|found| found.kind).collect()
}

#[test]
fn a_whole_capture_is_complete() {
    let verdict = check(capture("process").as_bytes());
    assert_eq!(kinds(&verdict), []);
    assert!(verdict.complete);
    // One after the other in one file.
    let twice = capture("process") + &capture("kmod");
    let verdict = check(twice.as_bytes());
    assert!(verdict.complete, "{:?}", verdict.findings);
}

/// The cut that nobody could see: at the end of a line.
#[test]
fn a_capture_cut_at_any_line_is_truncated() {
    let text = capture("process");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for len in 2..lines.len() {
        let verdict = check(lines[..len].concat().as_bytes());
        assert!(!verdict.complete, "{len} lines");
        let is_told = kinds(&verdict).contains(&FindingKind::TruncatedEnd);
        assert!(is_told, "{len} lines: {:?}", verdict.findings);
    }
    let cut = lines[..9].concat() + &capture("process");
    let verdict = check(cut.as_bytes());
    let told = verdict
        .findings
        .iter()
        .find(|found| found.kind == FindingKind::TruncatedEnd);
    assert_eq!(
        told.map(|found| found.line),
        Some(9),
        "another one follows it"
    );
}

#[test]
fn a_line_taken_out_or_changed_is_noticed() {
    let text = capture("process");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for out in 0..lines.len() - 1 {
        let mut rest = lines.clone();
        rest.remove(out);
        let verdict = check(rest.concat().as_bytes());
        assert!(!verdict.complete, "without {}", lines[out]);
    }
    let changed = text.replacen("0x3020100", "0x3020101", 1);
    let verdict = check(changed.as_bytes());
    assert_eq!(kinds(&verdict), [FindingKind::TruncatedEnd]);
    assert!(verdict.findings[0].text.contains("checksum"));
    let after = text + "R 4 2.500000 1 0xfebc0010 0x0 0x0 7\n";
    assert_eq!(
        kinds(&check(after.as_bytes())),
        [FindingKind::DamagedAnnotation]
    );
}

#[test]
fn a_copy_says_that_it_is_one() {
    let text = capture("process");
    let mut filter = Filter::new();
    filter
        .kinds("map,write,mark".parse().unwrap())
        .width(Width::W4);
    let by_kind = {
        let mut filter = Filter::new();
        filter.kinds("map,write,unmap".parse().unwrap());
        filter
    };
    let from_mark = {
        let mut filter = Filter::new();
        filter.from_mark("ready").unwrap().context(true);
        filter
    };
    for filter in [filter, by_kind, from_mark] {
        let (mut selector, mut kept) = (filter.selector(), Vec::new());
        let mut reader = Reader::new(text.as_bytes());
        while let Some(block) = reader.next_block().unwrap() {
            let keep = |line: &[u8]| {
                kept.extend_from_slice(line);
                Ok::<(), Infallible>(())
            };
            selector.select_block(&block, keep, |_| {}).unwrap();
        }
        let kept = String::from_utf8(kept).unwrap();
        let says = "MARK 0.000000 mmiotrace1 derived by=filter\n";
        assert_eq!(kept.matches(says).count(), 1, "{kept}");
        let verdict = check(kept.as_bytes());
        let found = kinds(&verdict);
        assert!(found.contains(&FindingKind::DerivedTrace), "{found:?}");
        assert!(!found.contains(&FindingKind::TruncatedEnd), "{found:?}");
        assert!(
            !found.contains(&FindingKind::DamagedAnnotation),
            "{found:?}"
        );
    }
}

fn merged(sources: &[(&str, &str)]) -> String {
    let mut merge = Merge::new();
    for (name, text) in sources {
        merge.add(name, Shift::default(), text.as_bytes());
    }
    let mut out = Vec::new();
    while merge.next(&mut out).unwrap() {}
    String::from_utf8(out).unwrap()
}

#[test]
fn merged_captures_have_an_end_each() {
    let (whole, other) = (capture("process"), capture("kmod"));
    let text = merged(&[("a", &whole), ("b", &other)]);
    assert_eq!(
        text.matches("mmiotrace1 derived by=merge\n").count(),
        1,
        "{text}"
    );
    let verdict = check(text.as_bytes());
    assert_eq!(kinds(&verdict), [FindingKind::DerivedTrace]);
    assert!(verdict.complete);
    let captures: Vec<_> = verdict
        .sources
        .iter()
        .map(|source| source.capture)
        .collect();
    assert_eq!(captures, [Capture::Process, Capture::Kmod]);
    // Merged again, it says so once more or still.
    let again = merged(&[("ab", &text), ("c", &whole)]);
    assert!(check(again.as_bytes()).complete, "{again}");
    let at = other.trim_end().rfind('\n').unwrap() + 1;
    let text = merged(&[("a", &whole), ("b", &other[..at])]);
    let verdict = check(text.as_bytes());
    assert!(
        kinds(&verdict).contains(&FindingKind::TruncatedEnd),
        "{text}"
    );
    // Without a promise nothing is said.
    let plain = "VERSION 20070824\nMARK 1.000000 a\n";
    assert!(!merged(&[("a", plain), ("b", plain)]).contains("derived"));
}

#[test]
fn a_backend_is_named_as_it_announces_itself() {
    let named = |name: &[u8]| Capture::Named(BackendName::new(name).unwrap());
    for (name, expected) in [
        ("process", Capture::Process),
        ("kmod", Capture::Kmod),
        ("tracefs", Capture::Kernel),
        ("replay", Capture::Replay),
        ("analyser-2", named(b"analyser-2")),
        ("unknown", Capture::Unknown),
    ] {
        let verdict = check(capture(name).as_bytes());
        assert_eq!(
            (verdict.capture, verdict.complete),
            (expected, true),
            "{name}"
        );
    }
    assert_eq!(BackendName::new(b"a b"), None);
    assert!(named(b"x").to_string().contains("backend x"));
}

const HEAD: &str = "VERSION 20070824\nMAP 1.000000 1 0xfebc0000 0xffa0000000500000 0x20000 0x0 0\n";
const READ: &str = "R 4 2.000000 1 0xfebc0008 0x80080783 0x0 0\n";
const TAIL: &str = "R 4 8.000000 1 0xfebc0008 0x80080783 0x0 0\nUNMAP 9.000000 1 0x0 0\n";

/// What is damaged by itself.
#[test]
fn damaged_annotations_are_findings() {
    for text in [
        "",
        "wider n=4",
        "lost n=7x",
        "lost n=99999999999999999999999",
        "blind begin page=0xfea0000g reason=budget",
        "wide n=256 width=8",
        "seq seq=0x7",
        "seq",
        "cpu cpu=one",
        "value known",
        "lines n=-1",
        "untraced",
        "capture",
        "end events=1",
    ] {
        let trace = format!("{HEAD}MARK 2.000000 mmiotrace1 {text}\n{TAIL}");
        let verdict = check(trace.as_bytes());
        assert!(!verdict.complete, "{text}");
        assert_eq!(kinds(&verdict), [FindingKind::DamagedAnnotation], "{text}");
        assert_eq!(
            (verdict.findings[0].line, verdict.findings[0].count),
            (3, 1)
        );
    }
}

/// What does not fit the records after it.
#[test]
fn annotations_without_their_records_are_findings() {
    let piece = "W 8 2.000000 1 0xfebc0010 0x1 0x0 0\n";
    for lines in [
        format!("wide n=4 width=32\n{piece}"),
        format!("value unknown width=4 kind=read\n{READ}"),
        "blind end page=0xfebc0000 reason=budget\n".to_owned(),
        format!("lines n=3\nMARK 2.000000 one\n{READ}"),
    ] {
        let trace = format!("{HEAD}MARK 2.000000 mmiotrace1 {lines}{TAIL}");
        let verdict = check(trace.as_bytes());
        assert!(!verdict.complete, "{lines}");
        assert_eq!(kinds(&verdict), [FindingKind::DamagedAnnotation], "{lines}");
    }
    // At the very end.
    let trace = format!("{HEAD}{TAIL}MARK 9.000000 mmiotrace1 wide n=2 width=16\n");
    assert_eq!(
        kinds(&check(trace.as_bytes())),
        [FindingKind::DamagedAnnotation]
    );
    // A marker that only looks like an annotation is none, if the line before says so.
    let trace = format!(
        "{HEAD}MARK 2.000000 mmiotrace1 lines n=1\nMARK 2.000000 mmiotrace1 lost n=7x\n{TAIL}"
    );
    assert_eq!(kinds(&check(trace.as_bytes())), []);
}

#[test]
fn what_could_not_be_traced_is_a_finding() {
    let lines = "MARK 2.000000 mmiotrace1 untraced reason=child text=/usr/bin/env -i true\n\
                 MARK 2.100000 mmiotrace1 untraced reason=io-uring\n\
                 MARK 2.200000 mmiotrace1 untraced reason=io-uring\n";
    let verdict = check([HEAD, lines, TAIL].concat().as_bytes());
    assert!(!verdict.complete);
    let found: Vec<_> = verdict
        .findings
        .iter()
        .map(|found| (found.kind, found.line, found.count))
        .collect();
    let untraced = FindingKind::UntracedAccess;
    assert_eq!(found, [(untraced, 3, 1), (untraced, 4, 2)]);
    assert!(verdict.findings[0].text.contains("/usr/bin/env -i true"));
}

/// The live way to a verdict sees the same annotations.
#[test]
fn a_live_verdict_names_the_backend() {
    let mut checker = mmiotrace_analysis::Checker::new();
    checker.marker(&Marker {
        time: Timestamp::ZERO,
        text: b"mmiotrace1 capture backend=replay",
    });
    checker.blind(&Blind {
        time: AT,
        edge: BlindEdge::End,
        page: PhysAddr(0),
        reason: BlindReason::new("budget").unwrap(),
        code: Code::EMPTY,
    });
    let verdict = checker.finish();
    assert_eq!(verdict.capture, Capture::Replay);
    assert!(kinds(&verdict).contains(&FindingKind::DamagedAnnotation));
}

/// cases/r90: ftrace's line comes before the tracer's, of the same loss.
#[test]
fn case_r90_counts_each_loss_once() {
    let case = include_bytes!("../../fixtures/cases/r90/cpu-line-first.mmiotrace");
    let verdict = check(case);
    assert_eq!(verdict.lost_events, 37);
    let lost = verdict
        .findings
        .iter()
        .find(|found| found.kind == FindingKind::LostEvents);
    assert_eq!(lost.map(|found| (found.line, found.count)), Some((8, 37)));
}
