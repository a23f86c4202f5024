//! The one capture that there is, and who may touch it.
//!
//! Two parties do: faults, which find the engine through a pointer and never wait; and tasks, which
//! change things one at a time, under the mutex of the C side.
#![expect(unsafe_code, reason = "what is protected by the C side's mutex, and memory shared with user space")]

use crate::abi::Start;
use crate::mappings::Mappings;
use crate::platform::{Kernel, StepFlags};
use crate::shim::{self, Locked};
use alloc::boxed::Box;
use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use mmiotrace_kmod::Engine;

/// The engine of a running capture.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) engine: Engine<'static, ()>,
    pub(crate) cpus: u32,
    /// What the flags of the CPUs were before their steps.
    pub(crate) step_flags: StepFlags,
    /// How many pages had been opened at the last look.
    pub(crate) blind_seen: AtomicU64,
}

impl Live {
    /// The platform of who holds the mutex.
    pub(crate) fn task(&self) -> Kernel {
        Kernel::task(self.cpus)
    }
}

static LIVE: AtomicPtr<Live> = AtomicPtr::new(core::ptr::null_mut());

/// Makes faults find the engine.
pub(crate) fn publish(live: Box<Live>) {
    // Release: who finds it finds it whole.
    LIVE.store(Box::into_raw(live), Ordering::Release);
}

/// Takes the engine from the faults, and back. The hooks are gone.
pub(crate) fn withdraw() -> Option<Box<Live>> {
    let live = LIVE.swap(core::ptr::null_mut(), Ordering::AcqRel);
    shim::quiesce();
    // SAFETY: from `publish`, which made it from a box; taken once by the swap. Faults that have
    // found it ran with interrupts off and are over (quiesce); tasks look only under the mutex,
    // which the caller holds or needs not because no hook is left.
    (!live.is_null()).then(|| unsafe { Box::from_raw(live) })
}

/// The engine, for a fault. Interrupts are off.
#[inline(always)]
pub(crate) fn in_fault<R>(f: impl FnOnce(&Live) -> R) -> Option<R> {
    let live = LIVE.load(Ordering::Acquire);
    // SAFETY: null or from `publish`; it lives until this CPU has had interrupts on again
    // (`withdraw`).
    unsafe { live.as_ref() }.map(f)
}

/// What tasks share.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) cpus: u32,
    pub(crate) memory: Option<SharedMemory>,
    pub(crate) mappings: Mappings,
    pub(crate) running: Option<Start>,
    /// The open file of the recorder, as a number.
    pub(crate) recorder: Option<u64>,
    /// When a capture without recorder ends, in nanoseconds.
    pub(crate) deadline: Option<u64>,
    /// The counters of the last capture: numbers given out, records lost.
    pub(crate) last: (u64, u64),
}

struct Cell(UnsafeCell<Option<Box<State>>>);

// SAFETY: looked at only by `with`, under the mutex.
unsafe impl Sync for Cell {}

static STATE: Cell = Cell(UnsafeCell::new(None));

/// Runs `f` under the mutex, with the state and, while a capture runs, its engine.
pub(crate) fn with<R>(f: impl FnOnce(&mut State, Option<&Live>, &Locked) -> R) -> R {
    shim::locked(|lock| {
        // SAFETY: the mutex is held, and no `f` calls this again (it would wait for itself).
        let state = unsafe { &mut *STATE.0.get() };
        let state = state.get_or_insert_with(Box::default);
        let live = LIVE.load(Ordering::Acquire);
        // SAFETY: null or from `publish`; `withdraw` is called by who ends a capture, after the
        // state says that none runs, which was written under the mutex.
        let live = unsafe { live.as_ref() }.filter(|_| state.running.is_some());
        f(state, live, lock)
    })
}

/// Frees the state. No hook, no file and no work is left.
pub(crate) fn clear() {
    shim::locked(|_| {
        // SAFETY: the mutex is held.
        unsafe { *STATE.0.get() = None };
    });
}

/// Memory that the recorder maps.
#[derive(Debug)]
pub(crate) struct SharedMemory {
    at: NonNull<u8>,
    bytes: usize,
}

// SAFETY: an address and a length; what is there is atomics.
unsafe impl Send for SharedMemory {}

impl SharedMemory {
    /// Zeroed memory.
    pub(crate) fn new(bytes: usize) -> Option<Self> {
        Some(Self { at: shim::alloc_shared(bytes)?, bytes })
    }

    pub(crate) const fn address(&self) -> *mut u8 {
        self.at.as_ptr()
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The memory as words.
    ///
    /// # Safety
    /// The result is not used after this is dropped.
    pub(crate) unsafe fn words(&self) -> &'static [AtomicU64] {
        // SAFETY: whole zeroed pages of that length; others change them by atomics or are user
        // space, for whose stores the same holds on x86.
        unsafe { core::slice::from_raw_parts(self.at.as_ptr().cast(), self.bytes / 8) }
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        // SAFETY: from `alloc_shared`; the engine that used it is gone (`words`).
        unsafe { shim::free_shared(self.at) }
    }
}
