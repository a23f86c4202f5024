//! `R` and `W`.

use super::Window;
use super::columns::{hex, map_id, origin, prefixed_hex, time};
use super::memo::Memory;
use super::word::Faults;
use mmiotrace_core::{
    Access, AccessKind, Event, EventKind, MapId, PhysAddr, Timestamp, Value, VirtAddr, Width,
};

/// The fields of an access, not yet the event that they make: that has 144 bytes, which are best
/// written once, where they are wanted.
#[derive(Clone, Copy)]
pub(crate) struct Fields {
    kind: AccessKind,
    width: Width,
    nanos: u64,
    map_id: i32,
    phys: u64,
    value: u64,
    pc: u64,
    pid: i32,
    /// The length of the line with its newline.
    pub(crate) len: usize,
}

impl Fields {
    #[inline(always)]
    pub(crate) fn event(&self) -> Event {
        let access = Access {
            kind: self.kind,
            width: self.width,
            map_id: MapId(self.map_id),
            phys: PhysAddr(self.phys),
            value: Some(Value::from_printed(self.value, self.width)),
        };
        Event::new(Timestamp::from_nanos(self.nanos), EventKind::Access(access))
            .with_pc(VirtAddr(self.pc))
            .with_pid(self.pid)
    }
}

/// The access whose line begins `input`.
#[inline(always)]
pub(crate) fn access(memory: &mut impl Memory, input: &[u8]) -> Option<Fields> {
    let line: &Window = input.first_chunk()?;
    let [keyword, b' ', width, b' ', ..] = *line else {
        return None;
    };
    // Arithmetic and no branches: nobody can predict which of them comes next.
    let keyword = keyword.wrapping_sub(b'R');
    let width = width.wrapping_sub(b'0');
    let keyword_is_known = (1u64 | 1 << (b'W' - b'R')) >> (keyword & 63) & 1;
    let width_is_known = (1u64 << 1 | 1 << 2 | 1 << 4 | 1 << 8) >> (width & 63) & 1;
    if (keyword_is_known & width_is_known == 0) | ((keyword | width) > 63) {
        return None;
    }
    let kind = if keyword == b'W' - b'R' {
        AccessKind::Write
    } else {
        AccessKind::Read
    };
    let width = Width::from_bytes(width)?;
    let mut faults = Faults::NONE;
    let (nanos, at) = time(memory, line, 4, &mut faults)?;
    let (map_id, at) = map_id(memory, line, at)?;
    let (phys, at) = hex(line, at, &mut faults)?;
    let (value, at) = prefixed_hex(line, at, &mut faults)?;
    let (pc, pid, len) = origin(line, at, &mut faults)?;
    let fields = Fields {
        kind,
        width,
        nanos,
        map_id,
        phys,
        value,
        pc,
        pid,
        len,
    };
    (!faults.any()).then_some(fields)
}
