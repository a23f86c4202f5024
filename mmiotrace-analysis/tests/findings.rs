//! Every kind of finding, each from lines that have it and not from lines that nearly do.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use mmiotrace_analysis::{BackendName, Capture, Checker, Finding, FindingKind};
use mmiotrace_core::{
    Access, AccessKind, Event, EventKind, EventSink, Loss, MapId, Mapping, Marker, PhysAddr,
    Timestamp, Value, VirtAddr, Width,
};
use mmiotrace_format::{Lifter, Reader};
use std::fs;
use std::path::Path;
use support::check;

const HEAD: &str = "VERSION 20070824\nMAP 1.000000 1 0xfebc0000 0xffa0000000500000 0x20000 0x0 0\n";
const ACCESS: &str = "R 4 1.500000 1 0xfebc0008 0x80080783 0x0 0\n";
const TAIL: &str = "UNMAP 9.000000 1 0x0 0\n";

/// What is found in a clean trace with these lines in the middle: they begin at line 4.
fn found(lines: &str) -> Vec<(FindingKind, u64, u64)> {
    let verdict = check([HEAD, ACCESS, lines, TAIL].concat().as_bytes());
    let incomplete = verdict
        .findings
        .iter()
        .any(|finding| finding.kind.makes_incomplete());
    assert_eq!(verdict.complete, !incomplete);
    for Finding { text, advice, .. } in &verdict.findings {
        assert!(!text.is_empty() && !advice.is_empty());
    }
    verdict
        .findings
        .iter()
        .map(|finding| (finding.kind, finding.line, finding.count))
        .collect()
}

#[test]
fn a_clean_trace() {
    assert_eq!(found(""), []);
}

#[test]
fn accesses_that_are_not_whole() {
    use FindingKind::{SuspiciousValue, UnknownOpcode};
    let unknown = "UNKNOWN 2.000000 1 0xfebc0000 f3,a5,48 0x0 0\n";
    assert_eq!(found(&unknown.repeat(3)), [(UnknownOpcode, 4, 3)]);
    let other = unknown.replace("48", "49");
    assert_eq!(
        found(&[unknown, &other].concat()),
        [(UnknownOpcode, 4, 1), (UnknownOpcode, 5, 1)]
    );
    let value = "MARK 2.000000 mmiotrace1 value unknown width=4 kind=read code=f00107\n";
    assert_eq!(found(&[value, unknown].concat()), [(UnknownOpcode, 5, 1)]);
    for access in [
        "R 1 2.000000 1 0xfebc0000 0xffffff88",
        "W 4 2.000000 1 0xfebc0000 0x1ac7c7487eadbeef",
    ] {
        assert_eq!(
            found(&format!("{access} 0x0 0\n")),
            [(SuspiciousValue, 4, 1)]
        );
    }
    assert_eq!(
        found("R 8 2.000000 1 0xfebc0000 0xffffffffffffff88 0x0 0\n"),
        []
    );
}

#[test]
fn addresses_that_are_not_mapped() {
    use FindingKind::{NoMaps, Premapped, UnmappedAccess};
    assert_eq!(
        found("R 4 2.000000 2 0xfebc0008 0x0 0x0 0\n"),
        [(UnmappedAccess, 4, 1)]
    );
    assert_eq!(
        found("R 4 2.000000 1 0xfebe0000 0x0 0x0 0\n"),
        [(UnmappedAccess, 4, 1)]
    );
    assert_eq!(found("R 4 2.000000 1 0xfebdfffc 0x0 0x0 0\n"), []);
    assert_eq!(found("UNMAP 2.000000 7 0x0 0\n"), [(UnmappedAccess, 4, 1)]);
    assert_eq!(
        found("UNMAP 2.000000 -1 0x0 0\nUNMAP 2.000000 -1 0x0 0\n"),
        [(Premapped, 4, 2)]
    );
    let without = check(format!("VERSION 20070824\n{}", ACCESS.repeat(5)).as_bytes());
    assert!(without.complete);
    assert_eq!(
        (without.findings[0].kind, without.findings[0].count),
        (NoMaps, 5)
    );
}

#[test]
fn ranges_that_the_kernel_misses() {
    use FindingKind::UntracedRange;
    let map = |fields: &str| format!("MAP 2.000000 2 {fields} 0x0 0\nUNMAP 3.000000 2 0x0 0\n");
    assert_eq!(
        found(&map("0xfd000123 0xffa0000000075123 0x10")),
        [(UntracedRange, 4, 1)]
    );
    assert_eq!(
        found(&map("0xfd000000 0xffa0000002400000 0x3e8000")),
        [(UntracedRange, 4, 1)]
    );
    assert_eq!(found(&map("0xfd000000 0xffa0000002400000 0x400000")), []);
    // Not by our own captures, which tell the thread.
    let ours =
        map("0xfd000123 0xffa0000000075123 0x10") + "R 4 4.000000 1 0xfebc0008 0x0 0x0 812\n";
    assert_eq!(found(&ours), []);
}

/// The bytes of an instruction are asked for where there was one.
#[test]
fn advice_fits_why_a_page_was_blind() {
    let advice = |reason: &str, code: &str| {
        let line = format!(
            "MARK 2.000000 mmiotrace1 blind begin page=0xfebc0000 reason={reason} code={code}\n"
        );
        let verdict = check([HEAD, ACCESS, &line, TAIL].concat().as_bytes());
        assert!(!verdict.complete);
        verdict.findings[0].advice.clone()
    };
    assert!(advice("no-base", "0f0bc3").contains("report the instruction bytes"));
    assert!(!advice("not-shared", "").contains("instruction"));
    assert!(advice("seen-late", "").contains("before it was found"));
}

#[test]
fn what_captures_tell_of_themselves() {
    use FindingKind::{BlindInterval, LostEvents, SequenceGap};
    let blind = "MARK 2.000000 mmiotrace1 blind begin page=0xfebc0000 reason=no-base code=0f0bc3\n\
                 MARK 2.010000 mmiotrace1 blind end page=0xfebc0000 reason=no-base code=0f0bc3\n";
    assert_eq!(
        found(&blind.repeat(2).replace("2.0", "2.")),
        [(BlindInterval, 4, 2), (FindingKind::TimeBackwards, 6, 1)]
    );
    let lost =
        "MARK 2.000000 mmiotrace1 lost n=12 seq=100-180 cpu=1\nMARK 2.000000 Lost 12 events.\n";
    assert_eq!(found(lost), [(LostEvents, 4, 12)]);
    // If an editor has taken out one of both, the other counts; and an annotation that has nothing
    // to describe is damaged.
    let (annotation, loss) = lost.split_once('\n').unwrap();
    assert_eq!(found(loss), [(LostEvents, 4, 12)]);
    let damaged = (FindingKind::DamagedAnnotation, 5, 1);
    let found_alone = found(&format!("{annotation}\n"));
    assert_eq!(found_alone, [(LostEvents, 4, 12), damaged]);
    let seq = |n: u64| {
        format!("MARK 2.000000 mmiotrace1 seq seq={n}\nR 4 2.000000 1 0xfebc0008 0x0 0x0 0\n")
    };
    assert_eq!(found(&(seq(10) + &seq(11))), []);
    assert_eq!(found(&(seq(10) + &seq(15))), [(SequenceGap, 7, 4)]);
    assert_eq!(found(&(seq(15) + &seq(10))), [(SequenceGap, 7, 1)]);
    let unordered = "MARK 2.000000 mmiotrace1 unordered\nR 4 2.000000 1 0xfebc0008 0x0 0x0 0\n";
    assert_eq!(
        found(&unordered.repeat(2)),
        [(FindingKind::UnorderedAccess, 4, 2)]
    );
    // Pieces of one access, and parts of one instruction, share a number.
    assert_eq!(found(&(seq(10) + &seq(10))), []);
    let loss = "MARK 2.000000 Lost 3 events.\n";
    assert_eq!(
        found(&(seq(10) + loss + &seq(15))),
        [(LostEvents, 6, 3), (SequenceGap, 8, 1)]
    );
    assert_eq!(
        found(&(seq(10) + &loss.replace('3', "4") + &seq(15))),
        [(LostEvents, 6, 4)]
    );
}

#[test]
fn lines_that_are_no_records() {
    use FindingKind::{ForeignLine, FusedLine, MalformedLine, NoVersion};
    assert_eq!(found("hello\n"), [(MalformedLine, 4, 1)]);
    assert_eq!(
        found("R 4 2.000000 1 0xfebc0008\n"),
        [(MalformedLine, 4, 1)]
    );
    assert_eq!(found("[LINE TOO BIG]\n"), [(MalformedLine, 4, 1)]);
    assert_eq!(found("rw what?\n"), [(MalformedLine, 4, 1)]);
    assert_eq!(found("VERSION 20080101\n"), [(MalformedLine, 4, 1)]);
    assert_eq!(
        found("\n# comment\n"),
        [(ForeignLine, 4, 1), (ForeignLine, 5, 1)]
    );
    assert_eq!(
        found("MARK 2.000000 one\ntwo\n\nthree\n"),
        [(ForeignLine, 5, 3)]
    );
    assert_eq!(
        found("MARK 2.000000 x\nR 4 3.000000 1 0xfebc0008 0x0 0x0 0\ny\n"),
        [(MalformedLine, 6, 1)]
    );
    assert_eq!(
        found("MARK 2.000000 nulMARK 2.500000 x\n"),
        [(FusedLine, 4, 1)]
    );
    let without_version = check([ACCESS, TAIL].concat().as_bytes());
    assert!(
        without_version
            .findings
            .iter()
            .any(|finding| finding.kind == NoVersion && finding.line == 0)
    );
}

/// A marker's text that looks like records: nobody can tell all of them, but these.
#[test]
fn forged_records() {
    use FindingKind::{ForeignLine, UnmappedAccess};
    assert_eq!(
        found("MARK 2.000000 x\nR 4 2.0 1 0xdead 0xbeef 0x0 0\n"),
        [(ForeignLine, 5, 1)]
    );
    assert_eq!(
        found("MARK 2.000000 x\nR 4 1.900000 1 0xdead 0xbeef 0x0 0\n"),
        [(ForeignLine, 5, 1)]
    );
    assert_eq!(
        found("MARK 2.000000 x\nR 4 2.000000 1 0xdead 0xbeef 0x0 0\n"),
        [(UnmappedAccess, 5, 1)]
    );
    // No text reaches that far.
    let far = format!(
        "MARK 2.000000 x\n{}R 4 2.0 1 0xdead 0xbeef 0x0 0\n",
        "y\n".repeat(2100)
    );
    assert!(
        found(&far)
            .iter()
            .any(|(kind, ..)| *kind == FindingKind::MalformedLine)
    );
}

#[test]
fn the_ends_of_traces() {
    use FindingKind::{NoAccesses, TruncatedEnd};
    let ends = |trace: &str| -> Vec<FindingKind> {
        check(trace.as_bytes())
            .findings
            .iter()
            .map(|finding| finding.kind)
            .collect()
    };
    assert_eq!(ends("VERSION 20070824\n"), [NoAccesses]);
    let burst: String = (0..16)
        .map(|at| format!("W 4 2.0000{at:02} 1 0xfebc0008 0x0 0x0 0\n"))
        .collect();
    let begin = [HEAD, ACCESS].concat();
    assert_eq!(ends(&format!("{begin}{burst}")), [TruncatedEnd]);
    assert_eq!(ends(&format!("{begin}{burst}{TAIL}")), []);
    assert_eq!(ends(&format!("{begin}{burst}MARK 3.000000 end\n")), []);
    let slow: String = (2..18)
        .map(|second| format!("W 4 {second}.000000 1 0xfebc0008 0x0 0x0 0\n"))
        .collect();
    assert_eq!(ends(&format!("{begin}{slow}")), []);
    assert_eq!(
        ends(&format!("{begin}{burst}{}", TAIL.trim_end())),
        [TruncatedEnd]
    );
    let mut checker = Checker::new();
    checker.cut_off();
    assert!(
        checker
            .finish()
            .findings
            .iter()
            .any(|finding| finding.kind == TruncatedEnd)
    );
}

/// The header of the file `trace` counts what follows it.
#[test]
fn entries_of_the_file_trace() {
    let header = |in_buffer: u64, written: u64| {
        format!(
            "# tracer: mmiotrace\n# entries-in-buffer/entries-written: {in_buffer}/{written}   #P:1\n"
        )
    };
    let kinds = |trace: String| -> Vec<FindingKind> {
        let verdict = check(trace.as_bytes());
        verdict
            .findings
            .iter()
            .map(|finding| finding.kind)
            .filter(|kind| kind.makes_incomplete())
            .collect()
    };
    let body = [&HEAD["VERSION 20070824\n".len()..], ACCESS, TAIL].concat();
    assert_eq!(kinds(header(3, 3) + &body), []);
    assert_eq!(kinds(header(3, 103) + &body), [FindingKind::LostEvents]);
    assert_eq!(kinds(header(4, 4) + &body), [FindingKind::TruncatedEnd]);
}

#[test]
fn who_captured() {
    let of = |lines: &str| check(lines.as_bytes()).capture;
    assert_eq!(of(HEAD), Capture::Kernel);
    assert_eq!(of("R 4 2.000000 1 0xfebc0008 0x0 0x0 812\n"), Capture::Kmod);
    let mapped = "MAP 1.000000 1 0xfebc0000 0x7f0012340000 0x20000 0x55550000 812\n";
    assert_eq!(of(mapped), Capture::Process);
    // Whoever captured nothing shows by an announcement alone who it was.
    let header = "VERSION 20070824\nPCIDEV 0018 8086100e 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 \n";
    let and = |more: &str| of(&[header, more].concat());
    assert_eq!(and(""), Capture::Unknown);
    assert_eq!(and("MARK 1.000000 by hand\n"), Capture::Unknown);
    assert_eq!(and("MARK 0.000000 Lost 5 events.\n"), Capture::Kernel);
    let announced = |name| {
        and(&format!(
            "MARK 0.000000 mmiotrace1 capture backend={name}\n"
        ))
    };
    assert_eq!(announced("kmod"), Capture::Kmod);
    assert_eq!(announced("process since=1"), Capture::Process);
    let name = BackendName::new(b"process2").unwrap();
    assert_eq!(announced("process2"), Capture::Named(name));
    let kernel = check(HEAD.as_bytes());
    assert!(kernel.not_seen.iter().any(|what| what.contains("DMA")));
    assert!(kernel.not_seen.len() > check(mapped.as_bytes()).not_seen.len());
}

/// What an import or a merge adds has no time: the trace does not begin at 0.
#[test]
fn what_has_no_time_is_not_the_first_of_all() {
    let import = "MARK 0.000000 import: of another tool\n";
    let verdict = check([HEAD, import, ACCESS, import].concat().as_bytes());
    assert_eq!(verdict.first_time, check(HEAD.as_bytes()).first_time);
    assert_eq!(verdict.last_time, check(ACCESS.as_bytes()).last_time);
    let whole = check([HEAD, import, ACCESS, import, TAIL].concat().as_bytes());
    assert_eq!(whole.findings, []);
}

#[test]
fn a_capture_instead_of_a_file() {
    let mut checker = Checker::new();
    let time = Timestamp::from_nanos(1_000_000);
    let mapping = Mapping {
        id: MapId(1),
        phys: PhysAddr(0x1000),
        virt: VirtAddr(0x7f00_0000_0000),
        len: 0x100,
    };
    let access = Access {
        kind: AccessKind::Write,
        width: Width::W4,
        map_id: MapId(1),
        phys: PhysAddr(0x1010),
        value: Value::from_u64(5, Width::W4),
    };
    EventSink::event(
        &mut checker,
        &Event::new(time, EventKind::Map(mapping)).with_seq(0),
    );
    EventSink::event(
        &mut checker,
        &Event::new(time, EventKind::Access(access)).with_seq(1),
    );
    EventSink::marker(
        &mut checker,
        &Marker {
            time,
            text: b"here",
        },
    );
    EventSink::event(
        &mut checker,
        &Event::new(time, EventKind::Access(access)).with_seq(5),
    );
    EventSink::lost(&mut checker, &Loss::new(time, 2));
    EventSink::event(
        &mut checker,
        &Event::new(time, EventKind::Unmap(MapId(1))).with_seq(6),
    );
    let verdict = checker.finish();
    let told: Vec<_> = verdict
        .findings
        .iter()
        .map(|finding| (finding.kind, finding.line, finding.count))
        .collect();
    let expected = [
        (FindingKind::NoVersion, 0, 1),
        (FindingKind::SequenceGap, 4, 1),
        (FindingKind::LostEvents, 5, 2),
    ];
    assert_eq!(told, expected);
    assert_eq!(
        (
            verdict.capture,
            verdict.lost_events,
            verdict.records.accesses()
        ),
        (Capture::Process, 2, 2)
    );
}

/// The lifter and the sink are another way through the same trace, and come to the same verdict.
#[test]
fn lifted_events_have_the_same_verdict() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/traces");
    let mut compared = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_none_or(|extension| extension != "mmiotrace")
        {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let (mut lifter, mut checker, mut reader) =
            (Lifter::new(), Checker::new(), Reader::new(&bytes[..]));
        while let Some(record) = reader.next_record().unwrap() {
            lifter.push(&record, &mut checker);
        }
        lifter.finish(&mut checker);
        assert_eq!(checker.finish(), check(&bytes), "{}", path.display());
        compared += 1;
    }
    assert!(compared > 30, "{compared}");
}
