//! The numbers of SVD files.

/// A number as the schema allows it: decimal, `0x` hexadecimal, `#` or `0b` binary, each with a
/// `+` before and a `k`, `m`, `g` or `t` (powers of 1024) behind it.
pub(super) fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let text = text.strip_prefix('+').unwrap_or(text);
    let (text, shift) = match text.chars().next_back()?.to_ascii_lowercase() {
        'k' => (&text[..text.len() - 1], 10),
        'm' => (&text[..text.len() - 1], 20),
        'g' => (&text[..text.len() - 1], 30),
        't' => (&text[..text.len() - 1], 40),
        _ => (text, 0),
    };
    let (digits, radix) = split_radix(text);
    // `from_str_radix` would take another sign.
    if !digits.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return None;
    }
    let number = u64::from_str_radix(digits, radix).ok()?;
    number.checked_mul(1 << shift)
}

/// A value and the bits of it that do not matter, written `x` in binary.
pub(super) fn pattern(text: &str) -> Option<(u64, u64)> {
    let text = text.trim();
    let (digits, radix) = split_radix(text);
    if radix != 2 || !digits.contains(['x', 'X']) {
        return match text {
            "true" => Some((1, 0)),
            "false" => Some((0, 0)),
            _ => parse(text).map(|value| (value, 0)),
        };
    }
    if digits.is_empty() || digits.len() > 64 {
        return None;
    }
    digits.bytes().try_fold((0, 0), |(value, any), digit| {
        let (bit, free) = match digit {
            b'0' => (0, 0),
            b'1' => (1, 0),
            b'x' | b'X' => (0, 1),
            _ => return None,
        };
        Some((value << 1 | bit, any << 1 | free))
    })
}

fn split_radix(text: &str) -> (&str, u32) {
    let prefixes = [("0x", 16), ("0X", 16), ("#", 2), ("0b", 2), ("0B", 2)];
    for (prefix, radix) in prefixes {
        if let Some(digits) = text.strip_prefix(prefix) {
            return (digits, radix);
        }
    }
    (text, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_form() {
        let table = [
            ("12", Some(12)),
            ("0X1f", Some(31)),
            ("#101", Some(5)),
            ("0b11", Some(3)),
            ("+4k", Some(4096)),
            ("0x", None),
            ("", None),
            ("-1", None),
            ("#+1", None),
            ("12 34", None),
            ("99999999999999999999", None),
            ("16777216t", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn patterns_with_free_bits() {
        assert_eq!(pattern("#1x0"), Some((4, 2)));
        assert_eq!(pattern("0bX"), Some((0, 1)));
        assert_eq!(pattern("0x1f"), Some((31, 0)));
        assert_eq!(pattern("#1y"), None);
        assert_eq!(pattern("#"), None);
    }
}
