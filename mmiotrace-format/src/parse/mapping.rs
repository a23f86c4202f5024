//! `MAP` and `UNMAP`.

use super::access::origin;
use super::cursor::Cursor;
use super::number;
use crate::error::Fault;
use crate::{Field, Record};
use mmiotrace_core::{Event, EventKind, MapId, Mapping, PhysAddr, VirtAddr};

/// `MAP %u.%06lu %d 0x%llx 0x%lx 0x%lx 0x%lx %d`.
pub(super) fn map<'a>(cursor: &mut Cursor<'a>) -> Result<Record<'a>, Fault> {
    let time = cursor.field(Field::Time, number::time)?;
    let id = MapId(cursor.field(Field::MapId, number::signed)?);
    let phys = PhysAddr(cursor.field(Field::Phys, number::hex)?);
    let virt = VirtAddr(cursor.field(Field::Virt, number::hex)?);
    let len = cursor.field(Field::Len, number::hex)?;
    origin(
        cursor,
        Event::new(
            time,
            EventKind::Map(Mapping {
                id,
                phys,
                virt,
                len,
            }),
        ),
    )
}

/// `UNMAP %u.%06lu %d 0x%lx %d`.
pub(super) fn unmap<'a>(cursor: &mut Cursor<'a>) -> Result<Record<'a>, Fault> {
    let time = cursor.field(Field::Time, number::time)?;
    let id = MapId(cursor.field(Field::MapId, number::signed)?);
    origin(cursor, Event::new(time, EventKind::Unmap(id)))
}
