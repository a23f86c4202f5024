//! The kernel's records.

use super::Text;
use mmiotrace_core::{Access, AccessKind, Code, Event, EventKind, Loss, MapId, PhysAddr, Value};

/// Whether the text has no single record for this access: a width that is not 1, 2, 4 or 8, or a
/// value that a reader would take to have another width.
pub(crate) fn needs_pieces(access: &Access, value: &Value) -> bool {
    let plain = matches!(access.width.bytes(), 1 | 2 | 4 | 8)
        && value
            .to_u64()
            .is_some_and(|number| Value::from_printed(number, access.width) == *value);
    !plain
}

/// One record. A wide access is written as if it were narrow: its pieces are the caller's work.
pub(crate) fn push_event_line(text: &mut Text, event: &Event) {
    match &event.kind {
        EventKind::Access(access) => match access.value {
            Some(value) => push_access(text, event, access, value.to_u64().unwrap_or(0)),
            None => push_unknown(text, event, access.map_id, access.phys, &event.code),
        },
        EventKind::UnknownOpcode(unknown) => {
            push_unknown(text, event, unknown.map_id, unknown.phys, &unknown.code);
        }
        EventKind::Map(mapping) => {
            text.push(b"MAP ")
                .time(event.time)
                .push(b" ")
                .signed(mapping.id.0)
                .push(b" ");
            text.hex(mapping.phys.0)
                .push(b" ")
                .hex(mapping.virt.0)
                .push(b" ")
                .hex(mapping.len);
        }
        EventKind::Unmap(id) => {
            text.push(b"UNMAP ")
                .time(event.time)
                .push(b" ")
                .signed(id.0);
        }
        // A kind that this version does not know has no text.
        _ => return,
    }
    text.push(b" ")
        .hex(event.pc.0)
        .push(b" ")
        .signed(event.pid)
        .push(b"\n");
}

fn push_access(text: &mut Text, event: &Event, access: &Access, value: u64) {
    text.push(match access.kind {
        AccessKind::Read => b"R ",
        AccessKind::Write => b"W ",
    });
    text.decimal(access.width.bytes().into())
        .push(b" ")
        .time(event.time)
        .push(b" ");
    text.signed(access.map_id.0)
        .push(b" ")
        .hex(access.phys.0)
        .push(b" ")
        .hex(value);
}

fn push_unknown(text: &mut Text, event: &Event, id: MapId, phys: PhysAddr, code: &Code) {
    text.push(b"UNKNOWN ")
        .time(event.time)
        .push(b" ")
        .signed(id.0)
        .push(b" ")
        .hex(phys.0);
    for place in 0..3 {
        text.push(if place == 0 { b" " } else { b"," });
        text.hex_bytes(&[code.as_bytes().get(place).copied().unwrap_or(0)]);
    }
}

/// `MARK %u.%06lu Lost %lu events.` The kernel's has time zero.
pub(crate) fn push_lost_line(text: &mut Text, loss: &Loss) {
    text.push(b"MARK ")
        .time(loss.time)
        .push(b" Lost ")
        .decimal(loss.count)
        .push(b" events.\n");
}
