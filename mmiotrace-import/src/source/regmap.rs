//! The kernel's `regmap` events (`drivers/base/regmap/trace.h`): `%s reg=%x val=%x`, hexadecimal
//! without `0x`, and no width: the importer's default is taken.

use super::{Line, Taken};
use crate::scan::Scan;
use crate::state::{LoggedAccess, State};
use mmiotrace_core::{AccessKind, EventSink, Value, VirtAddr};

/// `1-001a reg=10 val=de ad be ef`: the bytes of several registers, in the order in which they went
/// over the bus. One access, as wide as the bytes are many.
pub(super) fn bulk(
    kind: AccessKind,
    state: &mut State,
    Line { stamp, rest }: Line<'_>,
    sink: &mut dyn EventSink,
) -> Option<Taken> {
    let mut scan = Scan(rest.trim_start_matches(':'));
    let device = scan.blanks().until(" reg=")?;
    let offset = scan.hex()?;
    scan.until("val=")?;
    let bytes = scan
        .0
        .split_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16));
    let bytes: Vec<u8> = bytes.collect::<Result<_, _>>().ok()?;
    if bytes.is_empty() {
        return None;
    }
    for (number, part) in bytes.chunks(64).enumerate() {
        let value = Value::from_le_bytes(part)?;
        let access = LoggedAccess {
            stamp,
            kind,
            width: value.width(),
            value: Some(value),
            pc: VirtAddr(0),
        };
        let offset = offset.checked_add(number as u64 * 64)?;
        state.relative(access, device, offset, sink);
    }
    Some(Taken::Access)
}

pub(super) fn access(
    kind: AccessKind,
    state: &mut State,
    Line { stamp, rest }: Line<'_>,
    sink: &mut dyn EventSink,
) -> Option<Taken> {
    let mut scan = Scan(rest.trim_start_matches(':'));
    let device = scan.blanks().until(" reg=")?;
    let offset = scan.hex()?;
    scan.until("val=")?;
    let value = scan.hex()?;
    let width = u64::from(state.default_width.bytes());
    state.relative(
        LoggedAccess::new(stamp, kind, width, value)?,
        device,
        offset,
        sink,
    );
    Some(Taken::Access)
}
