//! Address space that is kept empty. A child of a fork may lack a mapping that its parent traces
//! (`MADV_DONTFORK`): the program finds nothing there, as without us, and no memory of the library may be
//! in its place.

#![expect(unsafe_code, reason = "address space is reserved")]

use super::maps;
use core::ffi::c_void;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// How many ranges can be kept.
const COUNT: usize = 64;

/// Ranges that nothing may be in.
#[derive(Debug)]
pub(super) struct Reserved([(u64, u64); COUNT]);

impl Default for Reserved {
    fn default() -> Self {
        Self([(0, 0); COUNT])
    }
}

impl Reserved {
    /// Reserves what is not mapped in a range. Allocates nothing.
    pub(super) fn add_gaps(&mut self, start: u64, end: u64) {
        let mut at = start;
        while at < end {
            if let Some(mapped) = maps::at(at) {
                at = mapped.end;
                continue;
            }
            let next = maps::next_from(at).unwrap_or(end).min(end);
            self.add(at, next);
            at = next;
        }
    }

    fn add(&mut self, start: u64, end: u64) {
        let Some(free) = self.0.iter_mut().find(|(start, end)| start >= end) else {
            return;
        };
        let len = usize::try_from(end - start).unwrap_or(0);
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED_NOREPLACE;
        // SAFETY: a new mapping, which replaces nothing and cannot be accessed.
        let made = unsafe { mmap_anonymous(start as *mut c_void, len, ProtFlags::empty(), flags) };
        if made.is_ok() {
            *free = (start, end);
        }
    }

    /// Whether an address is in a reserved range.
    pub(super) fn contains(&self, address: u64) -> bool {
        let mut all = self.0.iter();
        all.any(|(start, end)| (*start..*end).contains(&address))
    }

    /// Lets go of what is reserved in a range.
    pub(super) fn release(&mut self, from: u64, to: u64) {
        for range in &mut self.0 {
            if range.0 < to && from < range.1 {
                let len = usize::try_from(range.1 - range.0).unwrap_or(0);
                // SAFETY: mapped by `add`, and nothing is in it.
                let _ = unsafe { munmap(range.0 as *mut c_void, len) };
                *range = (0, 0);
            }
        }
    }
}
