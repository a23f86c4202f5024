//! Second mappings, by which the engine reaches what it traces.

#![expect(unsafe_code, reason = "memory is mapped")]

use super::maps::{self, Mapped};
use super::{Area, Error};
use crate::engine::PAGE;
use rustix::mm::{MapFlags, MremapFlags, ProtFlags, mmap, mremap};

/// What is mapped where an area is to be traced.
pub(super) type Found = Mapped;

impl Mapped {
    /// The protection, as `mprotect` takes it.
    pub(super) fn protection(&self) -> u64 {
        let flags = [
            (self.readable, libc::PROT_READ),
            (self.writable, libc::PROT_WRITE),
            (self.executable, libc::PROT_EXEC),
        ];
        let all = flags
            .iter()
            .filter(|(set, _)| *set)
            .fold(0, |all, (_, flag)| all | flag);
        u64::from(all.unsigned_abs())
    }
}

/// Looks at what is mapped there, and refuses what cannot be traced. The offset of what is found is
/// that of the area's first byte.
pub(super) fn find(area: &Area<'_>) -> Result<Found, Error> {
    let (start, len) = (area.virt(), area.len());
    if start.0 % PAGE != 0 || area.mapped_len() == 0 {
        return Err(Error::NotPages {
            start,
            len: area.mapped_len(),
        });
    }
    let mut found = maps::uniform(start.0, len).ok_or(Error::NotMapped { start, len })?;
    if !found.shared {
        return Err(Error::Private { start });
    }
    found.offset = found.offset.wrapping_add(start.0.wrapping_sub(found.start));
    Ok(found)
}

/// A second mapping.
#[derive(Debug)]
pub(super) struct Alias {
    // INVARIANT: `len` bytes are mapped from here until this is dropped; or the address is that of
    // a model, where nothing is, and `len` is 0.
    start: *mut libc::c_void,
    len: usize,
}

// SAFETY: the mapping belongs to the process; only the engine touches the memory.
unsafe impl Send for Alias {}

impl Alias {
    /// Maps the area a second time.
    ///
    /// # Safety
    /// The area is mapped as `found` says, and stays so meanwhile.
    pub(super) unsafe fn make(area: &Area<'_>, found: &Found) -> Result<Self, Error> {
        let len = usize::try_from(area.len()).unwrap_or(usize::MAX);
        let protection = u32::try_from(found.protection()).unwrap_or(0);
        // Not by the C library, whose functions may be replaced by some that ask the engine.
        let start = match area.file() {
            // SAFETY: a new mapping of the caller's file, at an address of the kernel's choice.
            Some((file, offset)) => unsafe {
                mmap(
                    core::ptr::null_mut(),
                    len,
                    ProtFlags::from_bits_retain(protection),
                    MapFlags::SHARED,
                    file,
                    offset,
                )
            },
            // SAFETY: with an old length of 0 the mapping stays where it is, and the same memory
            // is mapped again elsewhere (mremap(2)); it is shared, as `find` has seen.
            None => unsafe { mremap(area.start() as *mut _, 0, len, MremapFlags::MAYMOVE) },
        };
        match (start, area.file()) {
            (Ok(start), _) => Ok(Self { start, len }),
            (Err(error), Some(_)) => Err(Error::System {
                what: "map the file a second time",
                source: error.into(),
            }),
            (Err(_), None) => Err(Error::NoAlias { start: area.virt() }),
        }
    }

    /// That of a model.
    pub(super) const fn of_model(start: u64) -> Self {
        // INVARIANT: nothing is mapped.
        Self {
            start: start as *mut libc::c_void,
            len: 0,
        }
    }

    pub(super) fn start(&self) -> u64 {
        self.start as u64
    }

    /// What is mapped.
    pub(super) fn range(&self) -> core::ops::Range<u64> {
        self.start()..self.start() + self.len as u64
    }
}

impl Drop for Alias {
    fn drop(&mut self) {
        if self.len == 0 {
            return;
        }
        // Not by the C library, whose functions may be replaced by some that ask the engine: rustix makes the
        // system call itself.
        // SAFETY: by the invariant; the engine has detached the region before.
        let _ = unsafe { rustix::mm::munmap(self.start, self.len) };
    }
}
