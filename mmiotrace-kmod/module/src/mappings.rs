//! Which mappings are traced.

use crate::abi::{Errno, MAX_FILTERS};
use crate::platform::Kernel;
use crate::shim::{self, Locked};
use crate::state::Live;
use alloc::format;
use alloc::vec::Vec;
use mmiotrace_core::{BlindReason, MapId, Mapping, PhysAddr, VirtAddr};
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
    /// Those that were to be traced and cannot be.
    untraced: Vec<Mapping>,
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
    pub(crate) fn add_filter(&mut self, start: u64, end: u64) -> Result<(), Errno> {
        if self.filters.len() >= MAX_FILTERS {
            return Err(Errno::NoSpace);
        }
        self.filters.push((start, end));
        Ok(())
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
        if self.wants(asked) {
            self.trace(live, asked, lock);
        }
    }

    /// Begins to trace a mapping that exists; `false` where there is none (any more). One that is
    /// traced already is none the worse.
    pub(crate) fn arm(&mut self, live: &Live, asked: &Asked, lock: &Locked) -> bool {
        let Some((start, len)) = asked.pages() else { return false };
        if self.traced.iter().any(|traced| traced.region.start.0 == start && traced.region.len == len) {
            return true;
        }
        let is_there = shim::is_mapped(start, len, asked.phys & !(PAGE - 1));
        if is_there {
            self.trace(live, asked, lock);
        }
        is_there
    }

    /// Begins to trace a mapping. Where that cannot be, the trace says that it is blind, and the
    /// kernel's log why.
    fn trace(&mut self, live: &Live, asked: &Asked, lock: &Locked) {
        let Err(why) = self.try_trace(live, asked, lock) else { return };
        let Asked { phys, virt, len } = asked;
        shim::log(&format!("not traced: {phys:#x} at {virt:#x}, {len:#x} bytes: {why}"));
        self.refused = self.refused.saturating_add(1);
        let mapping = mapping_of(asked, live.engine.channel().next_map_id());
        live.engine.untraced(&live.task(), &mapping, why.reason());
        self.untraced.push(mapping);
    }

    fn try_trace(&mut self, live: &Live, asked: &Asked, _lock: &Locked) -> Result<(), Why> {
        let (start, len) = asked.pages().ok_or(Why::NotWhole)?;
        let phys = asked.phys & !(PAGE - 1);
        if !shim::is_mapped(start, len, phys) {
            return Err(Why::NotMapped);
        }
        let alias = shim::alias(start, phys, len);
        if alias == 0 {
            return Err(Why::NoAlias);
        }
        let map_id = live.engine.channel().next_map_id();
        let region = Region { start: VirtAddr(start), len, alias, phys: PhysAddr(phys), map_id, tag: 0 };
        let error = if shim::split(start, len) == 0 {
            let mapping = mapping_of(asked, map_id);
            match live.engine.attach(&live.task(), &region, &mapping) {
                Ok(id) => {
                    self.traced.push(Traced { id, region });
                    return Ok(());
                }
                Err(AttachError::Region(RegionError::Full)) => Why::TooMany,
                Err(_) => Why::Overlaps,
            }
        } else {
            Why::NoSplit
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
        let found = self.untraced.iter().position(|mapping| mapping.virt.0 & !(PAGE - 1) == page);
        if let Some(at) = found {
            let mapping = self.untraced.swap_remove(at);
            live.engine.untraced_end(&live.task(), &mapping);
        }
    }

    /// Ends the tracing of all.
    pub(crate) fn release_all(&mut self, live: &Live, _lock: &Locked) {
        for traced in self.traced.drain(..) {
            release(live, &traced);
        }
    }
}

/// Why a mapping cannot be traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    NotWhole,
    NotMapped,
    NoAlias,
    NoSplit,
    TooMany,
    Overlaps,
}

impl Why {
    const fn text(self) -> &'static str {
        match self {
            Self::NotWhole => "it is no whole mapping",
            Self::NotMapped => "the page tables do not say so",
            Self::NoAlias => "it cannot be mapped a second time with the same cache type",
            Self::NoSplit => "its large pages cannot be split",
            Self::TooMany => "too many mappings are traced",
            Self::Overlaps => "a part of it is traced already",
        }
    }

    /// The word for the trace.
    const fn reason(self) -> BlindReason {
        const NOT_WHOLE: BlindReason = word("no-whole-mapping");
        const NOT_MAPPED: BlindReason = word("not-in-page-tables");
        const NO_ALIAS: BlindReason = word("no-second-mapping");
        const NO_SPLIT: BlindReason = word("large-pages-not-split");
        const TOO_MANY: BlindReason = word("too-many-mappings");
        const OVERLAPS: BlindReason = word("overlaps");
        match self {
            Self::NotWhole => NOT_WHOLE,
            Self::NotMapped => NOT_MAPPED,
            Self::NoAlias => NO_ALIAS,
            Self::NoSplit => NO_SPLIT,
            Self::TooMany => TOO_MANY,
            Self::Overlaps => OVERLAPS,
        }
    }
}

/// Evaluated by the compiler only.
const fn word(word: &str) -> BlindReason {
    match BlindReason::new(word) {
        Some(reason) => reason,
        None => panic!("a reason is a word"),
    }
}

impl core::fmt::Display for Why {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.text())
    }
}

fn mapping_of(asked: &Asked, id: MapId) -> Mapping {
    Mapping { id, phys: PhysAddr(asked.phys), virt: VirtAddr(asked.virt), len: asked.len }
}

/// The mapping is as it was before it was traced.
fn release(live: &Live, traced: &Traced) {
    let task: &Kernel = &live.task();
    // An error would say that it is not traced.
    let _ = live.engine.detach(task, traced.id);
    // Every CPU has been outside of fault context: nobody uses the alias.
    shim::quiesce();
    shim::join(traced.region.start.0, traced.region.len);
    shim::unalias(traced.region.alias);
}
