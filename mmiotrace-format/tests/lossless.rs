//! Nothing in any trace is lost or changed by reading and writing.
#![allow(clippy::unwrap_used, missing_docs)]

mod traces;

use mmiotrace_format::{ParseError, Reader, Writer};
use traces::Trace;

/// The lines that do not parse, in all traces, by name and number: each is a marker's tail that
/// looks like a record and has not the kernel's form.
const MALFORMED: [(&str, u64); 1] = [("markers-6.1.mmiotrace.xz", 13)];

fn copy_lines(trace: &Trace) -> Vec<u8> {
    let mut reader = Reader::new(&trace.bytes[..]);
    let mut writer = Writer::new(Vec::new());
    while let Some(line) = reader.next_line().unwrap() {
        writer.write_line(&line).unwrap();
    }
    assert_eq!(
        reader.position().byte(),
        trace.bytes.len() as u64,
        "{}",
        trace.name
    );
    writer.into_inner().unwrap()
}

/// Parses every line and writes the record; where a line does not parse, writes the line.
fn rewrite_records(trace: &Trace) -> (Vec<u8>, Vec<ParseError>) {
    let mut reader = Reader::new(&trace.bytes[..]);
    let mut writer = Writer::new(Vec::new());
    let mut errors = Vec::new();
    while let Some(line) = reader.next_line().unwrap() {
        match line.parse() {
            Ok(record) => writer.write_record(&record).unwrap(),
            Err(error) => {
                errors.push(error);
                writer.write_line(&line).unwrap();
            }
        }
    }
    (writer.into_inner().unwrap(), errors)
}

fn check(trace: &Trace) {
    assert!(
        copy_lines(trace) == trace.bytes,
        "lines of {} differ",
        trace.name
    );
    let (mut rewritten, errors) = rewrite_records(trace);
    if !trace.bytes.ends_with(b"\n") {
        // A record is always written with its newline; the trace was cut before it.
        rewritten.pop();
    }
    if rewritten != trace.bytes {
        let (ours, theirs) = (
            rewritten.split(|b| *b == b'\n'),
            trace.bytes.split(|b| *b == b'\n'),
        );
        let (ours, theirs) = ours.zip(theirs).find(|(a, b)| a != b).unwrap_or_default();
        let (ours, theirs) = (
            String::from_utf8_lossy(ours),
            String::from_utf8_lossy(theirs),
        );
        panic!("{}: {theirs:?} came back as {ours:?}", trace.name);
    }
    let expected = MALFORMED
        .iter()
        .filter(|(name, _)| *name == trace.name)
        .map(|(_, line)| *line);
    let found = errors.iter().map(|error| error.position().line());
    assert!(
        found.clone().eq(expected),
        "{}: {:?}",
        trace.name,
        found.collect::<Vec<_>>()
    );
}

#[test]
fn shipped_traces_come_back_the_same() {
    traces::fixtures().iter().for_each(check);
}

#[test]
fn large_traces_come_back_the_same() {
    traces::large("large_traces_come_back_the_same")
        .iter()
        .for_each(check);
}
