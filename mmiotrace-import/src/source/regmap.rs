//! The kernel's `regmap` events (`drivers/base/regmap/trace.h`): `%s reg=%x val=%x`, hexadecimal
//! without `0x`, and no width: the importer's default is taken.

use super::Taken;
use crate::scan::Scan;
use crate::stamp::Stamp;
use crate::state::{LoggedAccess, State};
use mmiotrace_core::{AccessKind, EventSink};

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

/// A read that the cache answered: the device saw nothing.
pub(super) fn cached(_: &mut State, _: Stamp, _: &str, _: &mut dyn EventSink) -> Option<Taken> {
    Some(Taken::Silent)
}

fn access(
    kind: AccessKind,
    state: &mut State,
    stamp: Stamp,
    rest: &str,
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
