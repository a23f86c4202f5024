//! Register events of graphics drivers: offsets in the register BAR, no address.

use super::{Line, Taken};
use crate::scan::Scan;
use crate::state::{LoggedAccess, State};
use mmiotrace_core::{AccessKind, EventSink};

/// `i915_reg_rw: write reg=0x2030, len=4, val=(0x1, 0x0)`: the value's low half stands first. Of
/// the driver xe, and of some kernels, with the device: `dev=0000:00:02.0:tile0, write reg=…`.
pub(super) fn intel(
    state: &mut State,
    Line { stamp, rest }: Line<'_>,
    sink: &mut dyn EventSink,
) -> Option<Taken> {
    let mut scan = Scan(rest.trim_start_matches(':'));
    let device = match scan.blanks().literal("dev=") {
        Some(()) => scan.until(", ")?,
        None => "i915",
    };
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
        device,
        offset,
        sink,
    );
    Some(Taken::Access)
}

/// `0x1234, 0x00000005, 0x00000001`: PCI device id, index of the 32-bit register, value.
pub(super) fn amdgpu(
    kind: AccessKind,
    state: &mut State,
    Line { stamp, rest }: Line<'_>,
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
