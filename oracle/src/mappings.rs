//! Memory at fixed addresses below 2 GiB, so that every form of address can reach it: two regions
//! that an instruction may touch, each with a second mapping, and a page of code.
#![expect(unsafe_code, reason = "maps memory at fixed addresses")]

use std::io;

/// Bytes in a page.
pub(crate) const PAGE: u64 = 4096;
/// Bytes in a region.
pub(crate) const REGION_LEN: usize = PAGES as usize * PAGE as usize;
/// Pages in a region: two on each side of [`EDGE`].
pub(crate) const PAGES: u64 = 4;
/// Where in a region the operand is slid against a missing page.
pub(crate) const EDGE: u64 = 2 * PAGE;
/// Where the first region is: the operand.
pub(crate) const A: u64 = 0x1000_0000;
/// Where the second region is: the other side of moves, the stack.
pub(crate) const B: u64 = 0x1010_0000;
/// Where the instruction is run. The page around it is full of `int3`.
pub(crate) const CODE: u64 = 0x1020_0800;
const CODE_PAGE: u64 = 0x1020_0000;
/// Where control may go to: `int3`, too.
pub(crate) const LANDING: u64 = 0x1020_0100;
/// What addresses in instructions point to.
pub(crate) const TARGET: u64 = A + EDGE + 0x140;

/// A region: its contents are seen at `base` with changing protection, at `alias` always.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) base: u64,
    alias: *mut u8,
}

/// How a region may be accessed at `base`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    None,
    Read,
    ReadWrite,
}

impl Region {
    fn new(base: u64) -> io::Result<Self> {
        // SAFETY: An anonymous file of its own, mapped at a fixed free place (`NOREPLACE`) and once
        // more wherever the kernel likes.
        unsafe {
            let file = libc::memfd_create(c"oracle".as_ptr(), 0);
            if file < 0 || libc::ftruncate(file, REGION_LEN as libc::off_t) != 0 {
                return Err(io::Error::last_os_error());
            }
            let fixed = libc::MAP_SHARED | libc::MAP_FIXED_NOREPLACE;
            map(
                base,
                REGION_LEN,
                libc::PROT_READ | libc::PROT_WRITE,
                fixed,
                file,
            )?;
            let alias = map(
                0,
                REGION_LEN,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file,
            )?;
            libc::close(file);
            Ok(Self { base, alias })
        }
    }

    pub(crate) fn contains(&self, address: u64, len: usize) -> bool {
        address >= self.base && address.saturating_add(len as u64) <= self.base + REGION_LEN as u64
    }

    /// What the alias is further up than the base.
    pub(crate) fn delta(&self) -> u64 {
        (self.alias as u64).wrapping_sub(self.base)
    }

    /// The alias of an address in the region.
    pub(crate) fn alias(&self, address: u64) -> *mut u8 {
        self.alias
            .wrapping_add(address.wrapping_sub(self.base) as usize)
    }

    /// A copy of the contents.
    pub(crate) fn load(&self, into: &mut [u8]) {
        let len = into.len().min(REGION_LEN);
        // SAFETY: The alias is mapped for `REGION_LEN` bytes for good, and no reference to it exists.
        unsafe { core::ptr::copy_nonoverlapping(self.alias, into.as_mut_ptr(), len) };
    }

    /// Replaces the contents.
    pub(crate) fn store(&self, from: &[u8]) {
        let len = from.len().min(REGION_LEN);
        // SAFETY: As in `load`.
        unsafe { core::ptr::copy_nonoverlapping(from.as_ptr(), self.alias, len) };
    }

    pub(crate) fn protect(&self, protection: Protection) {
        self.protect_pages(0, REGION_LEN as u64 / PAGE, protection);
    }

    /// Protects pages `first..first + count` of the region.
    pub(crate) fn protect_pages(&self, first: u64, count: u64, protection: Protection) {
        let bits = match protection {
            Protection::None => libc::PROT_NONE,
            Protection::Read => libc::PROT_READ,
            Protection::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
        };
        let at = (self.base + first * PAGE) as *mut libc::c_void;
        // SAFETY: The pages are of the region's own mapping; nothing refers to them.
        let done = unsafe { libc::mprotect(at, (count * PAGE) as usize, bits) };
        assert_eq!(done, 0, "the regions are ours to protect");
    }
}

/// Everything that is mapped.
#[derive(Debug)]
pub(crate) struct Mappings {
    pub(crate) a: Region,
    pub(crate) b: Region,
    /// A page for re-encoded code.
    pub(crate) slots: *mut u8,
}

/// Bytes of executable memory for re-encoded code.
pub(crate) const SLOTS_LEN: usize = 4096;

impl Mappings {
    pub(crate) fn new() -> io::Result<Self> {
        let (a, b) = (Region::new(A)?, Region::new(B)?);
        let all = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
        let private = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: New anonymous memory, at a fixed free place or wherever the kernel likes.
        let slots = unsafe {
            let code = map(
                CODE_PAGE,
                PAGE as usize,
                all,
                private | libc::MAP_FIXED_NOREPLACE,
                -1,
            )?;
            core::ptr::write_bytes(code, 0xcc, PAGE as usize);
            map(0, SLOTS_LEN, all, private, -1)?
        };
        Ok(Self { a, b, slots })
    }

    /// Puts an instruction where it is run.
    pub(crate) fn put_code(&self, bytes: &[u8]) {
        let code = CODE as *mut u8;
        // SAFETY: The page is mapped for good, 15 bytes and more remain behind `CODE`; nothing runs
        // there now. The signal that leads there serialises.
        unsafe {
            core::ptr::write_bytes(code, 0xcc, 32);
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), code, bytes.len().min(15));
        }
    }

    pub(crate) fn regions(&self) -> [&Region; 2] {
        [&self.a, &self.b]
    }

    pub(crate) fn region_of(&self, address: u64, len: usize) -> Option<&Region> {
        self.regions()
            .into_iter()
            .find(|region| region.contains(address, len))
    }
}

/// # Safety
/// `flags` must not replace mappings that are in use.
unsafe fn map(at: u64, len: usize, protection: i32, flags: i32, file: i32) -> io::Result<*mut u8> {
    // SAFETY: As the caller says.
    let found = unsafe { libc::mmap(at as *mut libc::c_void, len, protection, flags, file, 0) };
    if found == libc::MAP_FAILED || at != 0 && found as u64 != at {
        return Err(io::Error::last_os_error());
    }
    Ok(found.cast())
}
