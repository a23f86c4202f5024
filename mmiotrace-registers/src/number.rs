//! Numbers as people write them in maps.

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

#[cfg(test)]
mod tests {
    use super::parse;

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
