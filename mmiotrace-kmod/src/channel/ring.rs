//! A ring of slots with any number of producers and one consumer, without locks.
//!
//! A producer may be interrupted between any two instructions by another producer of the same
//! ring (an NMI, another thread), may be killed there, and the memory may be shared with a process
//! that is not trusted. Therefore:
//! - a place is reserved by one compare-and-swap, and a record counts only when its tag is stored;
//! - the tag names the position, which never repeats, so that the content of an earlier lap is
//!   never taken for a record;
//! - what finds no room is dropped and counted (the newest, so that the count is exact);
//! - the consumer copies a record before it looks at it.

use super::layout::SLOT_WORDS;
use crate::number::{index, low_byte, word};
use crate::sync::{AtomicU64, Ordering};

/// Payload words of a slot: the first word is the tag.
pub(crate) const PAYLOAD_WORDS: usize = SLOT_WORDS - 1;
/// The longest record, in slots.
pub(crate) const MAX_SLOTS: usize = 80;
/// The longest record, in words of payload.
pub(crate) const MAX_WORDS: usize = MAX_SLOTS * PAYLOAD_WORDS;

const PADDING: u64 = 1;
/// Positions count slots from the ring's creation; 48 bits last for 50 years at 100 ns a slot.
const POSITION_SHIFT: u32 = 16;

/// One ring, as a view of the shared memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ring<'m> {
    /// The next position to reserve.
    head: &'m AtomicU64,
    /// The next position to consume.
    tail: &'m AtomicU64,
    lost: &'m AtomicU64,
    // INVARIANT: a power of two of slots.
    slots: &'m [AtomicU64],
}

/// What the consumer found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Popped {
    /// A record of this many payload words.
    Record(usize),
    /// Nothing is reserved.
    Empty,
    /// A place is reserved and not yet written.
    Unfinished,
}

#[inline]
fn tag(position: u64, slots: usize, flags: u64) -> u64 {
    (position.wrapping_add(1) << POSITION_SHIFT) | (word(slots) << 8) | flags
}

impl<'m> Ring<'m> {
    pub(crate) const fn new(
        head: &'m AtomicU64,
        tail: &'m AtomicU64,
        lost: &'m AtomicU64,
        slots: &'m [AtomicU64],
    ) -> Self {
        Self {
            head,
            tail,
            lost,
            slots,
        }
    }

    #[inline]
    fn capacity(&self) -> u64 {
        word(self.slots.len() / SLOT_WORDS)
    }

    /// The words of the slot at `position`, and the rest of the ring after it.
    #[inline]
    fn slot(&self, position: u64) -> &'m [AtomicU64] {
        let slot = position & self.capacity().wrapping_sub(1);
        self.slots.get(index(slot) * SLOT_WORDS..).unwrap_or(&[])
    }

    /// Takes room for a record, or `None` where fewer than `keep_free` slots would stay free.
    #[inline]
    fn reserve(&self, slots: usize, keep_free: u64) -> Option<u64> {
        let wanted = word(slots);
        let capacity = self.capacity();
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            let to_end = capacity - (head & (capacity - 1));
            // A record never wraps around the end of the ring; what is left there is padding.
            let padding = if wanted > to_end { to_end } else { 0 };
            // Acquire: the consumer has read what this overwrites.
            let used = head.wrapping_sub(self.tail.load(Ordering::Acquire));
            if used.saturating_add(padding + wanted + keep_free) > capacity {
                return None;
            }
            match self.head.compare_exchange_weak(
                head,
                head.wrapping_add(padding + wanted),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    if padding > 0 {
                        self.commit(head, index(padding), PADDING);
                    }
                    return Some(head.wrapping_add(padding));
                }
                Err(now) => head = now,
            }
        }
    }

    #[inline]
    fn commit(&self, position: u64, slots: usize, flags: u64) {
        if let Some(first) = self.slot(position).first() {
            // Release: the payload is there before its tag.
            first.store(tag(position, slots, flags), Ordering::Release);
        }
    }

    /// Writes one record of `len` words, or says `false` where there is no room (or the record is
    /// too long). Nothing is counted: see [`Ring::count_lost`].
    #[must_use]
    pub(crate) fn push(
        &self,
        payload: impl IntoIterator<Item = u64>,
        len: usize,
        keep_free: u64,
    ) -> bool {
        let slots = len.div_ceil(PAYLOAD_WORDS).max(1);
        if slots > MAX_SLOTS {
            return false;
        }
        let Some(position) = self.reserve(slots, keep_free) else {
            return false;
        };
        let room = self
            .slot(position)
            .chunks_exact(SLOT_WORDS)
            .take(slots)
            .flat_map(|slot| slot.iter().skip(1));
        for (to, from) in room.zip(payload) {
            to.store(from, Ordering::Relaxed);
        }
        self.commit(position, slots, 0);
        true
    }

    /// As [`push`](Self::push), of words that are at hand.
    #[must_use]
    #[inline(never)]
    pub(crate) fn push_words(&self, words: &[u64], keep_free: u64) -> bool {
        self.push(words.iter().copied(), words.len(), keep_free)
    }

    /// As [`push_slot`](Self::push_slot), by a producer whom no other of this ring can interrupt.
    #[must_use]
    #[inline(always)]
    pub(crate) fn push_slot_alone(&self, payload: &[u64; PAYLOAD_WORDS], keep_free: u64) -> bool {
        let head = self.head.load(Ordering::Relaxed);
        // Acquire: the consumer has read what this overwrites.
        let used = head.wrapping_sub(self.tail.load(Ordering::Acquire));
        if used.saturating_add(1 + keep_free) > self.capacity() {
            return false;
        }
        let Some([tag_word, room @ ..]) = self.slot(head).first_chunk::<SLOT_WORDS>() else {
            return false;
        };
        // The place is taken before it is written, as the others do: its old tag says that it is not.
        self.head.store(head.wrapping_add(1), Ordering::Relaxed);
        for (to, from) in room.iter().zip(payload) {
            to.store(*from, Ordering::Relaxed);
        }
        // Release: the payload is there before its tag.
        tag_word.store(tag(head, 1, 0), Ordering::Release);
        true
    }

    /// As [`push`](Self::push), of a record that fills one slot.
    #[must_use]
    #[inline(always)]
    pub(crate) fn push_slot(&self, payload: &[u64; PAYLOAD_WORDS], keep_free: u64) -> bool {
        let Some(position) = self.reserve(1, keep_free) else {
            return false;
        };
        if let Some([_, room @ ..]) = self.slot(position).first_chunk::<SLOT_WORDS>() {
            for (to, from) in room.iter().zip(payload) {
                to.store(*from, Ordering::Relaxed);
            }
        }
        self.commit(position, 1, 0);
        true
    }

    /// Counts records that were not written.
    pub(crate) fn count_lost(&self, records: u64) {
        self.lost.fetch_add(records, Ordering::Relaxed);
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// How many slots are reserved and not consumed.
    pub(crate) fn used(&self) -> u64 {
        let tail = self.tail.load(Ordering::Relaxed);
        self.head.load(Ordering::Relaxed).wrapping_sub(tail)
    }

    /// Takes the oldest record. For one consumer at a time.
    pub(crate) fn pop(&self, payload: &mut [u64; MAX_WORDS]) -> Popped {
        let mut position = self.tail();
        let popped = self.look(&mut position, payload);
        self.release(position);
        popped
    }

    /// The oldest position that is not released.
    pub(crate) fn tail(&self) -> u64 {
        self.tail.load(Ordering::Relaxed)
    }

    /// Copies the record at `position`, which is then that of the next one. The record stays in the
    /// ring. For one consumer at a time, who begins at the tail.
    pub(crate) fn look(&self, position: &mut u64, payload: &mut [u64; MAX_WORDS]) -> Popped {
        loop {
            if *position == self.head.load(Ordering::Relaxed) {
                return Popped::Empty;
            }
            let Some((slots, flags)) = self.tag_at(*position) else {
                return Popped::Unfinished;
            };
            let is_record = flags & PADDING == 0;
            let words = if is_record {
                self.copy(*position, slots, payload)
            } else {
                0
            };
            *position = position.wrapping_add(word(slots));
            if is_record {
                return Popped::Record(words);
            }
        }
    }

    /// Gives the room of everything before `position` back to the producers.
    pub(crate) fn release(&self, position: u64) {
        // Release: what was read is read before a producer overwrites it.
        self.tail.store(position, Ordering::Release);
    }

    /// Length and flags of the record that is written at `position`.
    fn tag_at(&self, position: u64) -> Option<(usize, u64)> {
        // Acquire: the payload is seen where its tag is seen.
        let found = self.slot(position).first()?.load(Ordering::Acquire);
        let slots = usize::from(low_byte(found >> 8)).max(1);
        let flags = found & 0xff;
        (found == tag(position, slots, flags)).then_some((slots, flags))
    }

    fn copy(&self, position: u64, slots: usize, payload: &mut [u64; MAX_WORDS]) -> usize {
        let from = self
            .slot(position)
            .chunks_exact(SLOT_WORDS)
            .take(slots)
            .flat_map(|slot| slot.iter().skip(1));
        let mut words = 0;
        for (to, from) in payload.iter_mut().zip(from) {
            *to = from.load(Ordering::Relaxed);
            words += 1;
        }
        words
    }

    /// The next position that will be reserved.
    pub(crate) fn head(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    /// Goes past places below `end` that will never be written because their producers are dead: to
    /// the next record that is written, or to `end`.
    pub(crate) fn skip_unfinished(&self, end: u64) {
        let mut position = self.tail.load(Ordering::Relaxed);
        // An untrusted end may lie anywhere; no more than one lap can be there.
        for _ in 0..self.capacity() {
            if position == end || self.tag_at(position).is_some() {
                break;
            }
            position = position.wrapping_add(1);
        }
        self.tail.store(position, Ordering::Release);
    }
}
