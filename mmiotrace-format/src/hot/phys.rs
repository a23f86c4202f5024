//! The physical address of an access, and nothing else of its line.

use super::word::{Digits, Faults};

/// Where in a line the address stood the last time: in lines one after the other it mostly stands
/// at the same place.
///
/// It only saves work: whatever it holds, the same lines give the same addresses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Layout {
    /// The point of the time; 0 where nothing is known.
    point: u8,
    /// The first digit of the address.
    digits: u8,
}

/// The physical address of the `R` or `W` that begins `line`. The columns behind it are not looked
/// at, and those before it only as far as needed to know where it stands.
#[inline]
pub(crate) fn phys(layout: &mut Layout, line: &[u8]) -> Option<u64> {
    if !layout.fits(line) {
        *layout = Layout::of(line)?;
    }
    let mut faults = Faults::NONE;
    let (phys, end) = hex(line, layout.digits.into(), &mut faults)?;
    (!faults.any() && line.get(end) == Some(&b' ')).then_some(phys)
}

impl Layout {
    /// Whether the address stands at the same place in `line`. A blank, a time with its point and
    /// six places behind it, one word between blanks, `0x`: of a line that parses nothing else
    /// fits in there, though not all bytes are looked at.
    #[inline(always)]
    fn fits(self, line: &[u8]) -> bool {
        let (point, digits) = (usize::from(self.point), usize::from(self.digits));
        let Some(head) = line.get(..digits) else {
            return false;
        };
        matches!(head, [_, b' ', _, b' ', ..])
            && head.get(point) == Some(&b'.')
            && head.get(point + 7) == Some(&b' ')
            && head.ends_with(b" 0x")
    }

    #[cold]
    fn of(line: &[u8]) -> Option<Self> {
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
        let layout = Self {
            point: u8::try_from(point).ok()?,
            digits: u8::try_from(point + 8 + map_id.len + 3).ok()?,
        };
        (!faults.any() && layout.fits(line)).then_some(layout)
    }
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
