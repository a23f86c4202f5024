//! Digits, eight at a time, in one register.
//!
//! A word holds eight bytes of text, the first in its lowest byte. Taking `'0'` from every byte
//! leaves digits as numbers, and makes the first byte below `'0'` (a blank, a newline, a point)
//! negative, which is how the end of a number is found: borrows only reach bytes after it.
//!
//! Faults are gathered, and looked at once for the whole line.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x80 * ONES;

/// The faults of a line: a high nibble that is not 0 says that some byte was no digit.
#[derive(Clone, Copy)]
pub(super) struct Faults(u64);

impl Faults {
    pub(super) const NONE: Self = Self(0);

    #[inline(always)]
    pub(super) const fn any(self) -> bool {
        self.0 & (0xf0 * ONES) != 0
    }
}

/// Up to eight bytes of text that should be digits.
#[derive(Clone, Copy)]
pub(super) struct Digits {
    /// Less `'0'` each; the last one in the highest byte, zeros below the first.
    aligned: u64,
    /// How many: 1 to 8. Where it says 8 there may be more of them.
    pub(super) len: usize,
}

impl Digits {
    /// The bytes of `word` before the first one below `'0'`. Where there is none before it, that
    /// byte itself is among them, and is a fault.
    #[inline(always)]
    pub(super) const fn leading(word: u64) -> Self {
        let less = word.wrapping_sub(b'0' as u64 * ONES);
        let end = (less & HIGHS).trailing_zeros();
        // No bits to shift out where all eight are digits (`end` is 64) or none is (7).
        let aligned = less.wrapping_shl((end & 56).wrapping_neg());
        Self {
            aligned,
            len: (end >> 3) as usize,
        }
    }

    /// All eight bytes.
    #[inline(always)]
    pub(super) const fn all(word: u64) -> Self {
        Self {
            aligned: word.wrapping_sub(b'0' as u64 * ONES),
            len: 8,
        }
    }

    /// The first six bytes.
    #[inline(always)]
    pub(super) const fn six(word: u64) -> Self {
        Self {
            aligned: (word << 16).wrapping_sub((b'0' as u64 * ONES) << 16),
            len: 6,
        }
    }

    /// The number they make in decimal.
    #[inline(always)]
    pub(super) const fn decimal(self, faults: &mut Faults) -> u64 {
        // Above 9, six more reach the high nibble.
        faults.0 |= self.aligned | self.aligned.wrapping_add(6 * ONES);
        let pairs = self.aligned.wrapping_mul(10 << 8 | 1) >> 8;
        let high = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(1_000_000 << 32 | 100);
        let low = ((pairs >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(10_000 << 32 | 1);
        high.wrapping_add(low) >> 32
    }

    /// The number they make in hex, letters in lower case.
    #[inline(always)]
    pub(super) const fn hex(self, faults: &mut Faults) -> u64 {
        // Letters, and faults, have this bit.
        let letters = (self.aligned >> 4) & ONES;
        let nibbles = self
            .aligned
            .wrapping_sub(letters.wrapping_mul((b'a' - b'0' - 10) as u64));
        // Six more reach the high nibble exactly where there was a letter.
        let carried = nibbles.wrapping_add(6 * ONES) ^ (letters << 4);
        faults.0 |= nibbles | carried;
        let pairs = (nibbles.wrapping_mul(1 << 12 | 1) >> 8) & 0x00ff_00ff_00ff_00ff;
        let fours = (pairs.wrapping_mul(1 << 24 | 1) >> 16) & 0x0000_ffff_0000_ffff;
        (fours << 16 | fours >> 32) & 0xffff_ffff
    }
}
