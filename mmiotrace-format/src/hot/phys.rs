//! The physical address of an access, and nothing else of its line.

use super::word::{Digits, Faults};

/// The bytes that must be there: the columns up to the address, and room to load whole words.
const WINDOW: usize = 64;

type Window = [u8; WINDOW];

/// The columns before the address must end within so many words, or they are not remembered.
const WORDS: usize = 4;

/// Where in a line the address stood the last time: in lines one after the other it mostly stands
/// at the same place.
///
/// It only saves work: whatever it holds, the same lines give the same addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// The bytes that stand around the columns before the address, and which bytes these are.
    text: [u64; WORDS],
    mask: [u64; WORDS],
    /// The first digit of the address.
    digits: u8,
}

impl Default for Layout {
    fn default() -> Self {
        // Eight zero bytes begin no line.
        let mask = [u64::MAX, 0, 0, 0];
        Self {
            text: [0; WORDS],
            mask,
            digits: 0,
        }
    }
}

/// The physical address of the `R` or `W` that begins `line`, where that is as the kernel prints
/// it. The columns behind the address are not looked at, and those before it only as far as needed
/// to know where it stands.
#[inline(always)]
pub(crate) fn phys(layout: &mut Layout, line: &[u8]) -> Option<u64> {
    let window: &Window = line.first_chunk()?;
    if !layout.fits(window) {
        *layout = Layout::of(window)?;
    }
    let at = usize::from(layout.digits) & 31;
    let mut faults = Faults::NONE;
    let digits = Digits::leading(word(window, at)?);
    let phys = digits.hex(&mut faults);
    let end = at + digits.len;
    if faults.any() {
        return None;
    }
    match window.get(end) {
        Some(b' ') => Some(phys),
        _ => wide(window, end, phys),
    }
}

/// The same for an address of more than eight digits, of which these are the first.
#[cold]
fn wide(window: &Window, at: usize, high: u64) -> Option<u64> {
    let mut faults = Faults::NONE;
    let digits = Digits::leading(word(window, at)?);
    let phys = high << (4 * (digits.len & 15)) | digits.hex(&mut faults);
    (!faults.any() && window.get(at + digits.len) == Some(&b' ')).then_some(phys)
}

impl Layout {
    /// Whether the address stands at the same place in this line. Blanks where they were, a time
    /// with its point and six places behind it, one word, `0x`: of a line that parses nothing
    /// else fits in there, though not all bytes are looked at.
    #[inline(always)]
    fn fits(&self, window: &Window) -> bool {
        let mut differences = 0;
        let mut at = 0;
        while at < WORDS {
            if let Some(word) = word(window, at * 8) {
                differences |= (word ^ self.text[at]) & self.mask[at];
            }
            at += 1;
        }
        differences == 0
    }

    #[cold]
    fn of(window: &Window) -> Option<Self> {
        let mut faults = Faults::NONE;
        let seconds = Digits::leading(word(window, 4)?);
        seconds.decimal(&mut faults);
        let point = 4 + seconds.len;
        Digits::six(word(window, point + 1)?).decimal(&mut faults);
        let map_id = Digits::leading(word(window, point + 8)?);
        map_id.decimal(&mut faults);
        let digits = point + 8 + map_id.len + 3;
        let mut layout = Self {
            text: [0; WORDS],
            mask: [0; WORDS],
            digits: u8::try_from(digits).ok().filter(|digits| *digits < 32)?,
        };
        let around = [(1, b' '), (3, b' '), (point, b'.'), (point + 7, b' ')];
        let prefix = [(digits - 3, b' '), (digits - 2, b'0'), (digits - 1, b'x')];
        for (at, byte) in around.into_iter().chain(prefix) {
            layout.text[at / 8] |= u64::from(byte) << (at % 8 * 8);
            layout.mask[at / 8] |= 0xff << (at % 8 * 8);
        }
        (!faults.any() && layout.fits(window)).then_some(layout)
    }
}

#[inline(always)]
fn word(window: &Window, at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*window.get(at..)?.first_chunk()?))
}
