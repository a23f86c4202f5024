//! The kernel's `rwmmio` events (`include/trace/events/rwmmio.h`):
//! `%pS -> %pS width=%d val=%#llx addr=%#lx`. The width is in bits, the address virtual, and a
//! read has its value only in `rwmmio_post_read`. Interrupts nest, so the halves pair as a stack.

use super::{Line, Taken};
use crate::scan::Scan;
use crate::state::{LoggedAccess, OpenRead, State};
use mmiotrace_core::{AccessKind, EventSink, PhysAddr, VirtAddr, Width};

pub(super) fn write(
    state: &mut State,
    Line { stamp, rest }: Line<'_>,
    sink: &mut dyn EventSink,
) -> Option<Taken> {
    let mut scan = Scan(rest);
    let bits = scan.number_after("width=")?;
    let value = scan.number_after("val=")?;
    let address = scan.number_after("addr=")?;
    state.absolute(
        LoggedAccess::new(stamp, AccessKind::Write, bits / 8, value)?,
        PhysAddr(address),
        sink,
    );
    Some(Taken::Access)
}

pub(super) fn read(
    state: &mut State,
    Line { stamp, rest }: Line<'_>,
    sink: &mut dyn EventSink,
) -> Option<Taken> {
    let mut scan = Scan(rest);
    let width = Width::from_bytes(u8::try_from(scan.number_after("width=")? / 8).ok()?)?;
    let phys = PhysAddr(scan.number_after("addr=")?);
    state.open_read(
        OpenRead {
            stamp,
            width,
            phys,
            pc: VirtAddr(0),
        },
        sink,
    );
    Some(Taken::Silent)
}

pub(super) fn post_read(
    state: &mut State,
    Line { stamp, rest }: Line<'_>,
    sink: &mut dyn EventSink,
) -> Option<Taken> {
    let mut scan = Scan(rest);
    let bits = scan.number_after("width=")?;
    let value = scan.number_after("val=")?;
    let phys = PhysAddr(scan.number_after("addr=")?);
    let seen = LoggedAccess::new(stamp, AccessKind::Read, bits / 8, value)?;
    // The first half may have been logged before the log begins; the second says everything.
    let _ = state.close_read(
        (stamp.cpu, stamp.pid),
        |open| open.phys == phys && open.width == seen.width,
        sink,
    );
    state.absolute(seen, phys, sink);
    Some(Taken::Access)
}
