//! Nothing is lost by reading and writing.

use crate::items::Items;
use mmiotrace_format::{Block, Line, Reader, Record, Writer};

/// Reads `data` and writes it, by lines, by records and by events.
///
/// # Panics
/// Where bytes, records or events do not come back.
pub fn format_roundtrip(data: &[u8]) {
    by_lines(data);
    for line in Block::new(data).lines().flatten() {
        if let Ok(record) = line.parse() {
            by_record(&line, &record);
        }
    }
    by_events(data);
}

fn by_lines(data: &[u8]) {
    let (mut reader, mut writer) = (Reader::new(data), Writer::new(Vec::new()));
    while let Ok(Some(line)) = reader.next_line() {
        let written = writer.write_line(&line);
        assert!(written.is_ok());
    }
    assert_eq!(writer.into_inner().ok().as_deref(), Some(data));
}

fn by_record(line: &Line<'_>, record: &Record<'_>) {
    let mut writer = Writer::new(Vec::new());
    assert!(writer.write_record(record).is_ok());
    let written = writer.into_inner().unwrap_or_default();
    let again = Line::new(&written, line.position()).parse();
    match (record, again) {
        // A record is written with the time in microseconds.
        (Record::Marker(before), Ok(Record::Marker(after))) => {
            assert_eq!(before.text, after.text);
            assert_eq!(before.time.as_micros_rounded(), after.time.as_micros_rounded());
        }
        (Record::Lost(before), Ok(Record::Lost(after))) => assert_eq!(before.count, after.count),
        (before, after) => assert_eq!(Ok(*before), after),
    }
    // What was written once is written the same again.
    let mut writer = Writer::new(Vec::new());
    if let Ok(again) = again {
        assert!(writer.write_record(&again).is_ok());
    }
    assert_eq!(writer.into_inner().unwrap_or_default(), written);
}

fn by_events(data: &[u8]) {
    let items = Items::lifted(data).rounded();
    let written = items.written();
    let again = Items::lifted(&written);
    assert_eq!(again, items, "{}", String::from_utf8_lossy(&written));
    assert_eq!(again.written(), written);
}
