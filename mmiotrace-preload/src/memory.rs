//! What the program maps, unmaps and protects.

#![expect(unsafe_code, reason = "functions of the C library are replaced")]

use crate::syscall::kernel;
use core::ffi::{c_int, c_void};
use libc::{off_t, size_t};
use mmiotrace_capture::process::preload::{self, MapRequest, RemapRequest};

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn mmap(
    address: *mut c_void,
    len: size_t,
    protection: c_int,
    flags: c_int,
    descriptor: c_int,
    offset: off_t,
) -> *mut c_void {
    let request = MapRequest {
        address,
        len,
        protection,
        flags,
        descriptor,
        offset: offset as u64,
    };
    preload::map(&request, || {
        let (protection, flags) = (protection as usize, flags as usize);
        let (descriptor, offset) = (descriptor as usize, offset as usize);
        let arguments = [address as usize, len, protection, flags, descriptor, offset];
        // SAFETY: the caller's arguments, passed on to the kernel.
        unsafe { kernel(libc::SYS_mmap, arguments) as *mut c_void }
    })
}

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
unsafe extern "C" fn mmap64(
    address: *mut c_void,
    len: size_t,
    protection: c_int,
    flags: c_int,
    descriptor: c_int,
    offset: off_t,
) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { mmap(address, len, protection, flags, descriptor, offset) }
}

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn munmap(address: *mut c_void, len: size_t) -> c_int {
    preload::unmap(address, len, || {
        // SAFETY: the caller's arguments, passed on to the kernel.
        unsafe { kernel(libc::SYS_munmap, [address as usize, len, 0, 0, 0, 0]) as c_int }
    })
}

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn mprotect(
    address: *mut c_void,
    len: size_t,
    protection: c_int,
) -> c_int {
    preload::protect(address, len, protection, || {
        let arguments = [address as usize, len, protection as usize, 0, 0, 0];
        // SAFETY: the caller's arguments, passed on to the kernel.
        unsafe { kernel(libc::SYS_mprotect, arguments) as c_int }
    })
}

/// # Safety
/// As the C library's function, which takes a fifth argument only with `MREMAP_FIXED`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn mremap(
    old: *mut c_void,
    old_len: size_t,
    new_len: size_t,
    flags: c_int,
    to: *mut c_void,
) -> *mut c_void {
    let request = RemapRequest {
        old,
        old_len,
        new_len,
        flags,
        to,
    };
    preload::remap(&request, || {
        let (old, to, flags) = (old as usize, to as usize, flags as usize);
        // SAFETY: the caller's arguments, passed on to the kernel.
        unsafe { kernel(libc::SYS_mremap, [old, old_len, new_len, flags, to, 0]) as *mut c_void }
    })
}
