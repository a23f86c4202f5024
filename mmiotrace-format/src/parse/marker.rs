//! `MARK`.

use super::cursor::Cursor;
use super::number;
use crate::error::Fault;
use crate::{Field, Record};
use mmiotrace_core::{Loss, Marker};

/// `MARK %u.%06lu %s`.
pub(super) fn marker<'a>(cursor: &mut Cursor<'a>) -> Result<Record<'a>, Fault> {
    let time = cursor.field(Field::Time, number::loose_time)?;
    let text = cursor.text();
    Ok(match lost(text) {
        Some(count) => Record::Lost(Loss::new(time, count)),
        None => Record::Marker(Marker { time, text }),
    })
}

/// `Lost %lu events.`
fn lost(text: &[u8]) -> Option<u64> {
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    number::from_decimal(text.strip_prefix(b"Lost ")?.strip_suffix(b" events.")?)
}
