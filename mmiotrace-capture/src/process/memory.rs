//! The shared memory that a channel lies in.

#![expect(unsafe_code, reason = "memory is mapped, and looked at as words")]

use super::Error;
use super::file_numbers::{FILES, FileNumbers};
use crate::engine::{Channel, Geometry, Options};
use core::sync::atomic::AtomicU64;
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::Path;

/// A channel's memory, mapped.
#[derive(Debug)]
pub(crate) struct ChannelMemory {
    // INVARIANT: `len` bytes from here are mapped, readable and writable, aligned to a page, and
    // stay so until this is dropped.
    start: *const AtomicU64,
    len: usize,
    file: File,
}

// SAFETY: the memory is atomics only, and the mapping belongs to the process, not to a thread.
unsafe impl Send for ChannelMemory {}
// SAFETY: as above.
unsafe impl Sync for ChannelMemory {}

impl ChannelMemory {
    /// New memory with a channel in it.
    pub(crate) fn create(geometry: Geometry, options: Options) -> Result<Self, Error> {
        let bytes = geometry
            .bytes()
            .and_then(|bytes| bytes.checked_add(8 * FILES as u64))
            .ok_or(crate::engine::ChannelError::Geometry)?;
        // SAFETY: a call with a name that ends in 0, and no memory of ours.
        let fd = unsafe { libc::memfd_create(c"mmiotrace".as_ptr(), libc::MFD_CLOEXEC) };
        if fd < 0 {
            return Err(Error::last("make shared memory"));
        }
        // SAFETY: the descriptor is new and nobody else's.
        let file = unsafe { File::from_raw_fd(fd) };
        // All of it now: a page that is missing later would kill who writes to it.
        // SAFETY: a call without memory of ours.
        let refused =
            unsafe { libc::posix_fallocate(fd, 0, i64::try_from(bytes).unwrap_or(i64::MAX)) };
        if refused != 0 {
            return Err(Error::System {
                what: "reserve shared memory (fewer or smaller rings need less)",
                source: std::io::Error::from_raw_os_error(refused),
            });
        }
        let memory = Self::map(file)?;
        Channel::create(memory.words(), geometry, options)?;
        Ok(memory)
    }

    /// The channel that another process has made.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::options().read(true).write(true).open(path);
        let memory = Self::map(file.map_err(|source| Error::System {
            what: "open the channel",
            source,
        })?)?;
        Channel::open(memory.words())?;
        Ok(memory)
    }

    fn map(file: File) -> Result<Self, Error> {
        let metadata = file.metadata().map_err(|source| Error::System {
            what: "look at shared memory",
            source,
        })?;
        let len = usize::try_from(metadata.len()).unwrap_or(0);
        if len < 4096 {
            return Err(crate::engine::ChannelError::NotAChannel.into());
        }
        // All of it in the page tables at once: a handler that meets a page for the first time would take a
        // page fault of its own, which costs a third of what the access costs.
        // SAFETY: a new mapping of a file of this length, at an address of the kernel's choice.
        let start = unsafe {
            libc::mmap(
                core::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_POPULATE,
                file.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(Error::last("map shared memory"));
        }
        // INVARIANT: just mapped; only `drop` unmaps it.
        Ok(Self {
            start: start.cast(),
            len,
            file,
        })
    }

    /// The memory, as words.
    pub(crate) fn words(&self) -> &[AtomicU64] {
        // SAFETY: by the invariant; atomics may be shared with anybody, and any bits are one.
        unsafe { core::slice::from_raw_parts(self.start, self.len / 8) }
    }

    /// What comes after the channel: numbers of files.
    pub(crate) fn file_numbers(&self) -> FileNumbers<'_> {
        let words = self.words();
        let begin = words.len().saturating_sub(FILES);
        FileNumbers(words.get(begin..).unwrap_or(&[]))
    }

    /// The channel in it.
    pub(crate) fn channel(&self) -> Result<Channel<'_>, Error> {
        Ok(Channel::open(self.words())?)
    }

    /// Its file: others open it by its descriptor.
    pub(crate) const fn file(&self) -> &File {
        &self.file
    }
}

impl Drop for ChannelMemory {
    fn drop(&mut self) {
        // SAFETY: by the invariant it is mapped, and nobody borrows it any more.
        unsafe {
            libc::munmap(self.start.cast_mut().cast(), self.len);
        }
    }
}
