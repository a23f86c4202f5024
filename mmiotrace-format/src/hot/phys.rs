//! The physical address of an access, and nothing else of its line.

use super::word::{Digits, Faults};

/// The physical address of the `R` or `W` that `line` begins with. What follows it is not looked
/// at.
#[inline]
pub(crate) fn phys(line: &[u8]) -> Option<u64> {
    let [_, b' ', _, b' ', ..] = line else {
        return None;
    };
    let mut faults = Faults::NONE;
    let seconds = Digits::leading(word(line, 4)?);
    seconds.decimal(&mut faults);
    let point = 4 + seconds.len;
    Digits::six(word(line, point + 1)?).decimal(&mut faults);
    let map_id = Digits::leading(word(line, point + 8)?);
    map_id.decimal(&mut faults);
    let prefix = point + 8 + map_id.len;
    if (line.get(point), line.get(point + 7)) != (Some(&b'.'), Some(&b' '))
        || line.get(prefix..)?.first_chunk()? != b" 0x"
    {
        return None;
    }
    let (phys, end) = hex(line, prefix + 3, &mut faults)?;
    (!faults.any() && line.get(end) == Some(&b' ')).then_some(phys)
}

#[inline(always)]
fn word(line: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*line.get(at..)?.first_chunk()?))
}

/// 1 to 16 hex digits.
#[inline(always)]
fn hex(line: &[u8], at: usize, faults: &mut Faults) -> Option<(u64, usize)> {
    let high = Digits::leading(word(line, at)?);
    let number = high.hex(faults);
    let at = at + high.len;
    if high.len < 8 || line.get(at) == Some(&b' ') {
        return Some((number, at));
    }
    let low = Digits::leading(word(line, at)?);
    let number = number << (4 * (low.len & 15)) | low.hex(faults);
    Some((number, at + low.len))
}
