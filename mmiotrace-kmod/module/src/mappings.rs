//! Which mappings are traced.

use crate::platform::Kernel;
use crate::shim::{self, Locked};
use crate::state::Live;
use alloc::format;
use alloc::vec::Vec;
use mmiotrace_core::{MapId, Mapping, PhysAddr, VirtAddr};
use mmiotrace_kmod::{AttachError, PAGE, Region, RegionError, RegionId};

/// A mapping that is traced.
#[derive(Debug)]
struct Traced {
    id: RegionId,
    region: Region,
}

/// All mappings that are traced, and which ones are to be.
#[derive(Debug, Default)]
pub(crate) struct Mappings {
    traced: Vec<Traced>,
    /// Half-open ranges of physical addresses.
    filters: Vec<(u64, u64)>,
    /// How many could not be traced.
    pub(crate) refused: u32,
}

/// A mapping as the kernel names it: neither aligned nor whole pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) phys: u64,
    pub(crate) virt: u64,
    pub(crate) len: u64,
}

impl Asked {
    /// Its whole pages: start and length.
    fn pages(&self) -> Option<(u64, u64)> {
        let start = self.virt & !(PAGE - 1);
        let end = self.virt.checked_add(self.len)?.checked_next_multiple_of(PAGE)?;
        (self.len > 0 && self.virt & (PAGE - 1) == self.phys & (PAGE - 1)).then_some((start, end - start))
    }
}

impl Mappings {
    pub(crate) fn add_filter(&mut self, start: u64, end: u64) {
        self.filters.push((start, end));
    }

    pub(crate) fn len(&self) -> usize {
        self.traced.len()
    }

    fn wants(&self, asked: &Asked) -> bool {
        let end = asked.phys.saturating_add(asked.len);
        self.filters.iter().any(|(from, to)| asked.phys < *to && *from < end)
    }

    /// A mapping was made.
    pub(crate) fn made(&mut self, live: &Live, asked: &Asked, lock: &Locked) {
        if self.wants(asked) && !self.trace(live, asked, lock) {
            self.refused = self.refused.saturating_add(1);
        }
    }

    /// Begins to trace a mapping; `false` where that cannot be, which the kernel's log then explains.
    pub(crate) fn trace(&mut self, live: &Live, asked: &Asked, lock: &Locked) -> bool {
        match self.try_trace(live, asked, lock) {
            Ok(()) => true,
            Err(why) => {
                let Asked { phys, virt, len } = asked;
                shim::log(&format!("not traced: {phys:#x} at {virt:#x}, {len:#x} bytes: {why}"));
                false
            }
        }
    }

    fn try_trace(&mut self, live: &Live, asked: &Asked, _lock: &Locked) -> Result<(), &'static str> {
        let (start, len) = asked.pages().ok_or("it is no whole mapping")?;
        let phys = asked.phys & !(PAGE - 1);
        if !shim::is_mapped(start, len, phys) {
            return Err("the page tables do not say so");
        }
        let alias = shim::alias(start, phys, len);
        if alias == 0 {
            return Err("it cannot be mapped a second time");
        }
        let map_id = live.engine.channel().next_map_id();
        let region = Region { start: VirtAddr(start), len, alias, phys: PhysAddr(phys), map_id, tag: 0 };
        let error = if shim::split(start, len) == 0 {
            let mapping = mapping_of(asked, map_id);
            match live.engine.attach(&live.task, &region, &mapping) {
                Ok(id) => {
                    self.traced.push(Traced { id, region });
                    return Ok(());
                }
                Err(AttachError::Region(RegionError::Full)) => "too many mappings are traced",
                Err(_) => "it is traced already",
            }
        } else {
            "its large pages cannot be split"
        };
        shim::join(start, len);
        shim::unalias(alias);
        Err(error)
    }

    /// A mapping is about to end.
    pub(crate) fn ending(&mut self, live: &Live, virt: u64, _lock: &Locked) {
        let page = virt & !(PAGE - 1);
        let found = self.traced.iter().position(|traced| traced.region.start.0 == page);
        if let Some(at) = found {
            let traced = self.traced.swap_remove(at);
            release(live, &traced);
        }
    }

    /// Ends the tracing of all.
    pub(crate) fn release_all(&mut self, live: &Live, _lock: &Locked) {
        for traced in self.traced.drain(..) {
            release(live, &traced);
        }
    }
}

fn mapping_of(asked: &Asked, id: MapId) -> Mapping {
    Mapping { id, phys: PhysAddr(asked.phys), virt: VirtAddr(asked.virt), len: asked.len }
}

/// The mapping is as it was before it was traced.
fn release(live: &Live, traced: &Traced) {
    let task: &Kernel = &live.task;
    // An error would say that it is not traced.
    let _ = live.engine.detach(task, traced.id);
    // Every CPU has been outside of fault context: nobody uses the alias.
    shim::quiesce();
    shim::join(traced.region.start.0, traced.region.len);
    shim::unalias(traced.region.alias);
}
