//! The kernel's own tracer as `trace-cmd report` prints its records: numbers without names.

use super::{Line, Taken};
use crate::state::{LoggedAccess, State};
use mmiotrace_core::{
    AccessKind, Code, Event, EventKind, EventSink, MapId, Mapping, PhysAddr, UnknownOpcode,
    VirtAddr,
};

/// The numbers of `enum mm_io_opcode` (`include/linux/mmiotrace.h`).
const READ: u64 = 1;
const WRITE: u64 = 2;
const PROBE: u64 = 3;
const UNPROBE: u64 = 4;
const UNKNOWN: u64 = 5;

/// `febc0008 80080783 0 12 1 4`: address, value, program counter, mapping, opcode, width; the
/// mapping and what follows decimal, the others hexadecimal.
pub(super) fn access(state: &mut State, line: Line<'_>, sink: &mut dyn EventSink) -> Option<Taken> {
    let [phys, value, pc, id, opcode, width] = numbers(line.rest, 3)?;
    let map_id = MapId(i32::try_from(id as i64).ok()?);
    let kind = match opcode {
        READ => AccessKind::Read,
        WRITE => AccessKind::Write,
        UNKNOWN => {
            let [.., a, b, c] = value.to_be_bytes();
            let unknown = UnknownOpcode {
                map_id,
                phys: PhysAddr(phys),
                code: Code::from_prefix(&[a, b, c]),
            };
            state.other(
                &line.stamp,
                EventKind::UnknownOpcode(unknown),
                VirtAddr(pc),
                sink,
            );
            return Some(Taken::Access);
        }
        _ => return None,
    };
    let mut access = LoggedAccess::new(line.stamp, kind, width, value)?;
    access.pc = VirtAddr(pc);
    state.mapped(access, map_id, PhysAddr(phys), sink);
    Some(Taken::Access)
}

/// `febc0000 ffffc90000520000 20000 12 3`: physical and virtual address, length, mapping, opcode.
pub(super) fn mapping(_: &mut State, line: Line<'_>, sink: &mut dyn EventSink) -> Option<Taken> {
    let [phys, virt, len, id, opcode] = numbers(line.rest, 3)?;
    let id = MapId(i32::try_from(id as i64).ok()?);
    let kind = match opcode {
        PROBE => EventKind::Map(Mapping {
            id,
            phys: PhysAddr(phys),
            virt: VirtAddr(virt),
            len,
        }),
        UNPROBE => EventKind::Unmap(id),
        _ => return None,
    };
    let event = Event::new(line.stamp.time, kind).with_pid(line.stamp.pid);
    sink.event(&event);
    Some(Taken::Silent)
}

/// As many numbers as the array has, the first of them hexadecimal.
fn numbers<const N: usize>(rest: &str, hexadecimal: usize) -> Option<[u64; N]> {
    let mut words = rest.trim_start_matches(':').split_whitespace();
    let mut numbers = [0; N];
    for (at, number) in numbers.iter_mut().enumerate() {
        let word = words.next()?;
        *number = if at < hexadecimal {
            u64::from_str_radix(word.trim_start_matches("0x"), 16).ok()?
        } else {
            // The id of a mapping that the tracer does not know is -1.
            word.parse::<i64>().ok()? as u64
        };
    }
    words.next().is_none().then_some(numbers)
}
