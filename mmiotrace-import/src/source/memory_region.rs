//! QEMU's `memory_region_ops_read` and `memory_region_ops_write` (QEMU `system/trace-events`):
//! ` cpu 0 mr 0x55d0 addr 0xfea00004 value 0x1 size 4 name 'edu-mmio'`. The address is the guest's
//! physical one; older versions print no name.

use super::Taken;
use crate::scan::Scan;
use crate::stamp::Stamp;
use crate::state::{LoggedAccess, State};
use mmiotrace_core::{AccessKind, EventSink, PhysAddr};

pub(super) fn read(
    state: &mut State,
    stamp: Stamp,
    rest: &str,
    sink: &mut dyn EventSink,
) -> Option<Taken> {
    access(AccessKind::Read, state, stamp, rest, sink)
}

pub(super) fn write(
    state: &mut State,
    stamp: Stamp,
    rest: &str,
    sink: &mut dyn EventSink,
) -> Option<Taken> {
    access(AccessKind::Write, state, stamp, rest, sink)
}

fn access(
    kind: AccessKind,
    state: &mut State,
    mut stamp: Stamp,
    rest: &str,
    sink: &mut dyn EventSink,
) -> Option<Taken> {
    let mut scan = Scan(rest);
    // -1 for accesses that no CPU makes.
    stamp.cpu = scan
        .number_after("cpu ")
        .and_then(|cpu| u32::try_from(cpu).ok());
    let phys = PhysAddr(scan.number_after("addr ")?);
    let value = scan.number_after("value ")?;
    let width = scan.number_after("size ")?;
    state.absolute(LoggedAccess::new(stamp, kind, width, value)?, phys, sink);
    Some(Taken::Access)
}
