//! `R`, `W` and `UNKNOWN`.

use super::cursor::Cursor;
use super::number;
use crate::error::Fault;
use crate::{Field, Record};
use mmiotrace_core::{
    Access, AccessKind, Code, Event, EventKind, MapId, PhysAddr, UnknownOpcode, Value, VirtAddr,
};

/// `R %d %u.%06lu %d 0x%llx 0x%lx 0x%lx %d`.
pub(super) fn access<'a>(cursor: &mut Cursor<'a>, kind: AccessKind) -> Result<Record<'a>, Fault> {
    let width = cursor.field(Field::Width, number::width)?;
    let time = cursor.field(Field::Time, number::time)?;
    let map_id = MapId(cursor.field(Field::MapId, number::signed)?);
    let phys = PhysAddr(cursor.field(Field::Phys, number::hex)?);
    let value = Some(Value::from_printed(
        cursor.field(Field::Value, number::hex)?,
        width,
    ));
    let access = Access {
        kind,
        width,
        map_id,
        phys,
        value,
    };
    origin(cursor, Event::new(time, EventKind::Access(access)))
}

/// `UNKNOWN %u.%06lu %d 0x%llx %02lx,%02lx,%02lx 0x%lx %d`.
pub(super) fn unknown<'a>(cursor: &mut Cursor<'a>) -> Result<Record<'a>, Fault> {
    let time = cursor.field(Field::Time, number::time)?;
    let map_id = MapId(cursor.field(Field::MapId, number::signed)?);
    let phys = PhysAddr(cursor.field(Field::Phys, number::hex)?);
    let code = Code::from_prefix(&cursor.field(Field::Code, number::code)?);
    let unknown = UnknownOpcode { map_id, phys, code };
    origin(cursor, Event::new(time, EventKind::UnknownOpcode(unknown)))
}

/// The two columns that end every event.
pub(super) fn origin<'a>(cursor: &mut Cursor<'a>, event: Event) -> Result<Record<'a>, Fault> {
    let pc = VirtAddr(cursor.field(Field::Pc, number::hex)?);
    let pid = cursor.field(Field::Pid, number::signed)?;
    cursor.end()?;
    Ok(Record::Event(event.with_pc(pc).with_pid(pid)))
}
