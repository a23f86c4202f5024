//! What of this process's mappings is traced, and what is known not to be.

#![expect(unsafe_code, reason = "the contract of `attach` is the caller's")]

mod untraced;

use super::alias::{self, Alias};
use super::annotation::annotate;
use super::handler_state::HandlerState;
use super::mapped_names::each_named;
use super::reserved::Reserved;
use super::space::UserSpace;
use super::{Area, Error, Model, model, recently_traced, unmapped};
use crate::engine::{AttachError, Region, RegionId};
use mmiotrace_core::{MapId, Mapping, PhysAddr, VirtAddr};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use untraced::Untraced;
pub(super) use untraced::UntracedMapping;

/// A region that is traced.
#[derive(Debug)]
struct Attached {
    id: RegionId,
    region: Region,
    alias: Alias,
}

/// What is known of this process's mappings of devices.
#[derive(Debug, Default)]
pub(super) struct Lists {
    attached: Vec<Attached>,
    untraced: Vec<Untraced>,
    reserved: Reserved,
}

/// The mappings of this process that are traced, and those that are known not to be.
#[derive(Debug)]
pub(super) struct Regions {
    lists: Mutex<Lists>,
    /// Whether the trace says which file each mapping is.
    names_files: bool,
}

impl Regions {
    pub(super) fn new(names_files: bool) -> Self {
        Self {
            lists: Mutex::default(),
            names_files,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lists, if they are free: for code that may have interrupted a thread which has them.
    fn try_lock(&self) -> Option<MutexGuard<'_, Lists>> {
        match self.lists.try_lock() {
            Ok(lists) => Some(lists),
            Err(TryLockError::Poisoned(lists)) => Some(lists.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Whether the lists are free.
    pub(super) fn are_free(&self) -> bool {
        self.try_lock().is_some()
    }

    /// The address in a region that an address in its alias belongs to; any other address is
    /// itself. For signal handlers too: it never waits.
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

    /// Begins to trace an area.
    ///
    /// # Safety
    /// The contract of [`Tracer::attach`](super::Tracer::attach).
    pub(super) unsafe fn attach(
        &self,
        handler: &HandlerState,
        area: &Area<'_>,
    ) -> Result<RegionId, Error> {
        if handler.channel().is_closed() {
            return Err(Error::NotRunning);
        }
        let mut lists = self.lock();
        let found = alias::find(area)?;
        // SAFETY: the caller's promise.
        let alias = unsafe { Alias::make(area, &found)? };
        let mapping = mapping_of(handler, area, found.offset);
        self.register(handler, &mut lists, area, &found, alias, &mapping)
    }

    /// Begins to trace memory of our own, whose accesses are calls of a model.
    pub(super) fn attach_model(
        &self,
        handler: &HandlerState,
        area: &Area<'_>,
        name: &str,
        model: &'static dyn Model,
    ) -> Result<RegionId, Error> {
        let mut lists = self.lock();
        let found = alias::find(area)?;
        let start = model::install(model).ok_or(Error::Region {
            start: area.virt(),
            source: crate::engine::RegionError::Full.into(),
        })?;
        let mapping = mapping_of(handler, area, found.offset);
        let alias = Alias::of_model(start);
        let id = self.register(handler, &mut lists, area, &found, alias, &mapping)?;
        annotate_file(handler, mapping.id, name);
        Ok(id)
    }

    fn register(
        &self,
        handler: &HandlerState,
        lists: &mut Lists,
        area: &Area<'_>,
        found: &alias::Found,
        alias: Alias,
        mapping: &Mapping,
    ) -> Result<RegionId, Error> {
        let region = region_of(area, found, &alias, mapping.id);
        self.register_with(handler, lists, region, alias, |space, region| {
            handler.engine().attach(space, region, mapping)
        })
    }

    /// As [`register`](Self::register): under a number of the mapping, and by a way of the engine's.
    pub(super) fn register_with(
        &self,
        handler: &HandlerState,
        lists: &mut Lists,
        region: Region,
        alias: Alias,
        attach: impl FnOnce(&UserSpace<'_>, &Region) -> Result<RegionId, AttachError>,
    ) -> Result<RegionId, Error> {
        let id = attach(&UserSpace::outside(handler), &region).map_err(|source| Error::Region {
            start: region.start,
            source,
        })?;
        lists.attached.push(Attached { id, region, alias });
        self.name_file(handler, region.map_id, region.start.0);
        Ok(id)
    }

    /// Says in the trace which file a mapping at an address is.
    fn name_file(&self, handler: &HandlerState, map_id: MapId, address: u64) {
        if !self.names_files || handler.channel().is_closed() {
            return;
        }
        each_named(|named| {
            if (named.mapped.start..named.mapped.end).contains(&address) {
                annotate_file(handler, map_id, named.path);
            }
        });
    }

    /// Keeps the library's memory out of what is traced and not mapped. In the child of a fork, before
    /// anything else: it allocates nothing.
    pub(super) fn reserve_vanished(&self) {
        let mut lists = self.lock();
        let Lists {
            attached, reserved, ..
        } = &mut *lists;
        for attached in attached.iter() {
            reserved.add_gaps(attached.region.start.0, attached.region.end());
        }
    }

    /// Lets the kernel have again what was reserved in a range.
    pub(super) fn release_reserved(&self, from: u64, to: u64) {
        self.lock().reserved.release(from, to);
    }

    /// Whether an address is reserved: for the program nothing is mapped there. For signal handlers.
    pub(super) fn is_reserved(&self, address: u64) -> bool {
        self.try_lock()
            .is_some_and(|lists| lists.reserved.contains(address))
    }

    /// Ends the tracing of a region. Whether it was traced.
    pub(super) fn detach(&self, handler: &HandlerState, id: RegionId) -> bool {
        let space = UserSpace::outside(handler);
        let mut lists = self.lock();
        let attached = &mut lists.attached;
        let Some(at) = attached.iter().position(|attached| attached.id == id) else {
            return false;
        };
        let gone = attached.swap_remove(at);
        let done = handler.engine().detach(&space, id).is_ok();
        recently_traced::add(gone.region.start.0, gone.region.len);
        drop(gone.alias);
        done
    }

    /// Ends the tracing of everything.
    pub(super) fn detach_all(&self, handler: &HandlerState) {
        let ids: Vec<RegionId> = self.lock().attached.iter().map(|it| it.id).collect();
        for id in ids {
            let _ = self.detach(handler, id);
        }
    }

    /// Whether a range touches a region. Takes no lock.
    pub(super) fn traces(&self, handler: &HandlerState, start: u64, len: u64) -> bool {
        let space = UserSpace::outside(handler);
        handler
            .engine()
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

    /// Forgets the regions that vanished; see [`unmapped`].
    pub(super) fn forget_unmapped(&self, handler: &HandlerState) {
        let space = UserSpace::outside(handler);
        let mut lists = self.lock();
        let mut vanished = Vec::new();
        lists.attached.retain(|attached| {
            let stays = unmapped::is_mapped(&attached.region);
            if !stays {
                let _ = handler.engine().forget(&space, attached.id);
                vanished.push(attached.region);
            }
            stays
        });
        drop(lists);
        for region in vanished {
            unmapped::each_remnant(&region, |start, len| {
                let area = Area::new(start as *mut u8, len);
                let offset = start - region.start.0;
                let area = area.with_phys(PhysAddr(region.phys.0.wrapping_add(offset)));
                // What is left was traced, by the promise for all of it.
                // SAFETY: as above.
                let _ = unsafe { self.attach(handler, &area) };
            });
        }
    }

    /// In the child of a fork, after the engine: its mappings have numbers of their own.
    pub(super) fn after_fork(&self, handler: &HandlerState) {
        let mut lists = self.lock();
        lists.untraced.iter_mut().for_each(Untraced::inherit);
        let space = UserSpace::outside(handler);
        handler.engine().each_region(&space, |id, region| {
            if let Some(mine) = lists.attached.iter_mut().find(|mine| mine.id == id) {
                mine.region.map_id = region.map_id;
            }
        });
        for attached in &lists.attached {
            let region = attached.region;
            self.name_file(handler, region.map_id, region.start.0);
        }
    }

    /// Whether nothing is traced.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().attached.is_empty()
    }

    /// The mapping's number of a region.
    pub(super) fn map_id(&self, id: RegionId) -> Option<MapId> {
        let lists = self.lock();
        let found = lists.attached.iter().find(|attached| attached.id == id)?;
        Some(found.region.map_id)
    }
}

/// What the trace says of a mapping: under a new number.
fn mapping_of(handler: &HandlerState, area: &Area<'_>, offset: u64) -> Mapping {
    Mapping {
        id: handler.channel().next_map_id(),
        phys: area.phys().unwrap_or(PhysAddr(offset)),
        virt: VirtAddr(area.start()),
        len: area.mapped_len(),
    }
}

/// A mapping's number in decimal digits, in the memory given.
/// What the engine is told of an area, under a number of the mapping.
fn region_of(area: &Area<'_>, found: &alias::Found, alias: &Alias, map_id: MapId) -> Region {
    Region {
        start: VirtAddr(area.start()),
        len: area.len(),
        alias: alias.start(),
        phys: area.phys().unwrap_or(PhysAddr(found.offset)),
        map_id,
        tag: found.protection(),
    }
}

/// Says in the trace which file, or device of code, a mapping is.
fn annotate_file(handler: &HandlerState, map_id: MapId, path: &str) {
    let mut number = [0; 11];
    let number = decimal(&mut number, map_id);
    annotate(handler, &[b"file map=", number, b" path=", path.as_bytes()]);
}

fn decimal(into: &mut [u8; 11], map_id: MapId) -> &[u8] {
    use std::io::Write;
    let len = into.len();
    let mut rest = &mut into[..];
    let _ = write!(rest, "{}", map_id.0);
    let used = len - rest.len();
    into.get(..used).unwrap_or(&[])
}
