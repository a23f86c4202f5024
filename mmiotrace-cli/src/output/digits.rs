//! Numbers as text, and text in columns: what every line has, many millions of times.

use mmiotrace_core::Timestamp;

/// The text of a number.
pub(super) struct Digits {
    /// The text is at the end.
    bytes: [u8; 20],
    from: usize,
}

impl Digits {
    /// As `{:#x}` prints it.
    pub(super) fn hex(mut number: u64) -> Self {
        let mut digits = Self::none();
        loop {
            digits.push_front(DIGITS[(number & 0xf) as usize]);
            number >>= 4;
            if number == 0 {
                break;
            }
        }
        digits.push_front(b'x');
        digits.push_front(b'0');
        digits
    }

    /// As `{}` prints it.
    pub(super) fn decimal(number: u64) -> Self {
        Self::padded(number, 1)
    }

    /// With zeros before it, up to `width` digits.
    fn padded(mut number: u64, width: usize) -> Self {
        let mut digits = Self::none();
        while number != 0 || digits.as_bytes().len() < width {
            digits.push_front(b'0' + (number % 10) as u8);
            number /= 10;
        }
        digits
    }

    const fn none() -> Self {
        Self {
            bytes: [0; 20],
            from: 20,
        }
    }

    fn push_front(&mut self, byte: u8) {
        // 64 bits have at most 20 digits.
        if let Some(from) = self.from.checked_sub(1) {
            self.bytes[from] = byte;
            self.from = from;
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.from..]
    }

    fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The lowest four bits.
pub(super) const fn hex_digit(number: u64) -> char {
    DIGITS[(number & 0xf) as usize] as char
}

/// Appends a number as `{:#x}` prints it.
pub(super) fn push_hex(out: &mut String, number: u64) {
    out.push_str(Digits::hex(number).as_str());
}

/// Appends a number.
pub(super) fn push_decimal(out: &mut String, number: u64) {
    out.push_str(Digits::decimal(number).as_str());
}

/// Appends a number with zeros before it, up to `width` digits.
pub(super) fn push_fraction(out: &mut String, number: u64, width: usize) {
    out.push_str(Digits::padded(number, width).as_str());
}

/// Appends a time as [`Timestamp`] prints itself.
pub(super) fn push_time(out: &mut String, time: Timestamp) {
    let micros = time.as_micros_rounded();
    push_decimal(out, micros / 1_000_000);
    out.push('.');
    push_fraction(out, micros % 1_000_000, 6);
}

/// Appends a text and blanks up to `width` characters, and one more.
pub(super) fn push_left(out: &mut String, text: &str, width: usize) {
    out.push_str(text);
    push_blanks(out, width.saturating_sub(count(text)) + 1);
}

/// Appends blanks and a text, of `width` characters together, and one more blank.
pub(super) fn push_right(out: &mut String, text: &str, width: usize) {
    push_blanks(out, width.saturating_sub(count(text)));
    out.push_str(text);
    out.push(' ');
}

fn push_blanks(out: &mut String, count: usize) {
    const BLANKS: &str = "                                ";
    match BLANKS.get(..count) {
        Some(blanks) => out.push_str(blanks),
        None => out.extend(core::iter::repeat_n(' ', count)),
    }
}

fn count(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.chars().count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_the_standard_library_prints_them() {
        for bit in 0..64 {
            for number in [1 << bit, (1 << bit) - 1, !0 - (1 << bit), u64::MAX >> bit] {
                let (mut hex, mut decimal) = (String::new(), String::new());
                push_hex(&mut hex, number);
                push_decimal(&mut decimal, number);
                assert_eq!((hex, decimal), (format!("{number:#x}"), number.to_string()));
            }
        }
        let mut text = String::new();
        push_fraction(&mut text, 42, 6);
        assert_eq!(text, "000042");
    }

    #[test]
    fn times_print_as_they_print_themselves() {
        for nanos in [
            0,
            499,
            500,
            1_234_567_890,
            6_719_459_499,
            123_456_000_000_000,
        ] {
            let time = Timestamp::from_nanos(nanos);
            let mut text = String::new();
            push_time(&mut text, time);
            assert_eq!(text, time.to_string());
        }
    }

    #[test]
    fn columns_are_as_wide_as_the_standard_library_makes_them() {
        for text in [
            "",
            "name",
            "é",
            "a long name that does not fit in here at all, really not",
        ] {
            let (mut left, mut right) = (String::new(), String::new());
            push_left(&mut left, text, 20);
            push_right(&mut right, text, 20);
            assert_eq!(left, format!("{text:<20} "));
            assert_eq!(right, format!("{text:>20} "));
        }
    }
}
