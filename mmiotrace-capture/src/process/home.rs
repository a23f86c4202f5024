//! All that belongs to one capture in this process.

#![expect(
    unsafe_code,
    reason = "mappings are made and protected; the engine's channel lives as long as its memory"
)]

use super::alias::{self, Alias};
use super::arena::Arena;
use super::memory::ChannelMemory;
use super::space::{ELEMENTS, UserSpace};
use super::untraced::Untraced;
use super::worker::Bell;
use super::{Area, Error, Model, barrier, current, life, model};
use core::ops::Range;
use core::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use mmiotrace_core::{MapId, Mapping, PhysAddr, VirtAddr};
use mmiotrace_kmod::{AttachError, Channel, Config, Engine, PAGE, Region, RegionId};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

/// Lanes of the engine: threads that are inside at one time wait beyond this.
const LANES: u32 = 16;

/// What empties the rings while somebody waits for room in them: the recorder, where it is in this
/// process.
pub(super) type Pump = Box<dyn Fn() + Send + Sync>;

/// A region that is traced.
#[derive(Debug)]
pub(super) struct Attached {
    id: RegionId,
    pub(super) region: Region,
    pub(super) alias: Alias,
}

/// What is known of this process's mappings of devices.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) attached: Vec<Attached>,
    pub(super) untraced: Vec<Untraced>,
}

/// One capture in this process.
pub(crate) struct Home {
    // Dropped before the memory that it looks at.
    engine: Engine<'static, UserSpace>,
    /// Kept alive for the engine.
    pub(super) memory: Arc<ChannelMemory>,
    arena: Option<Arena>,
    lists: Mutex<Lists>,
    /// What the worker does once in a while; nothing where nobody has said so.
    look: OnceLock<fn()>,
    space: AtomicI32,
    pump: Option<Pump>,
    /// An address of a traced region at which nothing is mapped any more.
    unmapped: AtomicU64,
    bell: Bell,
    /// Whether the kernel orders the threads of this process for us; see [`barrier`].
    orders_all: bool,
}

/// The lists of what is traced and what is not, held.
pub(super) struct Held {
    // Dropped before the home that it borrows.
    #[expect(dead_code, reason = "held, not looked at")]
    guard: MutexGuard<'static, Lists>,
    home: Arc<Home>,
}

impl Held {
    /// Lets it go.
    pub(super) fn release(self) -> Arc<Home> {
        Arc::clone(&self.home)
    }
}

impl core::fmt::Debug for Home {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Home")
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

impl Home {
    pub(super) fn new(memory: Arc<ChannelMemory>, pump: Option<Pump>) -> Result<Arc<Self>, Error> {
        let channel = memory.channel()?;
        // SAFETY: the channel is used by the engine only, which is dropped before the memory: both
        // are fields of the home, in this order, and the engine gives the channel to nobody for
        // longer than a borrow of the home.
        let channel: Channel<'static> = unsafe { core::mem::transmute(channel) };
        let arena = Arena::new(LANES);
        let config = Config {
            lanes: LANES,
            string_elements: ELEMENTS,
            ..Config::default()
        };
        let mut lane = 0u32;
        let engine = Engine::new(channel, &config, || {
            let native = arena.as_ref().and_then(|arena| arena.native(lane));
            lane += 1;
            native
        });
        Ok(Arc::new(Self {
            engine,
            memory,
            arena,
            lists: Mutex::default(),
            look: OnceLock::new(),
            space: AtomicI32::new(pid()),
            pump,
            unmapped: AtomicU64::new(0),
            bell: Bell::default(),
            orders_all: barrier::register(),
        }))
    }

    pub(super) const fn engine(&self) -> &Engine<'static, UserSpace> {
        &self.engine
    }

    pub(super) fn channel(&self) -> Channel<'_> {
        *self.engine.channel()
    }

    pub(super) const fn bell(&self) -> &Bell {
        &self.bell
    }

    #[inline]
    pub(super) const fn orders_all(&self) -> bool {
        self.orders_all
    }

    pub(super) fn space(&self) -> i32 {
        self.space.load(Ordering::Relaxed)
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

    /// Whether somebody will still take records.
    pub(super) fn recorder_is_alive(&self) -> bool {
        self.pump.is_some() || life::recorder_is_alive(&self.channel())
    }

    /// Where re-encoded code runs.
    pub(super) fn slots(&self) -> Range<u64> {
        self.arena.as_ref().map_or(0..0, Arena::slots)
    }

    pub(super) fn is_slot(&self, address: u64) -> bool {
        self.slots().contains(&address)
    }

    /// The address in a region that an address in its alias stands for; any other address is
    /// itself. For signal handlers too: it waits for nobody.
    pub(super) fn original(&self, address: u64) -> u64 {
        let Ok(lists) = self.lists.try_lock() else {
            return address;
        };
        let found = lists.attached.iter().find_map(|attached| {
            let offset = address.wrapping_sub(attached.region.alias);
            (offset < attached.region.len).then(|| attached.region.start.0.wrapping_add(offset))
        });
        found.unwrap_or(address)
    }

    /// Nothing is mapped at an address that a fault came from.
    pub(super) fn note_unmapped(&self, address: u64) {
        self.unmapped.store(address, Ordering::Relaxed);
        self.bell.ring();
    }

    /// A space for one call of the engine from outside a handler.
    pub(super) fn outside(&self) -> UserSpace {
        // SAFETY: the value is dropped before the borrow of the home ends: all callers use it in
        // one expression or as a local variable.
        unsafe { UserSpace::outside(self) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lists, where nobody has them: for who may have been interrupted while he had.
    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, Lists>> {
        match self.lists.try_lock() {
            Ok(lists) => Some(lists),
            Err(TryLockError::Poisoned(lists)) => Some(lists.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Has the worker call `look` once in a while.
    pub(super) fn look_with(&self, look: fn()) {
        let _ = self.look.set(look);
    }

    pub(super) fn look(&self) -> Option<fn()> {
        self.look.get().copied()
    }

    /// Begins to trace an area.
    ///
    /// # Safety
    /// The contract of [`Tracer::attach`](super::Tracer::attach).
    pub(super) unsafe fn attach(&self, area: &Area<'_>) -> Result<RegionId, Error> {
        if self.channel().is_closed() {
            return Err(Error::NotRunning);
        }
        let mut lists = self.lock();
        let found = alias::find(area)?;
        // SAFETY: the caller's promise.
        let alias = unsafe { Alias::make(area, &found)? };
        self.take_in(&mut lists, area, &found, alias)
    }

    /// What the trace says of a mapping: by a new number.
    pub(super) fn mapping_of(&self, area: &Area<'_>, offset: u64) -> Mapping {
        Mapping {
            id: self.channel().next_map_id(),
            phys: area.phys().unwrap_or(PhysAddr(offset)),
            virt: VirtAddr(area.start()),
            len: area.mapped_len(),
        }
    }

    /// Begins to trace memory of our own, whose accesses are calls of a model.
    pub(super) fn attach_model(
        &self,
        area: &Area<'_>,
        model: &'static dyn Model,
    ) -> Result<RegionId, Error> {
        let mut lists = self.lock();
        let found = alias::find(area)?;
        let start = model::place(model).ok_or(Error::Region {
            start: area.virt(),
            source: mmiotrace_kmod::RegionError::Full.into(),
        })?;
        self.take_in(&mut lists, area, &found, Alias::of_model(start))
    }

    fn take_in(
        &self,
        lists: &mut Lists,
        area: &Area<'_>,
        found: &alias::Found,
        alias: Alias,
    ) -> Result<RegionId, Error> {
        let mapping = self.mapping_of(area, found.offset);
        self.take_in_by(lists, area, found, alias, mapping.id, |space, region| {
            self.engine.attach(space, region, &mapping)
        })
    }

    /// As [`take_in`](Self::take_in): under a number of the mapping, and by a way of the engine's.
    pub(super) fn take_in_by(
        &self,
        lists: &mut Lists,
        area: &Area<'_>,
        found: &alias::Found,
        alias: Alias,
        map_id: MapId,
        attach: impl FnOnce(&UserSpace, &Region) -> Result<RegionId, AttachError>,
    ) -> Result<RegionId, Error> {
        let region = Region {
            start: VirtAddr(area.start()),
            len: area.len(),
            alias: alias.start(),
            phys: area.phys().unwrap_or(PhysAddr(found.offset)),
            map_id,
            tag: found.protection(),
        };
        let id = attach(&self.outside(), &region).map_err(|source| Error::Region {
            start: region.start,
            source,
        })?;
        lists.attached.push(Attached { id, region, alias });
        Ok(id)
    }

    /// Ends the tracing of a region. Whether it was traced.
    pub(super) fn detach(&self, id: RegionId) -> bool {
        let space = self.outside();
        let mut lists = self.lock();
        let attached = &mut lists.attached;
        let Some(at) = attached.iter().position(|attached| attached.id == id) else {
            return false;
        };
        let gone = attached.swap_remove(at);
        let done = self.engine.detach(&space, id).is_ok();
        current::remember(gone.region.start.0, gone.region.len);
        drop(gone.alias);
        done
    }

    /// Ends the tracing of everything.
    pub(super) fn detach_all(&self) {
        let ids: Vec<RegionId> = self.lock().attached.iter().map(|it| it.id).collect();
        for id in ids {
            let _ = self.detach(id);
        }
    }

    /// Whether a range touches a region. Takes no lock.
    pub(super) fn traces(&self, start: u64, len: u64) -> bool {
        let space = self.outside();
        self.engine
            .region_in(&space, VirtAddr(start), len)
            .is_some()
    }

    /// The regions that share a page with a range.
    pub(super) fn regions_in(&self, start: u64, len: u64) -> Vec<(RegionId, Region)> {
        let lists = self.lock();
        let found = lists.attached.iter().filter(|attached| {
            let first = VirtAddr(start).page();
            attached
                .region
                .overlaps(first, len.saturating_add(start - first.0))
        });
        found
            .map(|attached| (attached.id, attached.region))
            .collect()
    }

    /// Forgets the regions that somebody has unmapped behind the engine's back. Gives how many.
    pub(super) fn forget_unmapped(&self) -> usize {
        let space = self.outside();
        let mut lists = self.lock();
        let mut forgotten = 0;
        self.unmapped.store(0, Ordering::Relaxed);
        lists.attached.retain(|attached| {
            let region = attached.region;
            let found = super::maps::uniform(region.start.0, region.len);
            // Armed pages allow nothing; blind ones what the region allowed.
            let there = found.is_some_and(|found| found.shared) || self.is_split(&region);
            if !there {
                forgotten += 1;
                let _ = self.engine.forget(&space, attached.id);
            }
            there
        });
        forgotten
    }

    /// Whether all of a region is mapped, in parts with different permissions.
    fn is_split(&self, region: &Region) -> bool {
        let mut at = region.start.0;
        while at < region.end() {
            match super::maps::at(at) {
                Some(mapped) if mapped.shared => at = mapped.end,
                _ => return false,
            }
        }
        true
    }

    pub(super) fn has_unmapped(&self) -> bool {
        self.unmapped.load(Ordering::Relaxed) != 0
    }

    /// Arms pages again whose time has come; gives how many wait.
    pub(super) fn rearm(&self) -> usize {
        let space = self.outside();
        self.engine.rearm(&space)
    }

    pub(super) fn marker(&self, text: &[u8]) {
        let space = self.outside();
        self.engine.marker(&space, text);
    }

    /// In the child of a fork: its mappings are its own.
    ///
    /// # Safety
    /// No other thread exists, and this one is in no handler.
    pub(super) unsafe fn after_fork(&self) {
        self.space.store(pid(), Ordering::Relaxed);
        let space = self.outside();
        let arena = self.arena.as_ref().filter(|arena| !arena.is_shared());
        let native = |lane| arena.and_then(|arena| arena.native(lane));
        // Code in memory that is shared with the parent would be changed under its hands.
        // SAFETY: the caller's promise.
        unsafe { self.engine.after_fork(&space, arena.is_none(), native) };
        let mut lists = self.lock();
        lists.untraced.iter_mut().for_each(Untraced::inherit);
        self.engine.each_region(&space, |id, region| {
            if let Some(mine) = lists.attached.iter_mut().find(|mine| mine.id == id) {
                mine.region.map_id = region.map_id;
            }
        });
    }

    /// Nobody changes what is traced while this is held: the child of a fork finds the list whole.
    pub(super) fn hold(home: &Arc<Self>) -> Held {
        let home = Arc::clone(home);
        // SAFETY: the guard borrows the home, which `Held` keeps alive and drops after the guard.
        let guard = unsafe {
            core::mem::transmute::<MutexGuard<'_, Lists>, MutexGuard<'static, Lists>>(home.lock())
        };
        Held { guard, home }
    }

    /// How many regions are traced.
    pub(super) fn len(&self) -> usize {
        self.lock().attached.len()
    }

    /// The mapping's number of a region.
    pub(super) fn map_id(&self, id: RegionId) -> Option<MapId> {
        let lists = self.lock();
        let found = lists.attached.iter().find(|attached| attached.id == id)?;
        Some(found.region.map_id)
    }
}

/// This process's id.
pub(super) fn pid() -> i32 {
    // SAFETY: a call without arguments.
    unsafe { libc::getpid() }
}

const _: () = assert!(PAGE == 4096);
