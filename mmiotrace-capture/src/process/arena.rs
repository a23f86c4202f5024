//! Executable memory for re-encoded instructions.

#![expect(
    unsafe_code,
    reason = "executable memory is mapped and given to the decoder"
)]

use core::ops::Range;
use mmiotrace_decode::Native;

/// Bytes of each lane: 127 instructions.
const LANE: usize = 4096;

/// Memory that is written and executed: one mapping, or two of the same memory.
#[derive(Debug)]
pub(super) struct Arena {
    // INVARIANT: both mappings are of `len` bytes and of the same memory, until this is dropped;
    // where they are one mapping, the pointers are equal.
    write: *mut u8,
    execute: *mut u8,
    len: usize,
}

// SAFETY: the mappings belong to the process; the arena itself never touches the memory.
unsafe impl Send for Arena {}
// SAFETY: as above.
unsafe impl Sync for Arena {}

impl Arena {
    /// Memory for this many lanes; `None` where the system allows no executable memory. Then
    /// instructions that need it are blind intervals.
    pub(super) fn new(lanes: u32) -> Option<Self> {
        let len = usize::try_from(lanes).ok()?.checked_mul(LANE)?;
        // One private mapping becomes the child's own in a fork. Where the system allows no memory that
        // is writable and executable, two mappings of shared memory may do.
        Self::once(len).or_else(|| Self::twice(len))
    }

    fn twice(len: usize) -> Option<Self> {
        const EXECUTABLE: libc::c_uint = 0x10;
        // SAFETY: a name that ends in 0; a new descriptor. Kernels before 6.3 do not know the flag.
        let fd = unsafe {
            let name = c"mmiotrace-code".as_ptr();
            match libc::memfd_create(name, libc::MFD_CLOEXEC | EXECUTABLE) {
                -1 => libc::memfd_create(name, libc::MFD_CLOEXEC),
                fd => fd,
            }
        };
        if fd < 0 {
            return None;
        }
        // SAFETY: our own descriptor; new mappings at addresses of the kernel's choice.
        let (write, execute) = unsafe {
            let sized = libc::ftruncate(fd, i64::try_from(len).unwrap_or(0)) == 0;
            let map = |protection| match sized {
                true => map(len, protection, libc::MAP_SHARED, fd),
                false => None,
            };
            let pair = (
                map(libc::PROT_READ | libc::PROT_WRITE),
                map(libc::PROT_READ | libc::PROT_EXEC),
            );
            libc::close(fd);
            pair
        };
        match (write, execute) {
            (Some(write), Some(execute)) => Some(Self {
                write,
                execute,
                len,
            }),
            (one, other) => {
                for mapping in [one, other].into_iter().flatten() {
                    // SAFETY: mapped above, and nobody has it.
                    unsafe { libc::munmap(mapping.cast(), len) };
                }
                None
            }
        }
    }

    fn once(len: usize) -> Option<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let both = unsafe { map(len, protection, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1) }?;
        Some(Self {
            write: both,
            execute: both,
            len,
        })
    }

    /// The executor of a lane. Once for each lane: two executors of one would share their memory.
    pub(super) fn native(&self, lane: u32) -> Option<Native> {
        let start = usize::try_from(lane).ok()?.checked_mul(LANE)?;
        if start + LANE > self.len {
            return None;
        }
        // SAFETY: by the invariant both are mapped, the one writable and the other executable, and
        // the same memory. Lanes do not overlap, and the home makes one executor for each, which it
        // drops before the arena.
        unsafe { Native::new(self.write.add(start), self.execute.add(start), LANE) }
    }

    /// Whether the memory stays shared with the child of a fork.
    pub(super) fn is_shared(&self) -> bool {
        self.write != self.execute
    }

    /// Where the code runs.
    pub(super) fn slots(&self) -> Range<u64> {
        let start = self.execute as u64;
        start..start + self.len as u64
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: by the invariant; the executors are gone.
        unsafe {
            libc::munmap(self.write.cast(), self.len);
            if self.execute != self.write {
                libc::munmap(self.execute.cast(), self.len);
            }
        }
    }
}

/// # Safety
/// As `mmap` without a fixed address.
unsafe fn map(
    len: usize,
    protection: libc::c_int,
    flags: libc::c_int,
    fd: libc::c_int,
) -> Option<*mut u8> {
    // SAFETY: the caller's promise.
    let start = unsafe { libc::mmap(core::ptr::null_mut(), len, protection, flags, fd, 0) };
    (start != libc::MAP_FAILED).then_some(start.cast())
}
