//! The memory that who captures and who records share.
//!
//! A channel is a slice of words: a shared file between two processes, pages of the kernel mapped
//! by the recorder, or a vector in a test. All of it is atomics and nothing in it is trusted, so
//! that neither side can harm the other by dying or by writing nonsense.
//!
//! # Sequence numbers
//! Everything recorded takes a number before it is known whether there is room for it. A record
//! that finds no room is counted in its ring, and its number stays missing: a loss is a gap.
//! A number can also be missing because its owner has not written it yet. [`Channel::settled`]
//! distinguishes the two: below it, what is missing is lost.

pub(crate) mod context;
mod layout;
pub(crate) mod record;
pub(crate) mod ring;

use crate::number::{index, word, wrap};
use crate::sync::{AtomicU64, Ordering};
pub(crate) use context::Context;
pub use context::ContextId;
pub(crate) use context::{ContextGuard, quiesce};
pub use layout::{ABI_VERSION, Geometry};
use layout::{
    CONTEXT_WORDS, HEADER_WORDS, LINE, MAGIC, RING_HEADER_WORDS, W_CLOSED, W_CONTEXTS, W_HEARTBEAT,
    W_MAGIC, W_MAP_ID, W_OPTIONS, W_ORDER_LOCK, W_RECORDER, W_RECORDER_START, W_RINGS, W_SEQUENCE,
    W_SLOTS, W_SLOWDOWN, W_VERSION, W_WRITTEN,
};
use mmiotrace_core::{MapId, Timestamp};
pub use record::{Body, Entry, EntryBuf, MAX_MARKER_BYTES, Order, Stamp};
pub(crate) use record::{Plain, word_of_bytes};
use ring::Popped;
pub(crate) use ring::Ring;

/// How accesses of several CPUs are put in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DeviceOrder {
    /// Number and access under one lock: the order of numbers is the order of the device.
    #[default]
    Total,
    /// No lock: the number before the access, and the counter after it. Accesses whose intervals
    /// overlap may have come to the device in either order.
    Interval,
}

/// What happens to an access when its ring is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnFull {
    /// Who made it waits until the recorder has made room. Not in the kernel.
    #[default]
    Block,
    /// It is dropped and counted.
    Drop,
}

/// How a channel is used. Written once, when it is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Options {
    /// The order of accesses.
    pub order: DeviceOrder,
    /// What a full ring does.
    pub on_full: OnFull,
    /// Leave the addresses of instructions out (0 in every record).
    pub no_pc: bool,
}

impl Options {
    fn to_word(self) -> u64 {
        u64::from(self.order == DeviceOrder::Interval)
            | u64::from(self.on_full == OnFull::Drop) << 1
            | u64::from(self.no_pc) << 2
    }

    fn from_word(word: u64) -> Self {
        Self {
            order: if word & 1 == 0 {
                DeviceOrder::Total
            } else {
                DeviceOrder::Interval
            },
            on_full: if word & 2 == 0 {
                OnFull::Block
            } else {
                OnFull::Drop
            },
            no_pc: word & 4 != 0,
        }
    }
}

/// Why memory is no channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// It does not begin as a channel does.
    #[error("this is no mmiotrace channel")]
    NotAChannel,
    /// It was made by another version.
    #[error("the channel has layout version {found}, this program knows {ABI_VERSION}")]
    Version {
        /// The version found.
        found: u64,
    },
    /// Sizes that are out of range, or more than the memory at hand.
    #[error("the channel's sizes are out of range")]
    Geometry,
}

/// Whether the order lock was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TryLock {
    Taken,
    /// By this context already: it was interrupted while it held the lock.
    Mine,
    /// By this owner of a context.
    Held(u64),
}

/// A place in a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(u64);

/// How far a recorder has brought to safety what it took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Everything below this number.
    pub next: u64,
    /// How many of these numbers went to what is no event.
    pub unnumbered: u64,
    /// The length of the trace in bytes that holds all of it.
    pub bytes: u64,
}

/// A channel, as a view of the shared memory.
#[derive(Clone, Copy)]
pub struct Channel<'m> {
    header: &'m [AtomicU64; HEADER_WORDS],
    // INVARIANT: exactly `geometry.words()` words, the header among them.
    words: &'m [AtomicU64],
    geometry: Geometry,
    options: Options,
}

impl core::fmt::Debug for Channel<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Channel")
            .field("geometry", &self.geometry)
            .field("options", &self.options)
            .field("sequence", &self.sequence())
            .finish_non_exhaustive()
    }
}

impl<'m> Channel<'m> {
    /// Makes a channel in memory that is all zero.
    ///
    /// # Errors
    /// [`ChannelError::Geometry`] where the sizes are out of range or the memory is too small.
    pub fn create(
        words: &'m [AtomicU64],
        geometry: Geometry,
        options: Options,
    ) -> Result<Self, ChannelError> {
        let channel = Self::view(words, geometry, options)?;
        channel.header[W_VERSION].store(ABI_VERSION, Ordering::Relaxed);
        channel.header[W_CONTEXTS].store(u64::from(geometry.contexts), Ordering::Relaxed);
        channel.header[W_RINGS].store(u64::from(geometry.rings), Ordering::Relaxed);
        channel.header[W_SLOTS].store(u64::from(geometry.slots), Ordering::Relaxed);
        channel.header[W_OPTIONS].store(options.to_word(), Ordering::Relaxed);
        // Release: who sees the magic sees the rest.
        channel.header[W_MAGIC].store(MAGIC, Ordering::Release);
        Ok(channel)
    }

    /// Looks at a channel that another has made.
    ///
    /// # Errors
    /// Where it is none, was made by another version, or is larger than the memory at hand.
    pub fn open(words: &'m [AtomicU64]) -> Result<Self, ChannelError> {
        let load = |at: usize| words.get(at).map(|word| word.load(Ordering::Acquire));
        if load(W_MAGIC) != Some(MAGIC) {
            return Err(ChannelError::NotAChannel);
        }
        match load(W_VERSION) {
            Some(ABI_VERSION) => {}
            found => {
                return Err(ChannelError::Version {
                    found: found.unwrap_or(0),
                });
            }
        }
        let number = |at: usize| {
            load(at)
                .and_then(|number| u32::try_from(number).ok())
                .ok_or(ChannelError::Geometry)
        };
        let geometry = Geometry {
            contexts: number(W_CONTEXTS)?,
            rings: number(W_RINGS)?,
            slots: number(W_SLOTS)?,
        };
        Self::view(
            words,
            geometry,
            Options::from_word(load(W_OPTIONS).unwrap_or(0)),
        )
    }

    fn view(
        words: &'m [AtomicU64],
        geometry: Geometry,
        options: Options,
    ) -> Result<Self, ChannelError> {
        let needed = geometry.words().ok_or(ChannelError::Geometry)?;
        let words = words.get(..needed).ok_or(ChannelError::Geometry)?;
        let header = words
            .first_chunk::<HEADER_WORDS>()
            .ok_or(ChannelError::Geometry)?;
        Ok(Self {
            header,
            words,
            geometry,
            options,
        })
    }

    /// The sizes.
    #[must_use]
    pub const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// How it is used.
    #[must_use]
    pub const fn options(&self) -> Options {
        self.options
    }

    // ---- numbers

    /// How many numbers have been given out: the next one.
    #[must_use]
    #[inline]
    pub fn sequence(&self) -> u64 {
        self.header[W_SEQUENCE].load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn next_sequence(&self) -> u64 {
        // Release: the context's floor is seen by who sees the number as given out.
        self.header[W_SEQUENCE].fetch_add(1, Ordering::AcqRel)
    }

    /// A number for a mapping, counted from 1 as the kernel does.
    #[must_use]
    pub fn next_map_id(&self) -> MapId {
        let id = self.header[W_MAP_ID].fetch_add(1, Ordering::Relaxed);
        MapId(i32::try_from(id.wrapping_add(1) & 0x7fff_ffff).unwrap_or(i32::MAX))
    }

    // ---- the order lock

    /// Tries once. `owner` (not 0) is who has the context: unlike the context it never changes
    /// hands, so that nobody can free the lock of another by mistake.
    #[inline]
    pub(crate) fn try_lock(&self, owner: u64) -> TryLock {
        let lock = &self.header[W_ORDER_LOCK];
        match lock.compare_exchange(0, owner, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => TryLock::Taken,
            Err(holder) if holder == owner => TryLock::Mine,
            Err(holder) => TryLock::Held(holder),
        }
    }

    /// Frees the lock if `owner` has it: its holder, or who knows that the holder is dead.
    #[inline]
    pub(crate) fn unlock(&self, owner: u64) {
        let _ = self.header[W_ORDER_LOCK].compare_exchange(
            owner,
            0,
            Ordering::Release,
            Ordering::Relaxed,
        );
    }

    /// Frees the lock, by who holds it, where nobody takes it from its holder.
    pub(crate) fn unlock_own(&self) {
        self.header[W_ORDER_LOCK].store(0, Ordering::Release);
    }

    // ---- contexts

    #[inline]
    pub(crate) fn context(&self, id: ContextId) -> Option<Context<'m>> {
        if id.0 >= self.geometry.contexts {
            return None;
        }
        let at = self.geometry.context_at(id.0);
        Context::new(self.words.get(at..at + CONTEXT_WORDS)?)
    }

    /// The owners who are inside the engine now.
    pub fn inside(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.geometry.contexts)
            .filter_map(|number| self.context(ContextId(number)))
            .map(|context| context.owner())
            .filter(|owner| *owner != 0)
    }

    /// Frees the contexts of those inside who are not `alive`, and the order lock if one of them
    /// had it, so that nothing waits for them. Gives how many there were.
    pub fn release_dead(&self, mut alive: impl FnMut(u64) -> bool) -> u32 {
        let mut released = 0;
        for number in 0..self.geometry.contexts {
            let Some(context) = self.context(ContextId(number)) else {
                continue;
            };
            let owner = context.owner();
            if owner != 0 && !alive(owner) && context.release(owner) {
                self.unlock(owner);
                released += 1;
            }
        }
        released
    }

    // ---- rings

    fn ring(&self, number: u32) -> Option<Ring<'m>> {
        if number >= self.geometry.rings {
            return None;
        }
        let at = self.geometry.ring_at(number);
        let slots = at + RING_HEADER_WORDS;
        Some(Ring::new(
            self.words.get(at)?,
            self.words.get(at + LINE)?,
            self.words.get(at + 2 * LINE)?,
            self.words.get(slots..at + self.geometry.ring_words())?,
        ))
    }

    #[inline]
    pub(crate) fn ring_of(&self, context: ContextId) -> Option<Ring<'m>> {
        self.ring(wrap(context.0, self.geometry.rings))
    }

    /// Writes a record; `false` where there is no room. Does not count the loss.
    #[must_use]
    pub(crate) fn push(&self, context: ContextId, entry: &Entry<'_>) -> bool {
        let keep_free = if entry.is_vital() {
            0
        } else {
            self.keep_free()
        };
        self.ring_of(context)
            .is_some_and(|ring| entry.push(&ring, keep_free))
    }

    /// As [`push`](Self::push), of a plain access.
    #[must_use]
    #[inline]
    pub(crate) fn push_plain(&self, context: ContextId, plain: &Plain) -> bool {
        self.ring_of(context)
            .is_some_and(|ring| plain.push(&ring, self.keep_free(), false))
    }

    /// The room that accesses leave to what must not be lost.
    #[inline(always)]
    pub(crate) fn keep_free(&self) -> u64 {
        (u64::from(self.geometry.slots) / 8).min(512)
    }

    pub(crate) fn count_lost(&self, context: ContextId) {
        if let Some(ring) = self.ring_of(context) {
            ring.count_lost(1);
        }
    }

    // ---- the recorder's side

    /// The number below which everything is written or lost, now. Take it before the rings are
    /// emptied.
    #[must_use]
    pub fn settled(&self) -> u64 {
        let mut settled = self.sequence();
        for number in 0..self.geometry.contexts {
            let context = self.context(ContextId(number));
            if let Some(floor) = context.and_then(|context| context.floor()) {
                settled = settled.min(floor);
            }
        }
        settled
    }

    /// Gives every record that ring `number` holds, oldest first, and says whether it is empty
    /// now: `false` where a record is about to be written. One caller at a time.
    pub fn pop_all(
        &self,
        number: u32,
        buf: &mut EntryBuf,
        limit: usize,
        mut show: impl FnMut(&Entry<'_>),
    ) -> bool {
        let Some(ring) = self.ring(number) else {
            return true;
        };
        for _ in 0..limit {
            match ring.pop(buf.words_mut()) {
                Popped::Record(len) => {
                    if let Some(entry) = buf.parse(len) {
                        show(&entry);
                    }
                }
                Popped::Empty => return true,
                Popped::Unfinished => return false,
            }
        }
        false
    }

    /// The oldest record of ring `number` that is not released.
    #[must_use]
    pub fn oldest(&self, number: u32) -> Cursor {
        Cursor(self.ring(number).map_or(0, |ring| ring.tail()))
    }

    /// As [`pop_all`](Self::pop_all), from `cursor` on, and the records stay in the ring until they
    /// are [released](Self::release): if the caller dies, the next one finds them.
    pub fn look_at_all(
        &self,
        number: u32,
        cursor: &mut Cursor,
        buf: &mut EntryBuf,
        limit: usize,
        mut show: impl FnMut(&Entry<'_>),
    ) -> bool {
        let Some(ring) = self.ring(number) else {
            return true;
        };
        for _ in 0..limit {
            match ring.look(&mut cursor.0, buf.words_mut()) {
                Popped::Record(len) => {
                    if let Some(entry) = buf.parse(len) {
                        show(&entry);
                    }
                }
                Popped::Empty => return true,
                Popped::Unfinished => return false,
            }
        }
        false
    }

    /// Gives the room of the records before `cursor` in ring `number` back.
    pub fn release(&self, number: u32, cursor: Cursor) {
        if let Some(ring) = self.ring(number) {
            ring.release(cursor.0);
        }
    }

    /// Notes what a recorder has brought to safety, so that another one goes on exactly there. The
    /// note is whole at every moment, also if the caller dies while it writes.
    pub fn note_written(&self, written: &Written) {
        let generation = self.header[W_WRITTEN].load(Ordering::Relaxed);
        let next = generation.wrapping_add(1).max(1);
        let words = self.written_at(next);
        for (word, value) in words.zip([written.next, written.unnumbered, written.bytes]) {
            word.store(value, Ordering::Relaxed);
        }
        // Release: who sees the generation sees its words.
        self.header[W_WRITTEN].store(next, Ordering::Release);
    }

    /// What the last recorder has brought to safety; `None` where nothing is.
    #[must_use]
    pub fn written(&self) -> Option<Written> {
        let generation = self.header[W_WRITTEN].load(Ordering::Acquire);
        if generation == 0 {
            return None;
        }
        let mut words = self
            .written_at(generation)
            .map(|word| word.load(Ordering::Relaxed));
        Some(Written {
            next: words.next()?,
            unnumbered: words.next()?,
            bytes: words.next()?,
        })
    }

    /// Generations write to two places in turn.
    fn written_at(&self, generation: u64) -> impl Iterator<Item = &'m AtomicU64> + use<'m> {
        let skip = W_WRITTEN + 1 + if generation & 1 == 0 { 0 } else { 3 };
        self.header.iter().skip(skip).take(3)
    }

    /// The next position that will be reserved in ring `number`; for [`Channel::skip_unfinished`].
    #[must_use]
    pub fn head(&self, number: u32) -> u64 {
        self.ring(number).map_or(0, |ring| ring.head())
    }

    /// Gives up places in ring `number` that their dead owners will never write: up to the next
    /// record, or to `end`. The caller took `end` from [`Channel::head`], and has seen since that
    /// nobody who may write there is [inside](Self::inside).
    pub fn skip_unfinished(&self, number: u32, end: u64) {
        if let Some(ring) = self.ring(number) {
            ring.skip_unfinished(end);
        }
    }

    /// Writes a marker, for one who only marks: `owner` as [`Platform::owner`](crate::Platform::owner)
    /// has it. `false` where there is no room now: nothing was written or counted.
    #[must_use]
    pub fn mark(&self, owner: u64, time: Timestamp, pid: i32, text: &[u8]) -> bool {
        let Some(inside) = ContextGuard::enter(self, owner) else {
            return false;
        };
        let seq = self.next_sequence();
        let stamp = Stamp {
            seq,
            time,
            pid,
            ..Stamp::default()
        };
        let entry = |body| Entry { stamp, body };
        let done = self.push(inside.id(), &entry(Body::Marker(text)));
        // The number is taken: something must say that nothing is missing.
        if !done && !self.push(inside.id(), &entry(Body::Void)) {
            self.count_lost(inside.id());
        }
        done
    }

    /// How many records found no room, in all rings.
    #[must_use]
    pub fn lost(&self) -> u64 {
        (0..self.geometry.rings)
            .filter_map(|number| self.ring(number))
            .fold(0, |sum, ring| sum.wrapping_add(ring.lost()))
    }

    /// How full the fullest ring is, in slots.
    #[must_use]
    pub fn fullest(&self) -> u64 {
        (0..self.geometry.rings)
            .filter_map(|number| self.ring(number))
            .map(|ring| ring.used())
            .max()
            .unwrap_or(0)
    }

    /// Says who records: a process id, and when that process began (so that a process id that is
    /// used again is not taken for it).
    pub fn set_recorder(&self, pid: u64, started: u64) {
        self.header[W_RECORDER_START].store(started, Ordering::Relaxed);
        self.header[W_RECORDER].store(pid, Ordering::Release);
    }

    /// Who records; `None` while nobody does.
    #[must_use]
    pub fn recorder(&self) -> Option<(u64, u64)> {
        match self.header[W_RECORDER].load(Ordering::Acquire) {
            0 => None,
            pid => Some((pid, self.header[W_RECORDER_START].load(Ordering::Relaxed))),
        }
    }

    /// Says that the recorder is alive.
    pub fn beat(&self, now: Timestamp) {
        self.header[W_HEARTBEAT].store(now.as_nanos(), Ordering::Relaxed);
    }

    /// When the recorder last said that it is alive.
    #[must_use]
    pub fn heartbeat(&self) -> Timestamp {
        Timestamp::from_nanos(self.header[W_HEARTBEAT].load(Ordering::Relaxed))
    }

    /// Ends the capture: engines stop to record, and disarm.
    pub fn close(&self) {
        self.header[W_CLOSED].store(1, Ordering::Release);
    }

    /// Whether the capture has ended.
    #[must_use]
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.header[W_CLOSED].load(Ordering::Acquire) != 0
    }

    /// Notes the measured cost of an access in nanoseconds: traced, and untraced.
    pub fn set_costs(&self, traced: u32, untraced: u32) {
        self.header[W_SLOWDOWN].store(crate::number::join(traced, untraced), Ordering::Relaxed);
    }

    /// The measured cost of an access in nanoseconds, traced and untraced, where it was measured.
    #[must_use]
    pub fn costs(&self) -> Option<(u32, u32)> {
        match self.header[W_SLOWDOWN].load(Ordering::Relaxed) {
            0 => None,
            costs => Some((
                crate::number::low_half(costs),
                crate::number::high_half(costs),
            )),
        }
    }

    /// How many words of the memory it uses.
    #[must_use]
    pub fn len_words(&self) -> usize {
        self.words.len()
    }

    /// How many records fit before the first is lost, about.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        word(index(u64::from(self.geometry.slots))) * u64::from(self.geometry.rings)
    }
}
