//! What is to be traced.

use crate::engine::PAGE;
use mmiotrace_core::{PhysAddr, VirtAddr};
use std::os::fd::{AsFd, BorrowedFd};

/// A range of this process's memory that is to be traced: a mapping of a device, of a file, of
/// shared memory.
///
/// ```
/// use mmiotrace_capture::process::Area;
/// use mmiotrace_core::PhysAddr;
///
/// let area = Area::new(0x7000_0000_0000 as *mut u8, 0x2000).with_phys(PhysAddr(0xfebc_0000));
/// assert_eq!(area.phys(), Some(PhysAddr(0xfebc_0000)));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Area<'a> {
    start: u64,
    len: u64,
    phys: Option<PhysAddr>,
    file: Option<(BorrowedFd<'a>, u64)>,
}

impl<'a> Area<'a> {
    /// `len` bytes from `start`, which must be the start of a page; a last page that is not whole
    /// is traced whole.
    #[must_use]
    pub fn new(start: *mut u8, len: usize) -> Self {
        Self {
            start: start as u64,
            len: len as u64,
            phys: None,
            file: None,
        }
    }

    /// The physical address of the first byte, which records then carry. By default it is the
    /// offset in the file that is mapped.
    #[must_use]
    pub const fn with_phys(mut self, phys: PhysAddr) -> Self {
        self.phys = Some(phys);
        self
    }

    /// The file that is mapped, and the offset of the first byte in it. Devices need it: the kernel
    /// maps their memory a second time only from the file. By default the mapping itself is
    /// doubled, which it allows for files and for shared memory.
    #[must_use]
    pub fn with_file(mut self, file: &'a impl AsFd, offset: u64) -> Self {
        self.file = Some((file.as_fd(), offset));
        self
    }

    /// The physical address that was given.
    #[must_use]
    pub const fn phys(&self) -> Option<PhysAddr> {
        self.phys
    }

    /// What of the area lies in a range, with its physical address; `None` where nothing does. It no
    /// longer knows the file.
    #[must_use]
    pub fn part(&self, from: *const u8, to: *const u8) -> Option<Area<'static>> {
        let start = self.start.max(from as u64);
        let end = self.start.saturating_add(self.len).min(to as u64);
        let len = end.checked_sub(start).filter(|len| *len > 0)?;
        let offset = start - self.start;
        Some(Area {
            start,
            len,
            phys: self.phys.map(|phys| PhysAddr(phys.0.wrapping_add(offset))),
            file: None,
        })
    }

    /// The same area elsewhere, with another length: what `mremap` makes of it.
    #[must_use]
    pub fn moved(&self, to: *mut u8, len: usize) -> Area<'static> {
        Area {
            start: to as u64,
            len: len as u64,
            phys: self.phys,
            file: None,
        }
    }

    /// The first byte's address.
    #[must_use]
    pub const fn address(&self) -> u64 {
        self.start
    }

    pub(super) const fn start(&self) -> u64 {
        self.start
    }

    /// In whole pages.
    pub(super) const fn len(&self) -> u64 {
        self.len.saturating_add(PAGE - 1) & !(PAGE - 1)
    }

    /// The length in bytes that was given.
    #[must_use]
    pub const fn mapped_len(&self) -> u64 {
        self.len
    }

    pub(super) const fn file(&self) -> Option<(BorrowedFd<'a>, u64)> {
        self.file
    }

    pub(super) const fn virt(&self) -> VirtAddr {
        VirtAddr(self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_knows_where_it_lies() {
        let area = Area::new(0x10_0000 as *mut u8, 0x4000).with_phys(PhysAddr(0xfe00_0000));
        let part = |from: u64, to: u64| {
            let part = area.part(from as *const u8, to as *const u8)?;
            Some((part.start, part.len, part.phys?.0))
        };
        assert_eq!(part(0, 0x10_1000), Some((0x10_0000, 0x1000, 0xfe00_0000)));
        assert_eq!(
            part(0x10_3000, u64::MAX),
            Some((0x10_3000, 0x1000, 0xfe00_3000))
        );
        assert_eq!(part(0x10_4000, u64::MAX), None);
        assert_eq!(part(0, 0x10_0000), None);
    }
}
