//! What the signal handler needs of a capture.

use super::arena::Arena;
use super::memory::ChannelMemory;
use super::unmapped::Unmapped;
use super::wakeup::Wakeup;
use super::{Error, barrier, recorder};
use crate::engine::{Channel, Config, Engine, PAGE, Platform};
use core::ops::Range;
use core::sync::atomic::{AtomicI32, Ordering};
use mmiotrace_decode::Native;
use std::sync::Arc;

/// Lanes of the engine: beyond this many, threads that are inside at one time wait.
const LANES: u32 = 16;

/// How many elements of a repeated string instruction are done in one fault.
pub(super) const ELEMENTS: u32 = 4096;

/// Empties the rings while a thread waits for room in them, if the recorder is in this process.
pub(super) type Pump = Box<dyn Fn() + Send + Sync>;

/// What a lane has for re-encoded instructions.
pub(super) type Lane = Option<Native>;

type ProcessEngine<'m> = Engine<'m, Lane>;

self_cell::self_cell!(
    /// An engine, and the memory of the channel that it writes to.
    struct EngineCell {
        owner: Arc<ChannelMemory>,
        #[covariant]
        dependent: ProcessEngine,
    }
);

/// What the signal handler needs of a capture.
pub(super) struct HandlerState {
    // Dropped before the arena, in which its lanes run code.
    engine: EngineCell,
    arena: Option<Arena>,
    pid: AtomicI32,
    pump: Option<Pump>,
    /// Regions that vanished.
    pub(super) unmapped: Unmapped,
    /// Wakes the worker.
    pub(super) wakeup: Wakeup,
    /// Whether the kernel orders the threads of this process for us; see [`barrier`].
    orders_all: bool,
}

impl core::fmt::Debug for HandlerState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("HandlerState")
            .field("engine", self.engine())
            .finish_non_exhaustive()
    }
}

impl HandlerState {
    /// For faults that `P` describes.
    pub(super) fn new<P: Platform<Lane = Lane>>(
        memory: Arc<ChannelMemory>,
        pump: Option<Pump>,
    ) -> Result<Self, Error> {
        let arena = Arena::new(LANES);
        let config = Config {
            lanes: LANES,
            string_elements: ELEMENTS,
            ..Config::default()
        };
        let mut lane = 0u32;
        let next_lane = || {
            let native = arena.as_ref().and_then(|arena| arena.native(lane));
            lane += 1;
            native
        };
        let engine = EngineCell::try_new(memory, |memory| {
            let channel = memory.channel()?;
            Ok::<_, Error>(Engine::new::<P>(channel, &config, next_lane))
        })?;
        Ok(Self {
            engine,
            arena,
            pid: AtomicI32::new(pid()),
            pump,
            unmapped: Unmapped::default(),
            wakeup: Wakeup::default(),
            orders_all: barrier::register(),
        })
    }

    #[inline]
    pub(super) fn engine(&self) -> &Engine<'_, Lane> {
        self.engine.borrow_dependent()
    }

    pub(super) fn channel(&self) -> Channel<'_> {
        *self.engine().channel()
    }

    /// The memory of the channel.
    pub(super) fn memory(&self) -> &ChannelMemory {
        self.engine.borrow_owner()
    }

    #[inline]
    pub(super) const fn orders_all(&self) -> bool {
        self.orders_all
    }

    /// The process that this is the state of.
    #[inline]
    pub(super) fn pid(&self) -> i32 {
        self.pid.load(Ordering::Relaxed)
    }

    /// Whether code can be re-encoded and run here.
    pub(super) const fn can_execute(&self) -> bool {
        self.arena.is_some()
    }

    pub(super) fn pump(&self) {
        if let Some(pump) = &self.pump {
            pump();
        }
    }

    /// Whether the recorder will still take records.
    pub(super) fn recorder_is_alive(&self) -> bool {
        self.pump.is_some() || recorder::is_alive(&self.channel())
    }

    /// Where re-encoded code runs.
    pub(super) fn slots(&self) -> Range<u64> {
        self.arena.as_ref().map_or(0..0, Arena::slots)
    }

    pub(super) fn is_slot(&self, address: u64) -> bool {
        self.slots().contains(&address)
    }

    /// In the child of a fork: takes its process id, and makes new lanes if the parent's code would
    /// be changed.
    ///
    /// # Safety
    /// No other thread exists, and this one is in no handler.
    #[expect(unsafe_code, reason = "the contract of `after_fork` is the caller's")]
    pub(super) unsafe fn after_fork<P: Platform<Lane = Lane>>(&self, platform: &P) {
        let arena = self.arena.as_ref().filter(|arena| !arena.is_shared());
        let native = |lane| arena.and_then(|arena| arena.native(lane));
        // SAFETY: the caller's promise.
        unsafe {
            self.engine().after_fork(platform, arena.is_none(), native);
        }
    }

    /// In the child of a fork, before anything else: this is another process now.
    pub(super) fn renew_pid(&self) {
        self.pid.store(pid(), Ordering::Relaxed);
    }
}

/// This process's id.
#[expect(unsafe_code, reason = "a system call")]
pub(super) fn pid() -> i32 {
    // SAFETY: a call without arguments.
    unsafe { libc::getpid() }
}

const _: () = assert!(PAGE == 4096);
