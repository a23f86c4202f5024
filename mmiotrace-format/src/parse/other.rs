//! Lines that are no records.

use super::number::from_decimal;
use crate::OtherKind;

/// What a line without keyword is.
pub(crate) fn kind(line: &[u8]) -> OtherKind {
    let line = line.trim_ascii();
    match line {
        [] => OtherKind::Blank,
        [b'#', rest @ ..] => entries(rest).unwrap_or(OtherKind::Comment),
        b"[LINE TOO BIG]" => OtherKind::LineTooBig,
        b"rw what?" => OtherKind::CorruptAccess,
        b"map what?" => OtherKind::CorruptMapping,
        _ => cpu_lost(line).unwrap_or(OtherKind::Text),
    }
}

/// ` entries-in-buffer/entries-written: %lu/%lu   #P:%d`
fn entries(comment: &[u8]) -> Option<OtherKind> {
    let rest = comment
        .trim_ascii_start()
        .strip_prefix(b"entries-in-buffer/entries-written:")?;
    let numbers = rest
        .trim_ascii_start()
        .split(|byte| byte.is_ascii_whitespace())
        .next()?;
    let slash = numbers.iter().position(|byte| *byte == b'/')?;
    let in_buffer = from_decimal(numbers.get(..slash)?)?;
    let written = from_decimal(numbers.get(slash + 1..)?)?;
    Some(OtherKind::Entries { in_buffer, written })
}

/// `CPU:%d [LOST %lu EVENTS]` or `CPU:%d [LOST EVENTS]`
fn cpu_lost(line: &[u8]) -> Option<OtherKind> {
    let rest = line.strip_prefix(b"CPU:")?;
    let blank = rest.iter().position(|byte| *byte == b' ')?;
    let cpu = u32::try_from(from_decimal(rest.get(..blank)?)?).ok()?;
    let inner = rest
        .get(blank..)?
        .strip_prefix(b" [LOST ")?
        .strip_suffix(b"EVENTS]")?;
    let count = match inner {
        [] => None,
        [number @ .., b' '] => Some(from_decimal(number)?),
        _ => return None,
    };
    Some(OtherKind::CpuLost { cpu, count })
}
