//! Mappings of files, for programs that have none of their own.

#![expect(unsafe_code, reason = "memory is mapped")]

use super::Error;
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd};

/// A shared mapping of a file, unmapped when dropped. Its bytes are reached by pointers only: others
/// may change them at any time.
#[derive(Debug)]
pub struct SharedMapping {
    // INVARIANT: `len` bytes are mapped from here, readable and writable, until this is dropped.
    start: *mut u8,
    len: usize,
}

// SAFETY: the mapping belongs to the process, and this type never touches the memory.
unsafe impl Send for SharedMapping {}
// SAFETY: as above.
unsafe impl Sync for SharedMapping {}

/// Maps `len` bytes of a file from `offset`, shared, to be read and written.
///
/// # Errors
/// What the kernel says.
pub fn map_shared(file: &File, offset: u64, len: usize) -> Result<SharedMapping, Error> {
    // SAFETY: a new mapping at an address of the kernel's choice.
    let start = unsafe {
        libc::mmap(
            core::ptr::null_mut(),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            file.as_raw_fd(),
            i64::try_from(offset).unwrap_or(-1),
        )
    };
    if start == libc::MAP_FAILED {
        return Err(Error::last("map the file"));
    }
    Ok(SharedMapping {
        start: start.cast(),
        len,
    })
}

impl SharedMapping {
    /// The first byte.
    #[must_use]
    pub const fn as_ptr(&self) -> *mut u8 {
        self.start
    }

    /// The length in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no bytes, which no mapping has.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Drop for SharedMapping {
    fn drop(&mut self) {
        // SAFETY: by the invariant.
        unsafe { libc::munmap(self.start.cast(), self.len) };
    }
}

/// One page of memory that is mapped shared.
pub(super) fn anonymous_page() -> Result<SharedMapping, Error> {
    map_shared(&memory_file(4096)?, 0, 4096)
}

fn memory_file(len: u64) -> Result<File, Error> {
    // SAFETY: a name that ends in 0.
    let descriptor = unsafe { libc::memfd_create(c"device".as_ptr(), libc::MFD_CLOEXEC) };
    if descriptor < 0 {
        return Err(Error::last("make shared memory"));
    }
    // SAFETY: the descriptor is new and nobody else's.
    let file = unsafe { File::from_raw_fd(descriptor) };
    file.set_len(len).map_err(|source| Error::System {
        what: "make shared memory",
        source,
    })?;
    Ok(file)
}

/// A file of one page, for examples.
///
/// # Panics
/// Where there is no memory for it.
#[doc(hidden)]
#[must_use]
pub fn doc_example_device() -> File {
    memory_file(4096).expect("memory for one page")
}
