//! A line in the making, on the stack.

use mmiotrace_core::Timestamp;

/// Longer than any line that is made here: the longest is an annotation of a wide value.
const CAPACITY: usize = 256;

/// The text of one or more short lines. What does not fit is left out; nothing that is made here
/// comes near.
pub(crate) struct Text {
    bytes: [u8; CAPACITY],
    len: usize,
}

impl Text {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; CAPACITY],
            len: 0,
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) -> &mut Self {
        if let Some(space) = self.bytes.get_mut(self.len..self.len + bytes.len()) {
            space.copy_from_slice(bytes);
            self.len += bytes.len();
        }
        self
    }

    pub(crate) fn decimal(&mut self, number: u64) -> &mut Self {
        self.decimal_padded(number, 1)
    }

    pub(crate) fn signed(&mut self, number: i32) -> &mut Self {
        if number < 0 {
            self.push(b"-");
        }
        self.decimal(number.unsigned_abs().into())
    }

    /// With `0x` before it, as few digits as there are.
    pub(crate) fn hex(&mut self, number: u64) -> &mut Self {
        self.push(b"0x").bare_hex(number)
    }

    pub(crate) fn bare_hex(&mut self, number: u64) -> &mut Self {
        let digits = (64 - (number | 1).leading_zeros()).div_ceil(4);
        for place in (0..digits).rev() {
            self.hex_digit((number >> (4 * place)) as u8);
        }
        self
    }

    /// Two digits a byte, in the order of the bytes.
    pub(crate) fn hex_bytes(&mut self, bytes: &[u8]) -> &mut Self {
        for byte in bytes {
            self.hex_digit(byte >> 4);
            self.hex_digit(*byte);
        }
        self
    }

    fn hex_digit(&mut self, digit: u8) {
        let digit = digit & 0xf;
        self.push(&[if digit < 10 {
            b'0' + digit
        } else {
            b'a' + digit - 10
        }]);
    }

    /// `%u.%06lu`.
    pub(crate) fn time(&mut self, time: Timestamp) -> &mut Self {
        let micros = time.as_micros_rounded();
        self.decimal(micros / 1_000_000)
            .push(b".")
            .decimal_padded(micros % 1_000_000, 6)
    }

    fn decimal_padded(&mut self, mut number: u64, width: usize) -> &mut Self {
        let mut digits = [b'0'; 20];
        let mut first = digits.len();
        while number > 0 || first > digits.len() - width {
            first -= 1;
            digits[first] = b'0' + (number % 10) as u8;
            number /= 10;
        }
        self.push(&digits[first..])
    }
}
