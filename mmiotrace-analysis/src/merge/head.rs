//! The next lines of a source: what they are.

use super::MAP_ID_STEP;
use mmiotrace_core::MapId;
use mmiotrace_format::{Annotation, Context, Line, Position, Record};

/// The lines of a head.
pub(super) fn lines(head: &[u8]) -> impl Iterator<Item = Line<'_>> {
    head.split_inclusive(|byte| *byte == b'\n')
        .map(|line| Line::new(line, Position::START))
}

/// Whether the lines have an event, and whose mapping it is to, where that is told.
pub(super) fn event_of(head: &[u8]) -> Option<Option<MapId>> {
    let is_event = |line: &Line<'_>| matches!(line.parse(), Ok(Record::Event(_)));
    lines(head).any(|line| is_event(&line)).then(|| {
        let ids = lines(head).filter_map(|line| line.columns().map_id());
        ids.into_iter().find(|id| id.0 >= 0)
    })
}

/// The index of the source that a mapping is of.
pub(crate) fn source_of(id: MapId) -> Option<usize> {
    usize::try_from(id.0.div_euclid(MAP_ID_STEP)).ok()
}

/// Follows what the lines say of the events after them.
pub(super) fn see(context: &mut Context, text: &[u8]) {
    for line in lines(text) {
        context.entries(line).for_each(drop);
    }
}

/// What the text of a marker says, where that is what the line is.
pub(super) fn marker_text<'l, T>(
    line: &'l [u8],
    parse: impl FnOnce(&'l [u8]) -> Option<T>,
) -> Option<T> {
    match Line::new(line, Position::START).parse() {
        Ok(Record::Marker(marker)) => parse(marker.text),
        _ => None,
    }
}

/// What a line annotates.
pub(super) fn annotation(line: &[u8]) -> Option<Annotation<'_>> {
    let line = Line::new(line, Position::START);
    let entry = Context::new().entry(line, line.parse());
    entry.annotation()?.ok()
}
