//! A line in the making.

use super::digits;
use mmiotrace_core::Timestamp;

/// Longer than any line that is made here: the longest is an annotation of a blind interval, with
/// 150 bytes.
const CAPACITY: usize = 256;

/// The text of one short line.
///
/// Bytes are written in whole words, most of them past the end of the text, where the next ones
/// overwrite them.
pub(crate) struct Text {
    bytes: [u8; CAPACITY + 8],
    // INVARIANT: below CAPACITY, because no line comes near it. Where it is used as an index its
    // lower bits are taken, so that the compiler sees that no word leaves the array.
    len: usize,
}

impl Text {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; CAPACITY + 8],
            len: 0,
        }
    }

    pub(crate) const fn clear(&mut self) {
        self.len = 0;
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Text of any length, as far as there is room.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> &mut Self {
        if let Some(space) = self.bytes.get_mut(self.len..self.len + bytes.len()) {
            space.copy_from_slice(bytes);
            self.len += bytes.len();
        }
        self
    }

    /// Up to eight bytes that are known beforehand.
    #[inline(always)]
    pub(crate) fn put<const N: usize>(&mut self, bytes: &[u8; N]) -> &mut Self {
        const { assert!(N <= 8) };
        let mut word = [0; 8];
        word[..N].copy_from_slice(bytes);
        self.word(u64::from_le_bytes(word), N)
    }

    /// The first `len` bytes of a word.
    #[inline(always)]
    fn word(&mut self, word: u64, len: usize) -> &mut Self {
        let at = self.len % CAPACITY;
        self.bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
        self.len += len;
        self
    }

    #[inline(always)]
    pub(crate) fn decimal(&mut self, number: u64) -> &mut Self {
        if number < 10 {
            return self.put(&[b'0' + number as u8]);
        }
        self.long_decimal(number)
    }

    fn long_decimal(&mut self, number: u64) -> &mut Self {
        const WORD: u64 = 100_000_000;
        if number >= WORD {
            return self
                .decimal(number / WORD)
                .word(digits::decimal((number % WORD) as u32), 8);
        }
        let (text, len) = digits::without_zeros(digits::decimal(number as u32));
        self.word(text, len)
    }

    #[inline(always)]
    pub(crate) fn signed(&mut self, number: i32) -> &mut Self {
        if number < 0 {
            self.put(b"-");
        }
        self.decimal(number.unsigned_abs().into())
    }

    /// With `0x` before it, as few digits as there are.
    #[inline(always)]
    pub(crate) fn hex(&mut self, number: u64) -> &mut Self {
        self.put(b"0x");
        let high = (number >> 32) as u32;
        if high == 0 {
            let (text, len) = digits::without_zeros(digits::hex(number as u32));
            return self.word(text, len);
        }
        let (text, len) = digits::without_zeros(digits::hex(high));
        self.word(text, len).word(digits::hex(number as u32), 8)
    }

    /// Two hex digits a byte, in the order of the bytes.
    pub(crate) fn hex_bytes(&mut self, bytes: &[u8]) -> &mut Self {
        for byte in bytes {
            let [.., high, low] = digits::hex((*byte).into()).to_le_bytes();
            self.put(&[high, low]);
        }
        self
    }

    /// `%u.%06lu`.
    #[inline(always)]
    pub(crate) fn time(&mut self, time: Timestamp) -> &mut Self {
        let micros = time.as_micros_rounded();
        self.decimal(micros / 1_000_000);
        // Of eight digits the first two are zeros: one of them makes room for the point.
        let fraction = digits::decimal((micros % 1_000_000) as u32) >> 8;
        self.word(fraction & !0xff | u64::from(b'.'), 7)
    }
}

impl core::fmt::Debug for Text {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}
