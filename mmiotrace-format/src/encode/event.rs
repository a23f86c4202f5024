//! The kernel's records.

use super::Text;
use mmiotrace_core::{Access, AccessKind, Code, Event, EventKind, Loss, MapId, PhysAddr, Value};

/// Whether the text has no single record for this access: a width that is not 1, 2, 4 or 8, or a
/// value that a reader would take to have another width.
#[inline]
pub(crate) fn needs_pieces(access: &Access, value: &Value) -> bool {
    // The value of most: as wide as the access.
    let fits = value.width() == access.width;
    let narrow = matches!(access.width.bytes(), 1 | 2 | 4 | 8);
    !(narrow
        && (fits
            || value
                .to_u64()
                .is_some_and(|number| Value::from_printed(number, access.width) == *value)))
}

/// One record. A wide access is written as if it were narrow: its pieces are the caller's work.
pub(crate) fn push_event_line(text: &mut Text, event: &Event) {
    match &event.kind {
        EventKind::Access(access) => match &access.value {
            Some(value) => push_access(text, event, access, value.to_u64().unwrap_or(0)),
            None => push_unknown(text, event, access.map_id, access.phys, &event.code),
        },
        EventKind::UnknownOpcode(unknown) => {
            push_unknown(text, event, unknown.map_id, unknown.phys, &unknown.code);
        }
        EventKind::Map(mapping) => {
            text.put(b"MAP ")
                .time(event.time)
                .put(b" ")
                .signed(mapping.id.0)
                .put(b" ");
            text.hex(mapping.phys.0)
                .put(b" ")
                .hex(mapping.virt.0)
                .put(b" ")
                .hex(mapping.len);
        }
        EventKind::Unmap(id) => {
            text.put(b"UNMAP ").time(event.time).put(b" ").signed(id.0);
        }
        // A kind that this version does not know has no text.
        _ => return,
    }
    if event.pc.0 == 0 && event.pid == 0 {
        text.put(b" 0x0 0\n");
    } else {
        text.put(b" ")
            .hex(event.pc.0)
            .put(b" ")
            .signed(event.pid)
            .put(b"\n");
    }
}

#[inline(always)]
fn push_access(text: &mut Text, event: &Event, access: &Access, value: u64) {
    let keyword = match access.kind {
        AccessKind::Read => b'R',
        AccessKind::Write => b'W',
    };
    // A piece of a wide access has one digit too.
    text.put(&[keyword, b' ', b'0' + access.width.bytes() % 10, b' '])
        .time(event.time)
        .put(b" ");
    text.signed(access.map_id.0)
        .put(b" ")
        .hex(access.phys.0)
        .put(b" ")
        .hex(value);
}

fn push_unknown(text: &mut Text, event: &Event, id: MapId, phys: PhysAddr, code: &Code) {
    text.put(b"UNKNOWN ")
        .time(event.time)
        .put(b" ")
        .signed(id.0)
        .put(b" ")
        .hex(phys.0);
    for place in 0..3 {
        text.put(if place == 0 { b" " } else { b"," });
        text.hex_bytes(&[code.as_bytes().get(place).copied().unwrap_or(0)]);
    }
}

/// `MARK %u.%06lu Lost %lu events.` The kernel's has time zero.
pub(crate) fn push_lost_line(text: &mut Text, loss: &Loss) {
    text.put(b"MARK ")
        .time(loss.time)
        .put(b" Lost ")
        .decimal(loss.count)
        .put(b" events.")
        .put(b"\n");
}
