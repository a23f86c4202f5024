//! QEMU's `memory_region_ops_read` and `memory_region_ops_write` (QEMU `system/trace-events`):
//! ` cpu 0 mr 0x55d0 addr 0xfea00004 value 0x1 size 4 name 'edu-mmio'`. The address is the guest's
//! physical one; older versions print no name.

use super::{Line, Taken};
use crate::scan::Scan;
use crate::state::{LoggedAccess, State};
use mmiotrace_core::{AccessKind, EventSink, PhysAddr};

pub(super) fn access(
    kind: AccessKind,
    state: &mut State,
    Line { mut stamp, rest }: Line<'_>,
    sink: &mut dyn EventSink,
) -> Option<Taken> {
    let mut scan = Scan(rest);
    // -1 for accesses that no CPU makes.
    stamp.cpu = scan
        .number_after("cpu ")
        .and_then(|cpu| u32::try_from(cpu).ok());
    let address = scan.number_after("addr ")?;
    let value = scan.number_after("value ")?;
    let width = scan.number_after("size ")?;
    let access = LoggedAccess::new(stamp, kind, width, value)?;
    let name = scan.until("name '").and_then(|_| scan.until("'"));
    if address < PORTS {
        state.relative(access, "I/O ports", address, sink);
    } else {
        state.absolute(access, PhysAddr(address), sink);
    }
    if let Some(name) = name {
        state.region(name, address, stamp.time, sink);
    }
    Some(Taken::Access)
}

/// QEMU says nothing of the space that an address is in. On a PC memory begins at 0 and no device
/// has registers in its first 64 KiB, while all I/O ports have such numbers.
const PORTS: u64 = 0x1_0000;

/// `Invalid read at addr 0xFEA00000, size 1, region 'edu-mmio', reason: rejected`: an access that
/// the device did not get.
pub(super) fn refused(_: &mut State, _: Line<'_>, _: &mut dyn EventSink) -> Option<Taken> {
    Some(Taken::Lost(1))
}
