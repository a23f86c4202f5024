//! The engine: what happens between a fault and the return from it.

mod bus;
mod copy;
mod fault;
mod move_cache;
mod plain;
mod reason;
mod record;
mod regions;
mod step;

use crate::blind::Blinds;
use crate::channel::{Channel, ContextGuard, Entry};
use crate::lane::{Lane, Lanes};
use crate::region::RegionTable;
use crate::sync::{AtomicU64, Ordering};
use crate::{Platform, Region};
use alloc::boxed::Box;
use alloc::vec::Vec;
use bus::RecordingBus;
use mmiotrace_core::VirtAddr;
use mmiotrace_decode::Decoder;
use move_cache::MoveCaches;
pub use regions::AttachError;
use step::{PendingStep, Steps};

/// How large an engine is made. All of it is allocated when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// How many regions can be traced at a time.
    pub regions: u32,
    /// How many instructions can be under way at a time; each takes a decoder with its working
    /// memory. In a kernel two for each CPU: an NMI takes one of its own.
    pub lanes: u32,
    /// Entries of a decoder's cache of 64 bytes each; 0 for none.
    pub cache_entries: usize,
    /// How many elements of a repeated string instruction are done in one fault.
    pub string_elements: u32,
}

impl Default for Config {
    /// 256 regions, 32 lanes, 256 cache entries, 64 elements.
    fn default() -> Self {
        Self {
            regions: 256,
            lanes: 32,
            cache_entries: 256,
            string_elements: 64,
        }
    }
}

/// Working memory of one instruction under way.
#[derive(Debug)]
struct Work<L> {
    decoder: Decoder,
    platform: L,
    stepping: Option<PendingStep>,
    /// What a step runs on, where it runs on a copy.
    copy: copy::Copy,
    /// Accesses of one instruction that wait for the order lock to be free.
    observed: Vec<Entry<'static>>,
}

impl<L> Work<L> {
    /// All that carrying out an instruction will ever need; allocates.
    fn new(cache_entries: usize, platform: L) -> Self {
        let mut decoder = Decoder::new();
        decoder.warm_up_with(cache_entries);
        Self {
            decoder,
            platform,
            stepping: None,
            copy: copy::Copy::new(),
            observed: Vec::with_capacity(bus::OBSERVED),
        }
    }
}

/// What the engine counts, for figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Faults that were the engine's.
    pub faults: u64,
    /// Faults that were not.
    pub foreign: u64,
    /// Pages opened because an instruction could not be carried out exactly.
    pub blind: u64,
}

/// The fault engine.
///
/// It is called for page faults and debug traps, carries the faulting instructions out on the aliases
/// of the traced regions, and writes what it saw to a channel. It may be called on any number of
/// CPUs and threads at the same time; it allocates when it is made and when regions come and go,
/// never in a fault.
pub struct Engine<'m, L> {
    channel: Channel<'m>,
    regions: RegionTable,
    blinds: Blinds,
    lanes: Lanes<Work<L>>,
    move_caches: MoveCaches<'m>,
    steps: Box<[Steps]>,
    string_elements: u32,
    cache_entries: usize,
    /// Those that no lane has counted.
    faults: AtomicU64,
    foreign: AtomicU64,
    blind: AtomicU64,
}

impl<L: Send> core::fmt::Debug for Engine<'_, L> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Engine")
            .field("channel", &self.channel)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

impl<'m, L: Send> Engine<'m, L> {
    /// An engine that writes to `channel`. Warms up its decoders, so that no fault allocates;
    /// `lane` makes the platform's part of a lane.
    pub fn new<P: Platform<Lane = L>>(
        channel: Channel<'m>,
        config: &Config,
        mut lane: impl FnMut() -> L,
    ) -> Self {
        let contexts = channel.geometry().contexts;
        Self {
            channel,
            regions: RegionTable::new(config.regions),
            blinds: Blinds::new(),
            lanes: Lanes::new(config.lanes, || Work::new(config.cache_entries, lane())),
            cache_entries: config.cache_entries,
            move_caches: MoveCaches::new::<P>(&channel),
            steps: (0..contexts).map(|_| Steps::new()).collect(),
            string_elements: config.string_elements,
            faults: AtomicU64::new(0),
            foreign: AtomicU64::new(0),
            blind: AtomicU64::new(0),
        }
    }

    /// The channel it writes to.
    #[must_use]
    pub const fn channel(&self) -> &Channel<'m> {
        &self.channel
    }

    /// What it has counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            faults: self
                .faults
                .load(Ordering::Relaxed)
                .wrapping_add(self.lanes.counted())
                .wrapping_add(self.move_caches.counted()),
            foreign: self.foreign.load(Ordering::Relaxed),
            blind: self.blind.load(Ordering::Relaxed),
        }
    }

    /// [`Counts::blind`] alone.
    #[must_use]
    #[inline]
    pub fn opened(&self) -> u64 {
        self.blind.load(Ordering::Relaxed)
    }

    /// The region that holds `address`, if it is traced. Not for fault context.
    pub fn region_at<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        address: VirtAddr,
    ) -> Option<Region> {
        let _inside = self.enter(platform);
        self.regions.lookup(address)
    }

    /// The first region that holds any of `len` bytes from `address`. Not for fault context.
    pub fn region_in<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        address: VirtAddr,
        len: u64,
    ) -> Option<Region> {
        let _inside = self.enter(platform);
        self.regions.overlapping(address, len)
    }

    /// Comes in, waiting for a context while all are taken.
    #[inline(never)]
    fn enter<P: Platform<Lane = L>>(&self, platform: &P) -> ContextGuard<'m> {
        let owner = platform.owner();
        let mut waited = 0;
        loop {
            if let Some(inside) = ContextGuard::enter(&self.channel, owner) {
                return inside;
            }
            platform.relax(waited);
            waited = waited.saturating_add(1);
            if waited % 1024 == 0 {
                self.channel.release_dead(|owner| platform.is_alive(owner));
            }
        }
    }

    fn lane<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        inside: &ContextGuard<'_>,
    ) -> Lane<'_, Work<L>> {
        let preferred = inside.id().0;
        let mut waited = 0;
        loop {
            if let Some(lane) = self.lanes.take(preferred) {
                return lane;
            }
            platform.relax(waited);
            waited = waited.saturating_add(1);
        }
    }
}
