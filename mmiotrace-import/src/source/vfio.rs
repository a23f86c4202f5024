//! QEMU's `vfio_*` events (QEMU `hw/vfio/trace-events`). `%s` is the device's address.

use super::{Line, Taken};
use crate::scan::Scan;
use crate::state::{LoggedAccess, State};
use mmiotrace_core::{AccessKind, EventSink, PhysAddr};

/// `  (0000:01:00.0:region0+0x1234, 0xdeadbeef, 4)`. The same name without blanks before the
/// bracket reports a failure, not an access.
pub(super) fn write(
    state: &mut State,
    Line { stamp, rest }: Line<'_>,
    sink: &mut dyn EventSink,
) -> Option<Taken> {
    if rest.contains("failed:") {
        return Some(Taken::Note);
    }
    let mut scan = Scan(rest);
    let (window, offset) = place(&mut scan)?;
    scan.literal(",")?;
    let value = scan.number()?;
    scan.literal(",")?;
    let width = scan.number()?;
    state.relative(
        LoggedAccess::new(stamp, AccessKind::Write, width, value)?,
        window,
        offset,
        sink,
    );
    Some(Taken::Access)
}

/// `  (0000:01:00.0:region0+0x1234, 4) = 0x0`.
pub(super) fn read(
    state: &mut State,
    Line { stamp, rest }: Line<'_>,
    sink: &mut dyn EventSink,
) -> Option<Taken> {
    if rest.contains("failed:") {
        return Some(Taken::Note);
    }
    let mut scan = Scan(rest);
    let (window, offset) = place(&mut scan)?;
    scan.literal(",")?;
    let width = scan.number()?;
    scan.literal(")")?;
    scan.blanks().literal("=")?;
    let value = scan.number()?;
    state.relative(
        LoggedAccess::new(stamp, AccessKind::Read, width, value)?,
        window,
        offset,
        sink,
    );
    Some(Taken::Access)
}

/// `(0000:01:00.0:region0+0x1234`: the window's name is device and region.
fn place<'a>(scan: &mut Scan<'a>) -> Option<(&'a str, u64)> {
    scan.blanks().literal("(")?;
    let window = scan.until("+")?;
    Some((window, scan.hex()?))
}

/// ` Device 0000:01:00.0, region 0 "0000:01:00.0 BAR 0", flags: 0x7, offset: 0x0, size: 0x1000000`.
pub(super) fn setup(
    state: &mut State,
    Line { rest, .. }: Line<'_>,
    _: &mut dyn EventSink,
) -> Option<Taken> {
    let mut scan = Scan(rest);
    scan.until("Device ")?;
    let device = scan.until(",")?;
    let region = scan.number_after("region ")?;
    let size = scan.number_after("size: ")?;
    if size != 0 {
        state
            .windows
            .set_len(&format!("{device}:region{region}"), size);
    }
    Some(Taken::Note)
}

/// `  (0000:01:00.0, @0x10, len=0x4) 0xfebc0000`.
pub(super) fn read_config(
    state: &mut State,
    Line { rest, .. }: Line<'_>,
    _: &mut dyn EventSink,
) -> Option<Taken> {
    let mut scan = Scan(rest);
    scan.blanks().literal("(")?;
    let device = scan.until(",")?;
    let register = scan.number_after("@")?;
    let width = scan.number_after("len=")?;
    scan.literal(")")?;
    let value = scan.number()?;
    if let Some(bar) = bar_of(register, width) {
        let flags = u32::try_from(value & 0xf).ok()?;
        state
            .bars
            .entry(device.to_owned())
            .or_default()
            .get_mut(bar)?
            .1 = flags;
    }
    Some(Taken::Note)
}

/// `  (0000:01:00.0, @0x10, 0xfebc0000, len=0x4)`. A write to a BAR moves its window.
pub(super) fn write_config(
    state: &mut State,
    Line { rest, .. }: Line<'_>,
    _: &mut dyn EventSink,
) -> Option<Taken> {
    let mut scan = Scan(rest);
    scan.blanks().literal("(")?;
    let device = scan.until(",")?;
    let register = scan.number_after("@")?;
    scan.literal(",")?;
    let value = scan.number()?;
    let width = scan.number_after("len=")?;
    if let Some(bar) = bar_of(register, width) {
        let value = u32::try_from(value).ok()?;
        let bars = state.bars.entry(device.to_owned()).or_default();
        bars.get_mut(bar)?.0 = value;
        let bars = *bars;
        for number in [bar, bar.wrapping_sub(1)] {
            if let Some(base) = memory_base(&bars, number) {
                state
                    .windows
                    .set_base(&format!("{device}:region{number}"), base);
            }
        }
    }
    Some(Taken::Note)
}

/// The BAR that a four-byte access to this configuration register is about (PCI Local Bus
/// Specification 3.0, section 6.2.5.1: registers 0x10 to 0x24).
fn bar_of(register: u64, width: u64) -> Option<usize> {
    if width == 4 && (0x10..0x28).contains(&register) && register.is_multiple_of(4) {
        usize::try_from((register - 0x10) / 4).ok()
    } else {
        None
    }
}

/// Where a memory BAR begins, if it has been given an address. Writing all ones asks for the size.
fn memory_base(bars: &[(u32, u32); 6], number: usize) -> Option<PhysAddr> {
    let (low, flags) = *bars.get(number)?;
    let is_io = flags & 1 != 0;
    let is_64_bit = flags & 6 == 4;
    let address = low & !0xf;
    if is_io || low == u32::MAX || address == 0 && !is_64_bit {
        return None;
    }
    let high = if is_64_bit {
        bars.get(number + 1)?.0
    } else {
        0
    };
    if high == u32::MAX {
        return None;
    }
    let base = u64::from(high) << 32 | u64::from(address);
    (base != 0).then_some(PhysAddr(base))
}
