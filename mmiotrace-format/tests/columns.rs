//! Columns looked at alone are the fields of the record.
#![allow(clippy::unwrap_used, missing_docs)]

mod traces;

use mmiotrace_core::{Event, EventKind, MapId, PhysAddr, Width};
use mmiotrace_format::{Columns, Layout, Line, LineKind, Position, Record};
use proptest::prelude::*;

/// What the columns of an event's line must be.
fn expected(event: &Event) -> (Option<Width>, Option<MapId>, Option<PhysAddr>, Option<u64>) {
    match &event.kind {
        EventKind::Access(access) => (
            Some(access.width),
            Some(access.map_id),
            Some(access.phys),
            access.value.unwrap().to_u64(),
        ),
        EventKind::UnknownOpcode(unknown) => (None, Some(unknown.map_id), Some(unknown.phys), None),
        EventKind::Map(mapping) => (None, Some(mapping.id), Some(mapping.phys), None),
        EventKind::Unmap(id) => (None, Some(*id), None, None),
        _ => (None, None, None, None),
    }
}

/// Whether the line parses; then all its columns are right, also with more lines behind it.
fn compare(bytes: &[u8], layout: &mut Layout) -> bool {
    let line = Line::new(bytes, Position::START);
    let Ok(Record::Event(event)) = line.parse() else {
        return false;
    };
    let more = [bytes, b"W 8 9.999999 9 0x9999 0x9 0x9 9\n"].concat();
    for columns in [line.columns(), Columns::new(&more)] {
        let got = (
            columns.width(),
            columns.map_id(),
            columns.phys(),
            columns.value(),
        );
        assert_eq!(got, expected(&event), "{}", bytes.escape_ascii());
        let known = layout.phys(&more);
        assert!(
            known.is_none() || known == columns.phys(),
            "{}",
            bytes.escape_ascii()
        );
        assert_eq!(columns.time(), Some(event.time));
        assert_eq!(
            (columns.pc(), columns.pid()),
            (Some(event.pc), Some(event.pid))
        );
        if let EventKind::Map(mapping) = &event.kind {
            assert_eq!(columns.virt(), Some(mapping.virt));
            assert_eq!(columns.len(), Some(mapping.len));
        }
    }
    true
}

#[test]
fn of_every_line_of_the_traces() {
    let (mut compared, mut layout) = (0, Layout::default());
    for traces::Trace { bytes: trace, .. } in traces::fixtures() {
        for line in trace.split_inclusive(|byte| *byte == b'\n') {
            compared += u64::from(compare(line, &mut layout));
        }
    }
    assert!(compared > 100_000, "{compared}");
    // It does find the kernel's lines.
    let line = b"W 4 6.719459 1 0xfebc00d8 0xffffffff 0x0 0\nW 4 6.719460 1 0xfebc00d0";
    assert_eq!(layout.phys(line), Some(PhysAddr(0xfebc_00d8)));
}

#[test]
fn of_short_lines_there_are_none_of_the_next() {
    let input = b"W 4 1.000000\nR 4 2.000000 1 0x10 0x0 0x0 0\n";
    let columns = Columns::new(input);
    assert_eq!(columns.kind(), LineKind::Write);
    assert_eq!(
        (columns.phys(), columns.map_id(), columns.value()),
        (None, None, None)
    );
}

proptest! {
    /// Whatever stands between the columns, and whatever they are: where the line parses they
    /// are its fields, with any memory of other lines.
    #[test]
    fn of_lines_by_hand(
        lines in proptest::collection::vec(
            (
                prop::sample::select(vec!["R", "W"]),
                prop::sample::select(vec!["1", "4", "8", "x"]),
                "[0-9]{1,9}\\.[0-9]{5,7}",
                "-?[0-9]{1,6}",
                "0x[0-9a-fA-F]{1,17}",
                proptest::collection::vec(prop::sample::select(vec![" ", " ", " ", "  ", "\t", ""]), 7),
            ),
            1..20,
        )
    ) {
        let mut layout = Layout::default();
        for (keyword, width, time, id, phys, blanks) in lines {
            let columns = [keyword, width, &time, &id, &phys, "0x1", "0x0"];
            let mut line = String::new();
            for (column, blank) in columns.iter().zip(&blanks) {
                line.push_str(column);
                line.push_str(blank);
            }
            line.push_str("0\n");
            compare(line.as_bytes(), &mut layout);
        }
    }
}
