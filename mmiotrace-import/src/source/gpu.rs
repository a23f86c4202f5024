//! Register events of graphics drivers: offsets in the register BAR, no address.

use super::Taken;
use crate::scan::Scan;
use crate::stamp::Stamp;
use crate::state::{LoggedAccess, State};
use mmiotrace_core::{AccessKind, EventSink};

/// `i915_reg_rw: write reg=0x2030, len=4, val=(0x1, 0x0)`: the value's low half stands first.
pub(super) fn i915(
    state: &mut State,
    stamp: Stamp,
    rest: &str,
    sink: &mut dyn EventSink,
) -> Option<Taken> {
    let mut scan = Scan(rest.trim_start_matches(':'));
    let kind = match scan.blanks().until(" ")? {
        "read" => AccessKind::Read,
        "write" => AccessKind::Write,
        _ => return None,
    };
    let offset = scan.number_after("reg=")?;
    let width = scan.number_after("len=")?;
    let low = scan.number_after("val=(")?;
    scan.literal(",")?;
    let high = scan.number()?;
    state.relative(
        LoggedAccess::new(stamp, kind, width, high << 32 | low)?,
        "i915",
        offset,
        sink,
    );
    Some(Taken::Access)
}

pub(super) fn amdgpu_read(
    state: &mut State,
    stamp: Stamp,
    rest: &str,
    sink: &mut dyn EventSink,
) -> Option<Taken> {
    amdgpu(AccessKind::Read, state, stamp, rest, sink)
}

pub(super) fn amdgpu_write(
    state: &mut State,
    stamp: Stamp,
    rest: &str,
    sink: &mut dyn EventSink,
) -> Option<Taken> {
    amdgpu(AccessKind::Write, state, stamp, rest, sink)
}

/// `0x1234, 0x00000005, 0x00000001`: PCI device id, index of the 32-bit register, value.
fn amdgpu(
    kind: AccessKind,
    state: &mut State,
    stamp: Stamp,
    rest: &str,
    sink: &mut dyn EventSink,
) -> Option<Taken> {
    let mut scan = Scan(rest.trim_start_matches(':'));
    let device = scan.number()?;
    scan.literal(",")?;
    let index = scan.number()?;
    scan.literal(",")?;
    let value = scan.number()?;
    let window = format!("amdgpu-{device:04x}");
    state.relative(
        LoggedAccess::new(stamp, kind, 4, value)?,
        &window,
        index.checked_mul(4)?,
        sink,
    );
    Some(Taken::Access)
}
