//! The columns that all lines share, at any place of the window.

use super::Window;
use super::memo::Memory;
use super::word::{Digits, Faults};

#[inline(always)]
pub(super) fn word(line: &Window, at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*line.get(at..)?.first_chunk()?))
}

/// `s.uuuuuu` in nanoseconds, at most seven digits of seconds. What follows it is not looked at.
#[inline(always)]
pub(super) fn time(
    memory: &mut impl Memory,
    line: &Window,
    at: usize,
    faults: &mut Faults,
) -> Option<(u64, usize)> {
    let (nanos, len) = memory.seconds(word(line, at)?)?;
    let micros = Digits::six(word(line, at + len)?).decimal(faults);
    Some((nanos + micros * 1000, at + len + 6))
}

/// `s.` at the beginning of a word.
#[inline(always)]
pub(super) fn seconds(text: u64) -> Option<(u64, usize)> {
    let digits = Digits::leading(text);
    let mut faults = Faults::NONE;
    let nanos = digits.decimal(&mut faults) * 1_000_000_000;
    let end = text.checked_shr(8 * digits.len as u32)? as u8;
    (!faults.any() && end == b'.').then_some((nanos, digits.len + 1))
}

/// ` 1 0x`: a map id and what stands around it.
#[inline(always)]
pub(super) fn map_id(memory: &mut impl Memory, line: &Window, at: usize) -> Option<(i32, usize)> {
    memory.map_id(line, at, word(line, at)?)
}

/// The same where nothing is remembered.
#[inline(always)]
pub(super) fn other_map_id(line: &Window, at: usize) -> Option<(i32, usize)> {
    let digits = Digits::leading(word(line, at + 1)?);
    let mut faults = Faults::NONE;
    let id = digits.decimal(&mut faults) as i32;
    let end = at + 1 + digits.len;
    let framed = line.get(at) == Some(&b' ') && line.get(end..end + 3)? == b" 0x";
    (!faults.any() && framed).then_some((id, end + 3))
}

/// A space, `0x` and 1 to 16 hex digits. What follows them is not looked at.
#[inline(always)]
pub(super) fn prefixed_hex(line: &Window, at: usize, faults: &mut Faults) -> Option<(u64, usize)> {
    match line.get(at..)?.first_chunk()? {
        b" 0x" => hex(line, at + 3, faults),
        _ => None,
    }
}

/// 1 to 16 hex digits. What follows them is not looked at.
#[inline(always)]
pub(super) fn hex(line: &Window, at: usize, faults: &mut Faults) -> Option<(u64, usize)> {
    let digits = Digits::leading(word(line, at)?);
    let number = digits.hex(faults);
    let at = at + digits.len;
    if digits.len < 8 || line.get(at) == Some(&b' ') {
        return Some((number, at));
    }
    let digits = Digits::leading(word(line, at)?);
    let low = digits.hex(faults);
    Some((number << (4 * (digits.len & 15)) | low, at + digits.len))
}

/// ` 0x0 0\n`: the address of the instruction, the thread, and the end of the line.
#[inline(always)]
pub(super) fn origin(line: &Window, at: usize, faults: &mut Faults) -> Option<(u64, i32, usize)> {
    const SEVEN_BYTES: u64 = u64::MAX >> 8;
    if word(line, at)? & SEVEN_BYTES == u64::from_le_bytes(*b" 0x0 0\n\0") {
        return Some((0, 0, at + 7));
    }
    let (pc, at) = prefixed_hex(line, at, faults)?;
    let digits = Digits::leading(word(line, at + 1)?);
    let pid = digits.decimal(faults) as i32;
    let end = at + 1 + digits.len;
    let framed = line.get(at) == Some(&b' ') && line.get(end) == Some(&b'\n');
    framed.then_some((pc, pid, end + 1))
}
