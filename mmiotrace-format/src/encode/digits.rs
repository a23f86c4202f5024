//! Eight digits at a time, in one register: the mirror image of the parser's words.
//!
//! The first digit is in the lowest byte, so that the word in little-endian order is the text.

const ONES: u64 = 0x0101_0101_0101_0101;
const ZEROS: u64 = b'0' as u64 * ONES;

/// All eight decimal digits of a number below 10^8.
#[inline(always)]
pub(super) const fn decimal(number: u32) -> u64 {
    // Twice four digits, four times two, eight times one; a quotient is a product and a shift,
    // exact for numbers of that many digits.
    let (high, low) = (number / 10_000, number % 10_000);
    let fours = high as u64 | ((low as u64) << 32);
    let hundreds = (fours.wrapping_mul(10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = (twos.wrapping_mul(103) >> 10) & 0x000f_000f_000f_000f;
    (tens | ((twos - 10 * tens) << 8)) + ZEROS
}

/// All eight hex digits, letters in lower case.
#[inline(always)]
pub(super) const fn hex(number: u32) -> u64 {
    let number = number as u64;
    let fours = (number | (number << 16)) & 0x0000_ffff_0000_ffff;
    let twos = (fours | (fours << 8)) & 0x00ff_00ff_00ff_00ff;
    let nibbles = (twos | (twos << 4)) & 0x0f0f_0f0f_0f0f_0f0f;
    // From 10 up, six more reach the next nibble.
    let letters = ((nibbles + 6 * ONES) >> 4) & ONES;
    (nibbles + ZEROS + letters * (b'a' - b'0' - 10) as u64).swap_bytes()
}

/// The digits without the zeros before them, and how many are left: one at least.
#[inline(always)]
pub(super) const fn without_zeros(digits: u64) -> (u64, usize) {
    let zeros = (digits ^ ZEROS).trailing_zeros() / 8;
    let zeros = if zeros > 7 { 7 } else { zeros };
    (digits >> (8 * zeros), 8 - zeros as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::String;

    fn text(digits: u64) -> String {
        String::from_utf8(digits.to_le_bytes().to_vec()).unwrap()
    }

    /// Every number of four digits, in both halves, and the ends.
    #[test]
    fn as_the_standard_library_prints() {
        for number in (0..10_000)
            .flat_map(|n| [n, n * 10_000, n * 10_001])
            .chain([99_999_999])
        {
            assert_eq!(text(decimal(number)), format!("{number:08}"));
        }
        for number in (0..0x10000).flat_map(|n| [n, n << 16, n * 0x10001]) {
            assert_eq!(text(hex(number)), format!("{number:08x}"));
            let (digits, len) = without_zeros(hex(number));
            assert_eq!(text(digits)[..len], format!("{number:x}"));
        }
    }
}
