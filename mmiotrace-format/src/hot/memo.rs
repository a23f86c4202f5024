//! Columns that seldom change, compared instead of parsed.

/// What the last line had in such columns.
///
/// It only saves work: whatever it holds, the same lines give the same events.
#[derive(Clone, Debug)]
pub(crate) struct Memo {
    /// `6.` as nanoseconds.
    pub(super) seconds: Remembered<u64>,
    /// ` 1 0x` as the map id.
    pub(super) map_id: Remembered<i32>,
}

impl Memo {
    /// Nothing remembered.
    pub(crate) const fn new() -> Self {
        Self {
            seconds: Remembered::nothing(0),
            map_id: Remembered::nothing(0),
        }
    }
}

/// Text of at most eight bytes and the value that it stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remembered<T> {
    text: u64,
    /// The bytes of a word that belong to the text. Where nothing is remembered, the text has a
    /// bit outside of them, and so matches no word.
    mask: u64,
    len: u8,
    pub(super) value: T,
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
    pub(super) const fn matches(&self, word: u64) -> bool {
        word & self.mask == self.text
    }

    /// Remembers the first `len` bytes of `word`, 1 to 8 of them.
    pub(super) fn remember(&mut self, word: u64, len: usize, value: T) {
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
    pub(super) const fn len(&self) -> usize {
        (self.len & 15) as usize
    }
}
