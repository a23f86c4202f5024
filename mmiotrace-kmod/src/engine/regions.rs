//! Regions come and go while others are accessed.

use super::reason::{ARMED, ARMED_AGAIN, UNMAPPED};
use super::{Engine, Work};
use crate::channel::{Body, ContextGuard, quiesce};
use crate::platform::{Platform, Point};
use crate::region::{PAGE, Region, RegionError, RegionId};
use mmiotrace_core::{Blind, BlindEdge, BlindReason, Code, Mapping, PhysAddr, Timestamp, VirtAddr};

/// The record gets its time when it gets its number.
const fn blind_edge(edge: BlindEdge, phys: PhysAddr, reason: BlindReason) -> Blind {
    Blind {
        time: Timestamp::ZERO,
        edge,
        page: PhysAddr(phys.0 & !(PAGE - 1)),
        reason,
        code: Code::EMPTY,
    }
}

/// Why a region could not be traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// The table of regions does not take it.
    #[error(transparent)]
    Region(#[from] RegionError),
    /// Its pages could not be made not present.
    #[error("the pages could not be armed")]
    NotArmed,
}

impl<L: Send> Engine<'_, L> {
    /// Begins to trace a region. `mapping` is what the MAP record says: the caller's numbers,
    /// neither aligned nor rounded to pages. Not for fault context.
    ///
    /// The order: the record, the table, the pages. So no access precedes its mapping, and a fault
    /// always finds its region.
    ///
    /// # Errors
    /// Where the region is not whole pages, shares one with another, is one too many, or where
    /// the platform could not arm it. Nothing is traced then.
    pub fn attach<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        region: &Region,
        mapping: &Mapping,
    ) -> Result<RegionId, AttachError> {
        let owner = platform.owner();
        self.lock_table(platform, owner);
        let attached = self.attach_locked(platform, region, Some(mapping));
        self.regions.unlock(owner);
        if attached == Err(AttachError::NotArmed) {
            self.note_quietly(platform, Body::Unmap(region.map_id));
        }
        attached
    }

    /// Begins to trace a region whose mapping [`untraced`](Self::untraced) has recorded, by the same
    /// number: as [`attach`](Self::attach), but in place of the MAP record, and when the pages are armed,
    /// comes the end of the blind interval.
    ///
    /// # Errors
    /// As [`attach`](Self::attach); the blind interval goes on then.
    pub fn attach_late<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        region: &Region,
    ) -> Result<RegionId, AttachError> {
        let owner = platform.owner();
        self.lock_table(platform, owner);
        let attached = self.attach_locked(platform, region, None);
        self.regions.unlock(owner);
        if attached.is_ok() {
            let blind = blind_edge(BlindEdge::End, region.phys, ARMED);
            self.note_quietly(platform, Body::Blind(blind));
        }
        attached
    }

    fn attach_locked<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        region: &Region,
        mapping: Option<&Mapping>,
    ) -> Result<RegionId, AttachError> {
        platform.point(Point::Region);
        let id = self.regions.insert(region)?;
        self.wait_for_all(platform);
        if let Some(mapping) = mapping {
            self.note_quietly(platform, Body::Map(*mapping));
        }
        platform.point(Point::Region);
        if platform.set_armed(region, region.start, region.len, true) {
            return Ok(id);
        }
        let _ = platform.set_armed(region, region.start, region.len, false);
        let _ = self.take_out(platform, id);
        Err(AttachError::NotArmed)
    }

    /// Ends the tracing of a region, while others may be accessing it. When this returns nobody is
    /// using its alias any more. Not for fault context.
    ///
    /// The order: the pages, the table, the wait for all who are inside, the record.
    ///
    /// # Errors
    /// Where no such region is traced.
    pub fn detach<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        id: RegionId,
    ) -> Result<Region, RegionError> {
        let owner = platform.owner();
        self.lock_table(platform, owner);
        let detached = self.detach_locked(platform, id);
        self.regions.unlock(owner);
        detached
    }

    fn detach_locked<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        id: RegionId,
    ) -> Result<Region, RegionError> {
        let region = self.regions.get(id).ok_or(RegionError::NotFound)?;
        platform.point(Point::Region);
        let _ = platform.set_armed(&region, region.start, region.len, false);
        platform.point(Point::Region);
        self.take_out(platform, id)?;
        self.note_quietly(platform, Body::Unmap(region.map_id));
        Ok(region)
    }

    fn take_out<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        id: RegionId,
    ) -> Result<Region, RegionError> {
        let region = self.regions.remove(id)?;
        self.wait_for_all(platform);
        self.blinds.forget(region.start.0, region.len);
        Ok(region)
    }

    /// Ends the tracing of a region whose pages are gone already (unmapped without the engine's
    /// back): as [`detach`](Self::detach), but the pages are left alone.
    ///
    /// # Errors
    /// Where no such region is traced.
    pub fn forget<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        id: RegionId,
    ) -> Result<Region, RegionError> {
        let owner = platform.owner();
        self.lock_table(platform, owner);
        let region = self.take_out(platform, id);
        if let Ok(region) = &region {
            self.note_quietly(platform, Body::Unmap(region.map_id));
        }
        self.regions.unlock(owner);
        region
    }

    /// Ends the tracing of all regions; gives each that is no longer in use.
    pub fn detach_all<P: Platform<Lane = L>>(&self, platform: &P, mut show: impl FnMut(&Region)) {
        self.each_region(platform, |id, _| {
            if let Ok(region) = self.detach_locked(platform, id) {
                show(&region);
            }
        });
    }

    /// Every region that is traced. Not for fault context; `show` must not change regions.
    pub fn each_region<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        show: impl FnMut(RegionId, Region),
    ) {
        let owner = platform.owner();
        self.lock_table(platform, owner);
        self.regions.each(show);
        self.regions.unlock(owner);
    }

    /// In the child of a fork, which has one thread and mappings of its own: makes anew the lanes that
    /// other threads were using (`all_lanes`: every lane), arms all pages, and gives every region a
    /// new mapping number with its MAP record. `lane` makes the platform's part of the lane with
    /// this number.
    ///
    /// # Safety
    /// No other thread exists, and this one is not in a fault.
    #[expect(unsafe_code, reason = "the promise cannot be checked here")]
    pub unsafe fn after_fork<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        all_lanes: bool,
        mut lane: impl FnMut(u32) -> L,
    ) {
        let owner = platform.owner();
        self.regions.seize();
        // What others were about to remember when this process was forked is not whole.
        self.regions.has_changed();
        // SAFETY: the caller's promise.
        unsafe {
            self.lanes.renew(all_lanes, |number| {
                Work::new(self.cache_entries, lane(number))
            });
        }
        self.lock_table(platform, owner);
        self.regions.each(|id, region| {
            self.blinds.forget(region.start.0, region.len);
            let _ = platform.set_armed(&region, region.start, region.len, true);
            let map_id = self.channel.next_map_id();
            self.regions.set_map_id(id, map_id);
            let mapping = Mapping {
                id: map_id,
                phys: region.phys,
                virt: region.start,
                len: region.len,
            };
            self.note_quietly(platform, Body::Map(mapping));
        });
        self.regions.unlock(owner);
    }

    /// Arms the pages again that have been open for
    /// [`REARM_AFTER_NANOS`](crate::REARM_AFTER_NANOS), and records the end of their blind
    /// intervals. From one thread, again and again, not in fault context. Gives how many pages
    /// wait for their time.
    pub fn rearm<P: Platform<Lane = L>>(&self, platform: &P) -> usize {
        let owner = platform.owner();
        self.lock_table(platform, owner);
        let now = platform.now();
        let waiting = self.blinds.rearm(now, |page| {
            let page = VirtAddr(page);
            let Some(region) = self.regions.lookup(page) else {
                return true;
            };
            platform.point(Point::Page);
            let armed = platform.set_armed(&region, page, PAGE, true);
            if armed {
                let page = PhysAddr(region.phys.0.wrapping_add(region.offset(page)));
                let blind = blind_edge(BlindEdge::End, page, ARMED_AGAIN);
                self.note_quietly(platform, Body::Blind(blind));
            }
            armed
        });
        self.regions.unlock(owner);
        waiting
    }

    /// Says that a mapping exists which cannot be traced: its MAP record, and a blind interval that
    /// begins with it and ends where [`untraced_end`](Self::untraced_end) says. Not for fault context.
    pub fn untraced<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        mapping: &Mapping,
        reason: BlindReason,
    ) {
        self.note_quietly(platform, Body::Map(*mapping));
        let blind = blind_edge(BlindEdge::Begin, mapping.phys, reason);
        self.note_quietly(platform, Body::Blind(blind));
    }

    /// Says that a mapping has ended which could not be traced.
    pub fn untraced_end<P: Platform<Lane = L>>(&self, platform: &P, mapping: &Mapping) {
        let blind = blind_edge(BlindEdge::End, mapping.phys, UNMAPPED);
        self.note_quietly(platform, Body::Blind(blind));
        self.note_quietly(platform, Body::Unmap(mapping.id));
    }

    fn lock_table<P: Platform<Lane = L>>(&self, platform: &P, owner: u64) {
        let mut waited = 0;
        self.regions.lock(owner, |holder| {
            platform.relax(waited);
            waited = u32::saturating_add(waited, 1);
            if waited % 256 == 0 && !platform.is_alive(holder) {
                self.regions.unlock(holder);
            }
        });
    }

    /// Waits until nobody is inside who came in before.
    fn wait_for_all<P: Platform<Lane = L>>(&self, platform: &P) {
        if P::CPUS {
            platform.quiesce();
            return;
        }
        if let Some(fence) = platform.remote_fence() {
            fence.order_all();
        }
        let mut waited = 0;
        quiesce(&self.channel, platform.owner(), |inside| {
            platform.relax(waited);
            waited = u32::saturating_add(waited, 1);
            waited % 256 != 0 || inside == 0 || platform.is_alive(inside)
        });
    }

    /// Records something that is no access, unless the capture has ended.
    fn note_quietly<P: Platform<Lane = L>>(&self, platform: &P, body: Body<'_>) {
        if self.channel.is_closed() {
            return;
        }
        let inside: ContextGuard<'_> = self.enter(platform);
        self.note(platform, &inside, VirtAddr(0), body);
    }
}
