//! What is wrong with a line, and where.
#![allow(clippy::unwrap_used, missing_docs)]

use mmiotrace_format::ParseErrorKind::{InvalidField, LineTooLong, MissingField, TrailingBytes};
use mmiotrace_format::{Block, Error, Field, ParseErrorKind, Position, Reader, Record};

/// A line between two good ones; the fault is that many bytes into it.
#[track_caller]
fn t(line: &str, kind: ParseErrorKind, column: u64) {
    let good = "MARK 1.000000 good\n";
    let trace = format!("{good}{line}\n{good}");
    let records: Vec<_> = Block::new(trace.as_bytes()).records().collect();
    assert_eq!(records.len(), 3, "{line}");
    assert!(
        matches!(records[0], Ok(Record::Marker(_))) && matches!(records[2], Ok(Record::Marker(_)))
    );
    let error = records[1].unwrap_err();
    assert_eq!(
        (error.kind(), u64::from(error.column())),
        (kind, column),
        "{line}"
    );
    let start = good.len() as u64;
    assert_eq!(error.position(), Position::new(2, start + column));
    assert_eq!(error.line_start(), Position::new(2, start));
}

#[test]
fn accesses() {
    t(
        "R 3 6.063646 1 0xfebc0008 0x0 0x0 0",
        InvalidField(Field::Width),
        2,
    );
    t(
        "R 16 6.063646 1 0xfebc0008 0x0 0x0 0",
        InvalidField(Field::Width),
        2,
    );
    t(
        "W x 6.063646 1 0xfebc0008 0x0 0x0 0",
        InvalidField(Field::Width),
        2,
    );
    t(
        "W 4 6.06364 1 0xfebc0008 0x0 0x0 0",
        InvalidField(Field::Time),
        4,
    );
    t(
        "W 4 6,063646 1 0xfebc0008 0x0 0x0 0",
        InvalidField(Field::Time),
        4,
    );
    t(
        "W 4 18446744074.000000 1 0xfebc0008 0x0 0x0 0",
        InvalidField(Field::Time),
        4,
    );
    t(
        "W 4 6.063646 +1 0xfebc0008 0x0 0x0 0",
        InvalidField(Field::MapId),
        13,
    );
    t(
        "W 4 6.063646 2147483648 0xfebc0008 0x0 0x0 0",
        InvalidField(Field::MapId),
        13,
    );
    t(
        "W 4 6.063646 1 febc0008 0x0 0x0 0",
        InvalidField(Field::Phys),
        15,
    );
    t("W 4 6.063646 1 0x 0x0 0x0 0", InvalidField(Field::Phys), 15);
    t(
        "W 4 6.063646 1 0xfebc0008 0x10000000000000000 0x0 0",
        InvalidField(Field::Value),
        26,
    );
    t(
        "W 4 6.063646 1 0xfebc0008 0x1g 0x0 0",
        InvalidField(Field::Value),
        26,
    );
    t(
        "W 4 6.063646 1 0xfebc0008 0x1 0x0",
        MissingField(Field::Pid),
        33,
    );
    t(
        "W 4 6.063646 1 0xfebc0008 0x1 -1 0",
        InvalidField(Field::Pc),
        30,
    );
    t(
        "W 4 6.063646 1 0xfebc0008 0x1 0x0 0x0",
        InvalidField(Field::Pid),
        34,
    );
    t("W 4 6.063646 1 0xfebc0008 0x1 0x0 0 0", TrailingBytes, 36);
    t(
        "R 4 6.063646 1 0xfebc0008 0x1 0x0 0R 4 6.063646",
        InvalidField(Field::Pid),
        34,
    );
    t("R ", MissingField(Field::Width), 2);
    t("W", MissingField(Field::Width), 1);
}

#[test]
fn other_records() {
    t(
        "MAP 6.060175 1 0xfebc0000 0xffa0000000500000 20000 0x0 0",
        InvalidField(Field::Len),
        45,
    );
    t("MAP 6.060175 1 0xfebc0000", MissingField(Field::Virt), 25);
    t("UNMAP 6.060175 0x1 0x0 0", InvalidField(Field::MapId), 15);
    t(
        "UNKNOWN 6.060175 1 0xfebc0000 f3,a5 0x0 0",
        InvalidField(Field::Code),
        30,
    );
    t(
        "UNKNOWN 6.060175 1 0xfebc0000 f3,a5,4g 0x0 0",
        InvalidField(Field::Code),
        30,
    );
    t("MARK text without time", InvalidField(Field::Time), 5);
    t("MARK 1 text", InvalidField(Field::Time), 5);
    t("MARK", MissingField(Field::Time), 4);
    t("VERSION", MissingField(Field::Version), 7);
    t("VERSION 20070824 beta", TrailingBytes, 17);
}

#[test]
fn pci_devices() {
    t(
        "PCIDEV 0000:28 8086100e a",
        InvalidField(Field::BusDevfn),
        7,
    );
    t("PCIDEV 0028 8086 a", InvalidField(Field::PciId), 12);
    t(
        "PCIDEV 0028 8086100e 100000000 0",
        InvalidField(Field::Irq),
        21,
    );
    t(
        "PCIDEV 0028 8086100e a 1 2 0x3 4 5 6 7 1 2 3 4 5 6 7 x",
        InvalidField(Field::BarStart(2)),
        27,
    );
    t(
        "PCIDEV 0028 8086100e a 1 2 3 4 5 6 7 1 2 3 4 5 6",
        MissingField(Field::BarLen(6)),
        48,
    );
}

#[test]
fn an_error_says_where_and_what() {
    let trace = b"VERSION 20070824\nW 4 6.063646 1 oops 0x0 0x0 0\n";
    let error = Block::new(trace).records().find_map(Result::err).unwrap();
    assert_eq!(
        error.to_string(),
        "line 2, byte 32: invalid physical address"
    );
    assert_eq!(error.field(), Some(Field::Phys));
}

#[test]
fn a_line_over_the_limit_is_one_error() {
    let long = "x".repeat(100);
    for (limit, over) in [(99, true), (100, false)] {
        let trace = format!("one\n{long}\ntwo\n{long}");
        let mut reader = Reader::<&[u8]>::builder()
            .max_line_len(limit)
            .from_reader(trace.as_bytes());
        let mut seen = Vec::new();
        loop {
            match reader.next_line() {
                Ok(None) => break,
                Ok(Some(line)) => seen.push((line.position(), None)),
                Err(Error::Parse(error)) => seen.push((error.position(), Some(error.kind()))),
                Err(error) => panic!("{error}"),
            }
        }
        let error = over.then_some(LineTooLong { limit });
        let expected = [
            (Position::new(1, 0), None),
            (Position::new(2, 4), error),
            (Position::new(3, 105), None),
            (Position::new(4, 109), error),
        ];
        assert_eq!(seen, expected);
        assert_eq!(reader.position(), Position::new(4, 209));
    }
}
