//! The backend of somebody else, as the example and the page about it have it.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

#[path = "../examples/own_backend.rs"]
mod example;

use mmiotrace_analysis::{BackendName, Capture, Checker};
use mmiotrace_format::{Reader, Record};

#[test]
fn own_backend_trace_is_complete_and_reads_back() {
    let mut text = Vec::new();
    let live = example::capture(&mut text).unwrap();
    assert!(live.complete, "{:?}", live.findings);

    let mut checker = Checker::new();
    let mut reader = Reader::new(text.as_slice());
    let mut accesses = Vec::new();
    while let Some(line) = reader.next_line().unwrap() {
        checker.line(&line);
        if let Ok(Record::Event(event)) = line.parse() {
            accesses.extend(event.as_access().copied());
        }
    }
    let read_back = checker.finish();
    assert!(read_back.complete, "{:?}", read_back.findings);
    assert_eq!(read_back.records, live.records);
    let named = Capture::Named(BackendName::new(b"analyser").unwrap());
    let by = [live.capture, read_back.capture];
    assert_eq!(by, [named; 2], "as it announced itself");

    // Against the lines that the analyser has printed.
    let printed = accesses.iter().map(|access| {
        let verb = match access.kind {
            mmiotrace_core::AccessKind::Read => "get",
            mmiotrace_core::AccessKind::Write => "put",
        };
        let value = access.value.and_then(|value| value.to_u64()).unwrap();
        format!("{verb} {:x} {value:x}", access.phys.0)
    });
    assert_eq!(printed.collect::<Vec<_>>(), example::LINES[1..]);
}

/// By the name that it announces, if nothing was captured either.
#[test]
fn backends_are_known_by_their_names() {
    use mmiotrace_capture::{kmod, tracefs};
    use mmiotrace_core::CaptureBackend;
    let kmod = kmod::Kmod::new(kmod::Options::new());
    let tracefs = tracefs::Tracefs::new(tracefs::Options::new());
    for (name, capture) in [
        (kmod.name(), Capture::Kmod),
        (tracefs.name(), Capture::Kernel),
        ("process", Capture::Process),
        (
            "analyser",
            Capture::Named(BackendName::new(b"analyser").unwrap()),
        ),
    ] {
        let mut writer = mmiotrace_format::Writer::capture(Vec::new(), name);
        writer.end().unwrap();
        let text = writer.into_inner().unwrap();
        let (mut checker, mut reader) = (Checker::new(), Reader::new(text.as_slice()));
        while let Some(line) = reader.next_line().unwrap() {
            checker.line(&line);
        }
        let verdict = checker.finish();
        assert_eq!(verdict.capture, capture, "{name}");
        assert_eq!((verdict.first_time, verdict.last_time), (None, None));
    }
}

#[test]
fn the_page_shows_the_code_that_runs() {
    let page = include_str!("../../docs/own-backend.md");
    let code = page.split("```rust\n").nth(1).unwrap();
    let code = code.split("\n```").next().unwrap();
    assert!(code.lines().count() <= 40, "{}", code.lines().count());
    assert!(include_str!("../examples/own_backend.rs").contains(code));
}
