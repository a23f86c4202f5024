//! Contexts: one for each CPU or thread that is inside the engine now.
//!
//! A context says to all that share the memory that its owner is inside, and the lowest sequence
//! number that it may still write. The first is what the removal of a region waits for, the
//! second what the recorder needs to tell a number that is late from a number that is lost.

use super::Channel;
use crate::number::{high_half, low_half, wrap};
use crate::sync::{AtomicU64, Ordering, compiler_fence, fence, full_fence};

/// 0: free.
const W_OWNER: usize = 0;
/// 0, or 1 + a number below which nothing of the owner is still to come.
const W_FLOOR: usize = 1;
/// How often an owner left.
const W_PASSES: usize = 2;

/// The number of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContextId(pub u32);

/// One context, as a view of the shared memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'m> {
    owner: &'m AtomicU64,
    floor: &'m AtomicU64,
    passes: &'m AtomicU64,
}

impl<'m> Context<'m> {
    pub(super) fn new(words: &'m [AtomicU64]) -> Option<Self> {
        Some(Self {
            owner: words.get(W_OWNER)?,
            floor: words.get(W_FLOOR)?,
            passes: words.get(W_PASSES)?,
        })
    }

    /// Who is inside; 0 for nobody.
    pub(crate) fn owner(&self) -> u64 {
        self.owner.load(Ordering::Acquire)
    }

    /// The sequence number below which nothing of the owner is still to come; `None` while nobody
    /// is inside.
    pub(crate) fn floor(&self) -> Option<u64> {
        self.floor.load(Ordering::Acquire).checked_sub(1)
    }

    /// How often an owner left.
    pub(crate) fn passes(&self) -> u64 {
        self.passes.load(Ordering::Acquire)
    }

    /// Frees the context of an owner that died inside. Whether it was still the owner's.
    pub(super) fn release(&self, owner: u64) -> bool {
        // The floor first: once the owner is gone the context may be another's.
        let was_its = self.owner.load(Ordering::Acquire) == owner;
        if was_its {
            self.floor.store(0, Ordering::Release);
        }
        was_its
            && self
                .owner
                .compare_exchange(owner, 0, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
    }
}

/// An owner is inside the engine, until this is dropped.
#[derive(Debug)]
pub(crate) struct ContextGuard<'m> {
    context: Context<'m>,
    id: ContextId,
    owner: u64,
    nested: bool,
    /// A nested one that came in before the outer one had said its floor.
    has_floor: bool,
}

impl<'m> ContextGuard<'m> {
    /// Comes in as `owner` (not 0), who is one CPU or one thread. `None` where all contexts are
    /// taken: wait and ask again.
    ///
    /// An owner that is inside already (an NMI took the CPU) is found again, if its number is below
    /// the number of contexts; others never nest.
    #[inline]
    pub(crate) fn enter(channel: &Channel<'m>, owner: u64) -> Option<Self> {
        let count = channel.geometry().contexts;
        let start = Self::preferred(channel, owner).0;
        (0..count).find_map(|step| {
            let id = ContextId(wrap(start + step, count));
            Self::claim(channel, channel.context(id)?, id, owner, false)
        })
    }

    /// As [`enter`](Self::enter), into the context that it tries first. `None` if another owner is in it.
    ///
    /// `ordered`: who waits for all has every thread of the owner's address space pass a fence first, so that
    /// this needs none of its own.
    #[inline(always)]
    pub(crate) fn enter_first(channel: &Channel<'m>, owner: u64, ordered: bool) -> Option<Self> {
        let id = Self::preferred(channel, owner);
        Self::claim(channel, channel.context(id)?, id, owner, ordered)
    }

    /// As [`enter`](Self::enter), into the owner's own context, by plain stores: where owners are CPUs
    /// ([`Platform::CPUS`](crate::Platform::CPUS)). `None` if another owner is in it.
    #[inline(always)]
    pub(crate) fn enter_own(
        channel: &Channel<'m>,
        context: Context<'m>,
        id: ContextId,
        owner: u64,
    ) -> Option<Self> {
        let holder = context.owner.load(Ordering::Relaxed);
        if holder != 0 && holder != owner {
            return None;
        }
        // Who comes between these two is over, and gone, before this goes on.
        context.owner.store(owner, Ordering::Relaxed);
        Some(Self::begin(channel, context, id, owner, holder != 0))
    }

    #[inline(always)]
    fn claim(
        channel: &Channel<'m>,
        context: Context<'m>,
        id: ContextId,
        owner: u64,
        ordered: bool,
    ) -> Option<Self> {
        let claimed =
            context
                .owner
                .compare_exchange(0, owner, Ordering::Acquire, Ordering::Relaxed);
        let nested = match claimed {
            Ok(_) => false,
            Err(holder) if holder == owner => true,
            Err(_) => return None,
        };
        let inside = Self::begin(channel, context, id, owner, nested);
        // A thread that removes a region first unpublishes it and then looks at the floors; here the
        // floor is stored and then regions are looked at. One of both sees the other.
        if ordered {
            compiler_fence(Ordering::SeqCst);
        } else {
            // Only who has the context changes this word.
            full_fence(context.passes);
        }
        Some(inside)
    }

    /// Says the floor, on a context that is the owner's.
    #[inline(always)]
    fn begin(
        channel: &Channel<'m>,
        context: Context<'m>,
        id: ContextId,
        owner: u64,
        nested: bool,
    ) -> Self {
        let has_floor = !nested || context.floor.load(Ordering::Relaxed) == 0;
        if has_floor {
            let floor = channel.sequence().wrapping_add(1);
            context.floor.store(floor, Ordering::Relaxed);
        }
        Self {
            context,
            id,
            owner,
            nested,
            has_floor,
        }
    }

    /// The context that an owner is given if it is free.
    #[inline]
    pub(crate) fn preferred(channel: &Channel<'m>, owner: u64) -> ContextId {
        let count = channel.geometry().contexts.max(1);
        match u32::try_from(owner) {
            Ok(owner) => ContextId(wrap(owner, count)),
            // Spread evenly; a division would take longer.
            Err(_) => {
                let spread = u64::from(low_half(owner).wrapping_mul(0x9e37_79b1));
                ContextId(high_half(spread * u64::from(count)))
            }
        }
    }

    /// Stays inside beyond this value, until [`ContextGuard::resume`].
    pub(crate) fn suspend(self) -> bool {
        let nested = self.nested;
        core::mem::forget(self);
        nested
    }

    /// Goes on as one who suspended himself on context `id`, with what [`ContextGuard::suspend`] gave.
    pub(crate) fn resume(
        channel: &Channel<'m>,
        id: ContextId,
        owner: u64,
        nested: bool,
    ) -> Option<Self> {
        Some(Self {
            context: channel.context(id)?,
            id,
            owner,
            nested,
            has_floor: !nested,
        })
    }

    pub(crate) const fn id(&self) -> ContextId {
        self.id
    }

    pub(crate) const fn owner(&self) -> u64 {
        self.owner
    }

    /// Whose ring it writes to: that of its context; where it interrupted the context's owner, the
    /// one ring that is nobody's, if the channel has one more than contexts.
    pub(crate) fn ring(&self, channel: &Channel<'_>) -> ContextId {
        let geometry = channel.geometry();
        if self.nested && geometry.rings > geometry.contexts {
            return ContextId(geometry.contexts);
        }
        self.id
    }

    /// Whether the owner was inside already.
    pub(crate) const fn is_nested(&self) -> bool {
        self.nested
    }
}

impl Drop for ContextGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.has_floor {
            // Release: all that was done inside is done, and what was to be written is written.
            self.context.floor.store(0, Ordering::Release);
        }
        if !self.nested {
            // Only who has the context changes it.
            let passes = self.context.passes.load(Ordering::Relaxed);
            let passes = passes.wrapping_add(1);
            self.context.passes.store(passes, Ordering::Release);
            self.context.owner.store(0, Ordering::Release);
        }
    }
}

/// Waits until everybody of `owner`'s address space who is inside now has left at least once.
/// `relax` is called with the owner who is waited for, and says whether to go on waiting for him.
///
/// Not from inside.
pub(crate) fn quiesce(channel: &Channel<'_>, owner: u64, mut relax: impl FnMut(u64) -> bool) {
    fence(Ordering::SeqCst);
    for number in 0..channel.geometry().contexts {
        let Some(context) = channel.context(ContextId(number)) else {
            continue;
        };
        let passes = context.passes();
        while context.floor().is_some() && context.passes() == passes {
            let inside = context.owner();
            // The upper half of an owner's number names its address space: the regions of others
            // are others.
            let foreign = inside != 0 && inside >> 32 != owner >> 32;
            if foreign || !relax(inside) {
                break;
            }
        }
    }
    fence(Ordering::SeqCst);
}
