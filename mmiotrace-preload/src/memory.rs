//! What the program maps, unmaps and protects.

#![expect(unsafe_code, reason = "functions of the C library are replaced")]

use crate::session;
use core::ffi::{c_int, c_void};
use libc::{off_t, size_t};

/// # Safety
/// As the C library's function.
unsafe fn map(
    address: *mut c_void,
    len: size_t,
    protection: c_int,
    flags: c_int,
    descriptor: c_int,
    offset: off_t,
) -> *mut c_void {
    if flags & libc::MAP_FIXED != 0 && flags & libc::MAP_FIXED_NOREPLACE == 0 {
        // What was there is unmapped.
        let _ = session::with(|tracer| tracer.detach_in(address.cast(), len));
    }
    // SAFETY: the caller's arguments, passed on to the kernel.
    let start = unsafe {
        libc::syscall(
            libc::SYS_mmap,
            address,
            len,
            protection,
            flags,
            descriptor,
            offset,
        )
    };
    let start = start as *mut c_void;
    let shared = matches!(
        flags & libc::MAP_TYPE,
        libc::MAP_SHARED | libc::MAP_SHARED_VALIDATE
    );
    let accessible = protection & (libc::PROT_READ | libc::PROT_WRITE) != 0;
    if start != libc::MAP_FAILED && shared && accessible && descriptor >= 0 {
        let error = std::io::Error::last_os_error();
        session::arm(start.cast(), len, descriptor, offset as u64);
        restore(&error);
    }
    start
}

fn restore(error: &std::io::Error) {
    // SAFETY: the thread's own word.
    unsafe { *libc::__errno_location() = error.raw_os_error().unwrap_or(0) };
}

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
unsafe extern "C" fn mmap(
    address: *mut c_void,
    len: size_t,
    protection: c_int,
    flags: c_int,
    descriptor: c_int,
    offset: off_t,
) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { map(address, len, protection, flags, descriptor, offset) }
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
    unsafe { map(address, len, protection, flags, descriptor, offset) }
}

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
unsafe extern "C" fn munmap(address: *mut c_void, len: size_t) -> c_int {
    let detached = session::with(|tracer| tracer.detach_in(address.cast(), len));
    // SAFETY: the caller's arguments, passed on to the kernel.
    let done = unsafe { libc::syscall(libc::SYS_munmap, address, len) } as c_int;
    again(detached, address, len);
    done
}

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
unsafe extern "C" fn mprotect(address: *mut c_void, len: size_t, protection: c_int) -> c_int {
    let detached = session::with(|tracer| tracer.detach_in(address.cast(), len));
    // SAFETY: the caller's arguments, passed on to the kernel.
    let done = unsafe { libc::syscall(libc::SYS_mprotect, address, len, protection) } as c_int;
    let accessible = protection & (libc::PROT_READ | libc::PROT_WRITE) != 0;
    let gone = detached.as_ref().map(|all| all.len());
    again(detached, address, len);
    if gone.is_some_and(|gone| gone > 0) && accessible {
        let _ = session::with(|tracer| session::arm_again(tracer, address.cast(), len));
    }
    done
}

/// # Safety
/// As the C library's function, which takes a fifth argument only with `MREMAP_FIXED`.
#[unsafe(no_mangle)]
unsafe extern "C" fn mremap(
    old: *mut c_void,
    old_len: size_t,
    new_len: size_t,
    flags: c_int,
    to: *mut c_void,
) -> *mut c_void {
    let detached = session::with(|tracer| tracer.detach_in(old.cast(), old_len));
    // SAFETY: the caller's arguments, passed on to the kernel.
    let new = unsafe { libc::syscall(libc::SYS_mremap, old, old_len, new_len, flags, to) };
    let new = new as *mut c_void;
    if detached.is_some_and(|detached| !detached.is_empty()) {
        let (start, len) = if new == libc::MAP_FAILED {
            (old, old_len)
        } else {
            (new, new_len)
        };
        let _ = session::with(|tracer| session::arm_again(tracer, start.cast(), len));
    }
    new
}

/// Traces again what lies in regions that were detached but outside the range that was changed.
fn again(detached: Option<Vec<(*mut u8, usize)>>, address: *mut c_void, len: size_t) {
    let (start, end) = (address as usize, (address as usize).saturating_add(len));
    let end = end.next_multiple_of(4096);
    for (region, len) in detached.into_iter().flatten() {
        let (first, last) = (region as usize, region as usize + len);
        for (from, to) in [(first, start.min(last)), (end.max(first), last)] {
            if from < to {
                let _ = session::with(|tracer| {
                    session::arm_again(tracer, from as *mut u8, to - from);
                });
            }
        }
    }
}
