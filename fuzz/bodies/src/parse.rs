//! The parser takes any bytes, and its fast and lazy ways agree with its careful one.

use crate::items::Items;
use mmiotrace_core::{Event, EventKind};
use mmiotrace_format::{
    Annotation, Block, Field, Line, LineKind, Parser, Position, Record, Step,
};

/// Parses `data` in every way there is.
///
/// # Panics
/// Where the ways do not agree, or positions are wrong.
pub fn format_parse(data: &[u8]) {
    let end = push_all(data);
    assert_eq!(end.byte(), data.len() as u64);
    let newlines = data.iter().filter(|byte| **byte == b'\n').count() as u64;
    assert_eq!(end.line(), newlines + 1);
    let mut next = Position::START;
    for line in Block::new(data).lines().flatten() {
        assert_eq!(line.position(), next);
        next = next.advanced_by(
            line.as_bytes().iter().filter(|byte| **byte == b'\n').count() as u64,
            line.as_bytes().len() as u64,
        );
        check_line(&line);
    }
    assert_eq!(next, end);
    Items::lifted(data);
}

fn push_all(data: &[u8]) -> Position {
    let (mut parser, mut input) = (Parser::new(), data);
    loop {
        match parser.push(&mut input, true) {
            Step::Record(record) => {
                let place = usize::try_from(parser.record_position().byte()).unwrap_or(usize::MAX);
                let line = data.get(place..data.len() - input.len()).unwrap_or_default();
                // What the parser makes of it in passing, and what the line alone gives.
                assert_eq!(Line::new(line, parser.record_position()).parse(), Ok(record));
            }
            Step::Invalid(error) => {
                assert_eq!(error.line_start(), parser.record_position());
                assert!(error.position().byte() <= parser.position().byte());
            }
            Step::NeedInput => panic!("more input wanted at the end"),
            Step::End => return parser.position(),
        }
    }
}

fn check_line(line: &Line<'_>) {
    let parsed = line.parse();
    let columns = line.columns();
    assert_eq!(columns.kind(), line.kind());
    match parsed {
        Ok(Record::Event(event)) => {
            assert_eq!(columns.time(), Some(event.time));
            assert_eq!(columns.pc(), Some(event.pc));
            assert_eq!(columns.pid(), Some(event.pid));
            check_kind(line, &event);
        }
        Ok(Record::Marker(marker)) => {
            assert_eq!(columns.time(), Some(marker.time));
            let _ = Annotation::parse(marker.text);
        }
        Ok(Record::Other(other)) => {
            assert_eq!(line.kind(), LineKind::Other);
            let _ = other.kind();
        }
        Ok(_) => {}
        Err(_) => {
            let _ = (columns.time(), columns.width(), columns.phys(), columns.value());
            let _ = (columns.map_id(), columns.virt(), columns.len(), columns.pid());
        }
    }
    // A blank at the end is allowed and not what the kernel prints: the careful way is taken.
    if !matches!(line.kind(), LineKind::Mark | LineKind::Lspci | LineKind::PciDev | LineKind::Other) {
        let careful = [line.without_newline(), b" \n"].concat();
        let careful = Line::new(&careful, line.position()).parse();
        match (parsed, careful) {
            (Ok(Record::Event(fast)), Ok(Record::Event(careful))) => assert_eq!(fast, careful),
            (Err(fast), Err(careful)) => assert_eq!(fast.kind(), careful.kind()),
            (parsed, careful) => assert_eq!(parsed.is_ok(), careful.is_ok()),
        }
    }
}

fn check_kind(line: &Line<'_>, event: &Event) {
    let columns = line.columns();
    match event.kind {
        EventKind::Access(access) => {
            assert_eq!(columns.width(), Some(access.width));
            assert_eq!(columns.map_id(), Some(access.map_id));
            assert_eq!(columns.phys(), Some(access.phys));
            assert_eq!(columns.value(), access.value.and_then(|value| value.to_u64()));
        }
        EventKind::UnknownOpcode(unknown) => {
            assert_eq!(columns.map_id(), Some(unknown.map_id));
            assert_eq!(columns.phys(), Some(unknown.phys));
            assert!(columns.get(Field::Code).is_some());
        }
        EventKind::Map(mapping) => {
            assert_eq!(columns.map_id(), Some(mapping.id));
            assert_eq!(columns.phys(), Some(mapping.phys));
            assert_eq!(columns.virt(), Some(mapping.virt));
            assert_eq!(columns.len(), Some(mapping.len));
        }
        EventKind::Unmap(id) => assert_eq!(columns.map_id(), Some(id)),
        _ => {}
    }
}
