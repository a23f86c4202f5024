//! What is remembered, context by context, of the plain moves that were carried out: drivers come back to
//! the same few places in their code, with the same regions.

#![expect(
    unsafe_code,
    reason = "a value that one reaches at a time: the language has no such cell without the standard library"
)]

use super::Engine;
use super::plain::Recorded;
use crate::channel::{Channel, Context, ContextGuard, ContextId, Ring};
use crate::number::{index, low_word, word};
use crate::platform::{Frame, Platform};
use crate::region::Region;
use crate::sync::{AtomicU64, Ordering};
use alloc::boxed::Box;
use core::cell::UnsafeCell;
use mmiotrace_core::VirtAddr;
use mmiotrace_decode::{BusFault, DecodedInstruction, PlainMove};

/// How many places in the code a context remembers: a power of two.
const ENTRIES: usize = 32;

/// A plain move, and the region that it went to.
#[derive(Clone, Copy, Debug)]
struct CachedMove {
    pc: u64,
    /// The instruction's bytes, as [`Platform::code_words`] gives them, and which bits of them count.
    code: [u64; 2],
    mask: [u64; 2],
    /// That of the table of regions when this was written; 0: nothing is here.
    generation: u64,
    region: Region,
    len: u64,
    plain: PlainMove,
}

/// The cache of one context, with what it needs of the channel found beforehand.
pub(super) struct MoveCache<'m> {
    pub(super) context: Context<'m>,
    pub(super) id: ContextId,
    pub(super) ring: Ring<'m>,
    /// How many moves were remembered; written by who may reach the moves.
    count: AtomicU64,
    // INVARIANT: reached only by the owner of the context, while it is inside and not nested: code that
    // interrupts it is nested.
    moves: UnsafeCell<[Option<CachedMove>; ENTRIES]>,
}

// SAFETY: by the invariant one CPU or thread at a time reaches the moves, which are plain data; the next
// owner of a context sees what the last one did before it gave it back.
unsafe impl Sync for MoveCache<'_> {}

/// The caches of all contexts.
pub(super) struct MoveCaches<'m> {
    caches: Box<[MoveCache<'m>]>,
}

impl<'m> MoveCaches<'m> {
    /// For all contexts of a channel; none where CPUs have no rings of their own and one for who interrupts
    /// them (see `ContextGuard::ring`).
    pub(super) fn new<P: Platform>(channel: &Channel<'m>) -> Self {
        let geometry = channel.geometry();
        let count = if P::CPUS && geometry.rings <= geometry.contexts {
            0
        } else {
            geometry.contexts
        };
        let caches = (0..count).map(ContextId).filter_map(|id| {
            Some(MoveCache {
                context: channel.context(id)?,
                id,
                ring: channel.ring_of(id)?,
                count: AtomicU64::new(0),
                moves: UnsafeCell::new([const { None }; ENTRIES]),
            })
        });
        // A channel has all its contexts and rings.
        Self {
            caches: caches.collect(),
        }
    }

    /// How many faults were dealt with by what was remembered.
    pub(super) fn counted(&self) -> u64 {
        let counts = self
            .caches
            .iter()
            .map(|cache| cache.count.load(Ordering::Relaxed));
        counts.fold(0, u64::wrapping_add)
    }

    /// The cache of an owner, where contexts are CPUs: its context is the one with its number.
    #[inline(always)]
    pub(super) fn of(&self, owner: u64) -> Option<&MoveCache<'m>> {
        self.caches.get(index(owner))
    }

    /// The cache of a context.
    #[inline(always)]
    pub(super) fn at(&self, id: ContextId) -> Option<&MoveCache<'m>> {
        self.caches.get(index(u64::from(id.0)))
    }
}

impl MoveCache<'_> {
    /// The place where the move at `pc` is remembered.
    #[inline(always)]
    fn entry(&self, pc: u64) -> *mut Option<CachedMove> {
        let first = self.moves.get().cast::<Option<CachedMove>>();
        // Code lies close together, in instructions of two bytes or more.
        let at = index((pc >> 1 ^ pc >> 6) & word(ENTRIES - 1));
        // SAFETY: below ENTRIES, which is the length of the array.
        unsafe { first.add(at) }
    }

    #[inline(always)]
    fn count(&self) {
        let count = self.count.load(Ordering::Relaxed).wrapping_add(1);
        self.count.store(count, Ordering::Relaxed);
    }
}

impl<L: Send> Engine<'_, L> {
    /// Carries out a plain move that this context remembers, in the region that it knows; `None` where it
    /// does not, and nothing was done then. Not for nested calls.
    #[inline(always)]
    pub(super) fn try_cached<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        inside: &ContextGuard<'_>,
        cache: &MoveCache<'_>,
        frame: &mut P::Frame,
    ) -> Option<Result<(), BusFault>> {
        let pc = frame.rip();
        // SAFETY: by the invariant: the caller is inside and not nested; nobody writes meanwhile.
        let cached = unsafe { (*cache.entry(pc)).as_ref() }?;
        let [low, high] = platform.code_words(VirtAddr(pc))?;
        let [own_low, own_high] = cached.code;
        let [low_mask, high_mask] = cached.mask;
        let is_same = cached.pc == pc
            && (low ^ own_low) & low_mask | (high ^ own_high) & high_mask == 0
            && cached.generation == self.regions.generation();
        if !is_same || self.channel.is_closed() {
            return None;
        }
        let plain = &cached.plain;
        let next = pc.wrapping_add(cached.len);
        let width = plain.width();
        let address = plain.address(|gpr| frame.gpr(gpr), next);
        if !cached.region.contains(address, u64::from(width)) {
            return None;
        }
        cache.count();
        let way = Recorded {
            silent: false,
            ring: Some(&cache.ring),
        };
        let access = (&cached.region, address);
        Some(self.move_plain(platform, inside, frame, plain, access, next, way))
    }

    /// Remembers a plain move that was carried out in `region`.
    #[inline(never)]
    pub(super) fn cache_move<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        inside: &ContextGuard<'_>,
        pc: VirtAddr,
        region: &Region,
        instruction: &DecodedInstruction,
    ) {
        let cached = || {
            let plain = instruction.plain_move()?;
            let mut bytes = [0; 16];
            let mut masks = [0; 16];
            let code = instruction.code();
            for ((byte, mask), from) in bytes.iter_mut().zip(&mut masks).zip(code.as_bytes()) {
                (*byte, *mask) = (*from, 0xff);
            }
            let words = |bytes: [u8; 16]| {
                let number = u128::from_le_bytes(bytes);
                [low_word(number), low_word(number >> 56)]
            };
            Some(CachedMove {
                pc: pc.0,
                code: words(bytes),
                mask: words(masks),
                generation: self.regions.generation(),
                region: *region,
                len: u64::from(instruction.len()),
                plain,
            })
        };
        let cache = self.move_caches.at(inside.id());
        if let (Some(cache), Some(_), Some(cached)) = (cache, platform.code_words(pc), cached()) {
            // SAFETY: by the invariant: the caller is inside and not nested; nothing is borrowed.
            unsafe { cache.entry(pc.0).write(Some(cached)) };
        }
    }
}
