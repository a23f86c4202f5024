//! Lanes: what carrying out one instruction needs for itself (a decoder and its working memory),
//! made beforehand because nothing may be allocated in fault context.

#![expect(
    unsafe_code,
    reason = "a value under a try-lock: the language has no such cell without the standard library"
)]

use crate::number::{index, wrap};
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use alloc::boxed::Box;
use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};

#[derive(Debug)]
struct Slot<T> {
    taken: AtomicU32,
    /// What its users have counted; changed by who has it only.
    count: AtomicU64,
    // INVARIANT: accessed only by the thread that stored 1 over 0 in `taken`, until it stores 0.
    value: UnsafeCell<T>,
}

// SAFETY: by the invariant one thread at a time reaches the value, and `taken` orders one after the
// other (acquire and release); so sharing a slot sends the value between threads, no more.
unsafe impl<T: Send> Sync for Slot<T> {}

/// Some lanes, each for one user at a time.
#[derive(Debug)]
pub(crate) struct Lanes<T> {
    slots: Box<[Slot<T>]>,
}

impl<T> Lanes<T> {
    pub(crate) fn new(count: u32, make: impl FnMut() -> T) -> Self {
        let mut make = make;
        let slots = (0..count.max(1)).map(|_| Slot {
            taken: AtomicU32::new(0),
            count: AtomicU64::new(0),
            value: UnsafeCell::new(make()),
        });
        Self {
            slots: slots.collect(),
        }
    }

    /// What the users of all lanes have counted.
    pub(crate) fn counted(&self) -> u64 {
        let counts = self
            .slots
            .iter()
            .map(|slot| slot.count.load(Ordering::Relaxed));
        counts.fold(0, u64::wrapping_add)
    }

    /// Makes lanes anew that were in use when this process was forked (or all of them): their users
    /// exist in the parent only, and may have left them half changed. What they held is leaked.
    ///
    /// # Safety
    /// No other thread exists, and this one uses no lane.
    pub(crate) unsafe fn renew(&self, all: bool, mut make: impl FnMut(u32) -> T) {
        for (number, slot) in (0..).zip(&self.slots) {
            if all || slot.taken.load(Ordering::Relaxed) != 0 {
                // SAFETY: by the contract nobody looks at the value. The old one is not dropped,
                // because it may not be whole.
                unsafe { slot.value.get().write(make(number)) };
                slot.taken.store(0, Ordering::Release);
            }
        }
    }

    /// The lane that was parked under `number`.
    ///
    /// # Safety
    /// [`Lane::park`] gave the number, and this is its first use since.
    pub(crate) unsafe fn unpark(&self, number: u32) -> Option<Lane<'_, T>> {
        // INVARIANT: `taken` is still 1 from before the parking, and by the contract this is the
        // only heir of the lane that was parked.
        Some(Lane {
            slot: self.slots.get(index(u64::from(number)))?,
            number,
        })
    }

    /// A free lane, the one that `preferred` names if it is free: what its last user has left in
    /// its cache is then of use. `None` where none is free.
    pub(crate) fn take(&self, preferred: u32) -> Option<Lane<'_, T>> {
        let count = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        let start = wrap(preferred, count.max(1));
        (0..count).find_map(|step| {
            let number = wrap(start + step, count);
            let slot = self.slots.get(index(u64::from(number)))?;
            let taken = slot
                .taken
                .compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed);
            // Lazily: a lane that is made is a lane that will be given back.
            taken.is_ok().then(|| Lane { slot, number })
        })
    }
}

/// A lane, until this is dropped.
#[derive(Debug)]
pub(crate) struct Lane<'a, T> {
    // INVARIANT: `taken` is 1, and was stored by who made this.
    slot: &'a Slot<T>,
    number: u32,
}

impl<T> Lane<'_, T> {
    /// Counts one; without the cost of a counter that all share.
    pub(crate) fn count(&self) {
        let count = self.slot.count.load(Ordering::Relaxed);
        self.slot
            .count
            .store(count.wrapping_add(1), Ordering::Relaxed);
    }

    /// Keeps the lane taken beyond this value; its number is for [`Lanes::unpark`].
    pub(crate) fn park(self) -> u32 {
        let number = self.number;
        core::mem::forget(self);
        number
    }
}

impl<T> Deref for Lane<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: by the invariant nobody else reaches the value while this lives, and the borrow
        // of `self` keeps a mutable one from being made from it.
        unsafe { &*self.slot.value.get() }
    }
}

impl<T> DerefMut for Lane<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`; `self` is borrowed mutably.
        unsafe { &mut *self.slot.value.get() }
    }
}

impl<T> Drop for Lane<'_, T> {
    fn drop(&mut self) {
        self.slot.taken.store(0, Ordering::Release);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn each_lane_has_one_user() {
        let lanes = Lanes::new(2, || 0u32);
        let mut first = lanes.take(1).unwrap();
        let second = lanes.take(1).unwrap();
        *first = 7;
        assert!(lanes.take(0).is_none());
        drop(first);
        assert_eq!(*lanes.take(0).unwrap(), 7);
        drop(second);
    }
}
