//! `UNKNOWN`.

use super::Window;
use super::columns::{hex, map_id, origin, time, word};
use super::memo::Memory;
use super::word::{Digits, Faults};
use mmiotrace_core::{Code, Event, EventKind, MapId, PhysAddr, Timestamp, UnknownOpcode, VirtAddr};

/// The event whose line begins `input`, and the length of the line with its newline.
pub(crate) fn unknown(memory: &mut impl Memory, input: &[u8]) -> Option<(Event, usize)> {
    let line: &Window = input.first_chunk()?;
    if line.first_chunk()? != b"UNKNOWN " {
        return None;
    }
    let mut faults = Faults::NONE;
    let (nanos, at) = time(memory, line, 8, &mut faults)?;
    let (map_id, at) = map_id(memory, line, at)?;
    let (phys, at) = hex(line, at, &mut faults)?;
    if line.get(at) != Some(&b' ') {
        return None;
    }
    let code = code(word(line, at + 1)?, &mut faults)?;
    let (pc, pid, len) = origin(line, at + 9, &mut faults)?;
    if faults.any() {
        return None;
    }
    let unknown = UnknownOpcode {
        map_id: MapId(map_id),
        phys: PhysAddr(phys),
        code,
    };
    let event = Event::new(
        Timestamp::from_nanos(nanos),
        EventKind::UnknownOpcode(unknown),
    );
    Some((event.with_pc(VirtAddr(pc)).with_pid(pid), len))
}

/// `f3,a5,48`
#[inline(always)]
fn code(text: u64, faults: &mut Faults) -> Option<Code> {
    let [a, b, b',', c, d, b',', e, f] = text.to_le_bytes() else {
        return None;
    };
    let digits = u64::from_le_bytes([b'0', b'0', a, b, c, d, e, f]);
    let [.., first, second, third] = Digits::all(digits).hex(faults).to_be_bytes();
    Some(Code::from_prefix(&[first, second, third]))
}
