//! Numbers as people write them in maps, and as they are shown.

/// The hexadecimal digits.
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// A decimal number, or one in hex with `0x`; underscores between digits do not count.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None => (text, 10),
    };
    // from_str_radix would take a sign.
    if !digits.starts_with(|first: char| first.is_digit(radix)) {
        return None;
    }
    if digits.contains('_') {
        return u64::from_str_radix(&digits.replace('_', ""), radix).ok();
    }
    u64::from_str_radix(digits, radix).ok()
}

/// Appends what `{:#x}` gives. That goes through several layers, and this for every field of every
/// access.
pub(crate) fn push_hex(out: &mut String, number: u64) {
    let mut text = *b"0x0000000000000000";
    let digits = (64 - number.leading_zeros()).div_ceil(4).max(1) as usize;
    for (digit, place) in (0..digits).rev().zip(&mut text[2..]) {
        *place = DIGITS[(number >> (4 * digit)) as usize & 0xf];
    }
    push_ascii(out, &text[..digits + 2]);
}

/// Appends decimal digits.
pub(crate) fn push_decimal(out: &mut String, mut number: u64) {
    let mut text = [0; 20];
    let mut at = text.len();
    loop {
        at -= 1;
        text[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    push_ascii(out, &text[at..]);
}

fn push_ascii(out: &mut String, text: &[u8]) {
    out.push_str(core::str::from_utf8(text).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::{parse, push_decimal, push_hex};

    #[test]
    fn numbers_are_shown_as_the_standard_library_shows_them() {
        let powers = (0..64).flat_map(|bit| {
            let power = 1_u64 << bit;
            [power - 1, power, power + 1]
        });
        let tens = (0..20).map(|exponent| 10_u64.pow(exponent));
        for number in powers.chain(tens).chain([u64::MAX]) {
            let (mut hex, mut decimal) = (String::new(), String::new());
            push_hex(&mut hex, number);
            push_decimal(&mut decimal, number);
            assert_eq!(hex, format!("{number:#x}"));
            assert_eq!(decimal, number.to_string());
        }
    }

    #[test]
    fn hex_and_decimal() {
        assert_eq!(parse("0x10"), Some(16));
        assert_eq!(parse(" 10 "), Some(10));
        assert_eq!(parse("0xFFFF_FFFF"), Some(0xffff_ffff));
        assert_eq!(parse("+1"), None);
        assert_eq!(parse("0x+1"), None);
        assert_eq!(parse(""), None);
        assert_eq!(parse("0x"), None);
        assert_eq!(parse("18446744073709551616"), None);
    }
}
