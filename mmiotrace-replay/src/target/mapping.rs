//! Device memory in this process: the only file of the crate that maps any.
#![expect(
    unsafe_code,
    reason = "device memory is mapped and accessed through pointers"
)]

use core::ptr::{self, NonNull};
use mmiotrace_core::{Value, Width};
use rustix::fd::AsFd;
use rustix::mm::{MapFlags, ProtFlags};
use std::io;

/// A range of device memory, mapped.
///
/// # Invariants
/// - `start` to `start + mapped` is mapped readable and writable until this value is dropped.
/// - `skip + len <= mapped`.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<u8>,
    mapped: usize,
    /// From the mapping's first byte to the range's: a range need not begin at a page.
    skip: usize,
    len: usize,
}

// SAFETY: the mapping belongs to this value alone, and device memory may be accessed from any
// thread.
unsafe impl Send for Mapping {}

/// The place or width is none that can be done in one access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// It ends outside of the range.
    #[error("offset {0:#x} is outside of the region")]
    Outside(u64),
    /// It is none that one ordinary instruction does.
    #[error("{0} bytes cannot be accessed at once (1, 2, 4 or 8 can)")]
    Width(Width),
    /// It would be torn.
    #[error("{1} bytes at offset {0:#x} are not aligned")]
    Unaligned(u64, Width),
}

impl Mapping {
    /// Maps `len` bytes that lie `skip` bytes behind `offset` in the file. `offset` is a multiple
    /// of the page size, and `skip` less than a page.
    pub(super) fn new(file: impl AsFd, offset: u64, skip: usize, len: usize) -> io::Result<Self> {
        let page = rustix::param::page_size();
        let whole = skip
            .checked_add(len)
            .and_then(|whole| whole.checked_next_multiple_of(page));
        let mapped = whole
            .filter(|whole| *whole > 0)
            .ok_or(io::ErrorKind::InvalidInput)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY:
        // - The address is left to the kernel, so that nothing that is in use is mapped over.
        // - The file is device memory: no Rust object lies in it, and none is made of it; it is
        //   accessed by volatile reads and writes only.
        let start = unsafe {
            rustix::mm::mmap(
                ptr::null_mut(),
                mapped,
                access,
                MapFlags::SHARED,
                file,
                offset,
            )?
        };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        // INVARIANT: `mapped` bytes were mapped just now, and hold `skip + len`.
        Ok(Self {
            start,
            mapped,
            skip,
            len,
        })
    }

    /// Maps a region of a VFIO device.
    #[cfg(feature = "vfio")]
    pub(super) fn of_vfio(
        device: &vfio_ioctls::VfioDevice,
        offset: u64,
        len: usize,
    ) -> io::Result<Self> {
        use std::os::fd::AsRawFd;
        // SAFETY: the device owns its descriptor, and is borrowed for as long as this is used.
        let file = unsafe { rustix::fd::BorrowedFd::borrow_raw(device.as_raw_fd()) };
        Self::new(file, offset, 0, len)
    }

    /// The address of `width` bytes at `offset`, checked.
    fn at(&self, offset: u64, width: Width) -> Result<*mut u8, AccessError> {
        let size = width.as_usize();
        if !matches!(size, 1 | 2 | 4 | 8) {
            return Err(AccessError::Width(width));
        }
        let from = usize::try_from(offset).map_err(|_| AccessError::Outside(offset))?;
        let end = from.checked_add(size).filter(|end| *end <= self.len);
        end.ok_or(AccessError::Outside(offset))?;
        if !(self.skip + from).is_multiple_of(size) {
            return Err(AccessError::Unaligned(offset, width));
        }
        // SAFETY: `from + size <= len` was checked, and `skip + len <= mapped` by the invariant;
        // the mapping is one object of the kernel's, and is not longer than `isize::MAX`.
        Ok(unsafe { self.start.as_ptr().add(self.skip + from) })
    }

    /// Reads once, with one instruction of that width.
    pub(super) fn read(&self, offset: u64, width: Width) -> Result<Value, AccessError> {
        let at = self.at(offset, width)?;
        // SAFETY: `at` gave an address in the mapping, aligned to and followed by `width` bytes
        // that are mapped; every bit pattern is an integer.
        let number = unsafe {
            match width {
                Width::W1 => u64::from(at.read_volatile()),
                Width::W2 => u64::from(at.cast::<u16>().read_volatile()),
                Width::W4 => u64::from(at.cast::<u32>().read_volatile()),
                _ => at.cast::<u64>().read_volatile(),
            }
        };
        Value::from_u64(number, width).ok_or(AccessError::Width(width))
    }

    /// Writes once, with one instruction of the value's width.
    pub(super) fn write(&self, offset: u64, value: &Value) -> Result<(), AccessError> {
        let width = value.width();
        let at = self.at(offset, width)?;
        let number = value.to_u64().ok_or(AccessError::Width(width))?;
        // SAFETY: as in `read`; the mapping is writable, and nothing in this process refers to
        // what stands there.
        unsafe {
            match width {
                Width::W1 => at.write_volatile(number as u8),
                Width::W2 => at.cast::<u16>().write_volatile(number as u16),
                Width::W4 => at.cast::<u32>().write_volatile(number as u32),
                _ => at.cast::<u64>().write_volatile(number),
            }
        }
        Ok(())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's, and no pointer into it leaves it.
        // An error would mean that it was not mapped; there is nothing to be done then.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.mapped) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, Write};

    #[test]
    fn exact_widths_at_their_places() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[0; 8192]).unwrap();
        let mapping = Mapping::new(&file, 4096, 0x10, 0x20).unwrap();
        let value = |number, width| Value::from_u64(number, width).unwrap();
        mapping
            .write(0x0, &value(0x0102_0304_0506_0708, Width::W8))
            .unwrap();
        mapping.write(0xa, &value(0xbeef, Width::W2)).unwrap();
        assert_eq!(mapping.read(0x1, Width::W1).unwrap().to_u64(), Some(0x07));
        assert_eq!(
            mapping.read(0x8, Width::W4).unwrap().to_u64(),
            Some(0xbeef_0000)
        );
        assert_eq!(
            mapping.read(0x2, Width::W4),
            Err(AccessError::Unaligned(2, Width::W4))
        );
        assert_eq!(
            mapping.read(0x1e, Width::W4),
            Err(AccessError::Outside(0x1e))
        );
        let three = Width::from_bytes(3).unwrap();
        assert_eq!(mapping.read(0, three), Err(AccessError::Width(three)));
        drop(mapping);
        let mut bytes = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!(
            bytes[4096 + 0x10..][..12],
            [8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0xef, 0xbe]
        );
    }
}
