//! Where things are in the shared memory, in words of eight bytes. This is the interface between
//! who captures and who records: [`ABI_VERSION`] changes with every change here.

use crate::number::{index, word};

/// The version of the layout. Both sides compare it before they touch anything else.
pub const ABI_VERSION: u64 = 2;

/// `mmiotrc1` as a little-endian word.
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"mmiotrc1");

/// Words of a cache line: what different CPUs write is on different lines.
pub(super) const LINE: usize = 8;

// Line 0: written once, before the magic.
pub(super) const W_MAGIC: usize = 0;
pub(super) const W_VERSION: usize = 1;
pub(super) const W_CONTEXTS: usize = 2;
pub(super) const W_RINGS: usize = 3;
pub(super) const W_SLOTS: usize = 4;
pub(super) const W_OPTIONS: usize = 5;
// Line 1: the recorder's.
pub(super) const W_RECORDER: usize = LINE;
pub(super) const W_RECORDER_START: usize = LINE + 1;
pub(super) const W_HEARTBEAT: usize = LINE + 2;
pub(super) const W_CLOSED: usize = LINE + 3;
// One line each: every access of every CPU writes them.
pub(super) const W_SEQUENCE: usize = 2 * LINE;
pub(super) const W_ORDER_LOCK: usize = 3 * LINE;
// Line 4: rarely written.
pub(super) const W_MAP_ID: usize = 4 * LINE;
pub(super) const W_SLOWDOWN: usize = 4 * LINE + 1;

// Line 5: what the recorder has written: a generation, and two places of three words each.
pub(super) const W_WRITTEN: usize = 5 * LINE;

pub(super) const HEADER_WORDS: usize = 6 * LINE;
pub(super) const CONTEXTS_AT: usize = HEADER_WORDS;
pub(super) const CONTEXT_WORDS: usize = LINE;
/// Head, tail and loss count of a ring, one line each.
pub(super) const RING_HEADER_WORDS: usize = 3 * LINE;
/// A tag and seven words of payload.
pub(super) const SLOT_WORDS: usize = LINE;

/// The size of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// How many contexts (CPUs, threads) can capture at a time; 1 to 65,536.
    pub contexts: u32,
    /// How many rings they share: context `n` writes to ring `n % rings`; 1 to 4,096.
    pub rings: u32,
    /// How many slots of 64 bytes a ring has: a power of two, 128 to 2^28. An access of up to
    /// eight bytes takes one slot.
    pub slots: u32,
}

impl Geometry {
    /// Whether every number is in its range.
    #[must_use]
    pub const fn is_valid(&self) -> bool {
        self.contexts >= 1
            && self.contexts <= 65_536
            && self.rings >= 1
            && self.rings <= 4_096
            && self.slots.is_power_of_two()
            && self.slots >= 128
            && self.slots <= 1 << 28
    }

    /// How many words the channel takes; `None` unless [valid](Self::is_valid).
    #[must_use]
    pub fn words(&self) -> Option<usize> {
        if !self.is_valid() {
            return None;
        }
        let contexts = index(u64::from(self.contexts)).checked_mul(CONTEXT_WORDS)?;
        let rings = index(u64::from(self.rings)).checked_mul(self.ring_words())?;
        CONTEXTS_AT.checked_add(contexts)?.checked_add(rings)
    }

    /// How many bytes the channel takes; `None` unless [valid](Self::is_valid).
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        word(self.words()?).checked_mul(8)
    }

    pub(super) fn ring_words(&self) -> usize {
        RING_HEADER_WORDS + index(u64::from(self.slots)) * SLOT_WORDS
    }

    pub(super) fn context_at(&self, number: u32) -> usize {
        CONTEXTS_AT + index(u64::from(number)) * CONTEXT_WORDS
    }

    pub(super) fn ring_at(&self, number: u32) -> usize {
        self.context_at(self.contexts) + index(u64::from(number)) * self.ring_words()
    }
}
