//! Columns that seldom change, compared instead of parsed.

use super::Window;
use super::columns::{other_map_id, seconds};

/// What may be known of a line before it is looked at.
///
/// It only saves work: whatever it is, the same lines give the same events.
pub(crate) trait Memory {
    /// `6.` at the beginning of `text`, as nanoseconds, and its length.
    fn seconds(&mut self, text: u64) -> Option<(u64, usize)>;

    /// ` 1 0x` at `at` of the line, which `text` is a copy of, as the map id, and where it ends.
    fn map_id(&mut self, line: &Window, at: usize, text: u64) -> Option<(i32, usize)>;
}

/// Nothing is known: for lines that come alone.
pub(crate) struct Nothing;

impl Memory for Nothing {
    #[inline(always)]
    fn seconds(&mut self, text: u64) -> Option<(u64, usize)> {
        seconds(text)
    }

    #[inline(always)]
    fn map_id(&mut self, line: &Window, at: usize, _: u64) -> Option<(i32, usize)> {
        other_map_id(line, at)
    }
}

/// What the last line had: for lines one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Memo {
    seconds: Remembered<u64>,
    map_id: Remembered<i32>,
}

impl Memo {
    /// Nothing remembered yet.
    pub(crate) const fn new() -> Self {
        Self {
            seconds: Remembered::nothing(0),
            map_id: Remembered::nothing(0),
        }
    }

    #[cold]
    fn other_seconds(&mut self, text: u64) -> Option<()> {
        let (nanos, len) = seconds(text)?;
        self.seconds.remember(text, len, nanos);
        Some(())
    }

    #[inline(never)]
    fn other_map_id(&mut self, line: &Window, at: usize, text: u64) -> Option<(i32, usize)> {
        let (id, end) = other_map_id(line, at)?;
        if end - at <= 8 {
            self.map_id.remember(text, end - at, id);
        }
        Some((id, end))
    }
}

impl Memory for Memo {
    #[inline(always)]
    fn seconds(&mut self, text: u64) -> Option<(u64, usize)> {
        if !self.seconds.matches(text) {
            self.other_seconds(text)?;
        }
        Some((self.seconds.value, self.seconds.len()))
    }

    #[inline(always)]
    fn map_id(&mut self, line: &Window, at: usize, text: u64) -> Option<(i32, usize)> {
        if self.map_id.matches(text) {
            return Some((self.map_id.value, at + self.map_id.len()));
        }
        self.other_map_id(line, at, text)
    }
}

/// Text of at most eight bytes and the value that it stands for.
#[derive(Clone, Copy, Debug)]
struct Remembered<T> {
    text: u64,
    /// The bytes of a word that belong to the text. Where nothing is remembered, the text has a
    /// bit outside of them, and so matches no word.
    mask: u64,
    len: u8,
    value: T,
}

impl<T> Remembered<T> {
    const fn nothing(value: T) -> Self {
        Self {
            text: 1,
            mask: 0,
            len: 0,
            value,
        }
    }

    /// Whether `word` begins with the text.
    #[inline(always)]
    const fn matches(&self, word: u64) -> bool {
        word & self.mask == self.text
    }

    /// Remembers the first `len` bytes of `word`, 1 to 8 of them.
    fn remember(&mut self, word: u64, len: usize, value: T) {
        let len = len.min(8) as u8;
        let mask = u64::MAX >> (64 - 8 * u32::from(len.max(1)));
        *self = Self {
            text: word & mask,
            mask,
            len,
            value,
        };
    }

    /// How long the text is; at most 15 to the compiler, which so sees that no load after it
    /// leaves the window.
    #[inline(always)]
    const fn len(&self) -> usize {
        (self.len & 15) as usize
    }
}
