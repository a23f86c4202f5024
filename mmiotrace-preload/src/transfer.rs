//! System calls that are given traced memory: the kernel finds nothing there and would fail. Their
//! bytes go through memory of ours, and to or from the device by accesses that are traced.

#![expect(unsafe_code, reason = "functions of the C library are replaced")]

use crate::session;
use core::ffi::{c_int, c_void};
use libc::{off_t, size_t, ssize_t};

fn is_traced(buffer: *const c_void, len: size_t) -> bool {
    len > 0 && session::with(|tracer| tracer.traces(buffer.cast(), len)) == Some(true)
}

/// Copies to the device, byte by byte as the kernel does.
///
/// # Safety
/// `to` is as long as `from`, and may be written.
unsafe fn put(to: *mut c_void, from: &[u8]) {
    for (at, byte) in from.iter().enumerate() {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<u8>().add(at).write_volatile(*byte) };
    }
}

/// Copies from the device.
///
/// # Safety
/// `len` bytes from `from` may be read.
unsafe fn get(from: *const c_void, len: usize) -> Vec<u8> {
    // SAFETY: the caller's promise.
    let byte = |at| unsafe { from.cast::<u8>().add(at).read_volatile() };
    (0..len).map(byte).collect()
}

/// # Safety
/// `call` fills what it is given, and `buffer` has `len` bytes.
unsafe fn fill(
    buffer: *mut c_void,
    len: size_t,
    call: impl FnOnce(*mut c_void) -> ssize_t,
) -> ssize_t {
    if !is_traced(buffer, len) {
        return call(buffer);
    }
    let mut own = vec![0; len];
    let done = call(own.as_mut_ptr().cast());
    if let Some(filled) = usize::try_from(done).ok().and_then(|done| own.get(..done)) {
        // SAFETY: the caller's promise.
        unsafe { put(buffer, filled) };
    }
    done
}

/// # Safety
/// `call` reads what it is given, and `buffer` has `len` bytes.
unsafe fn empty(
    buffer: *const c_void,
    len: size_t,
    call: impl FnOnce(*const c_void) -> ssize_t,
) -> ssize_t {
    if !is_traced(buffer, len) {
        return call(buffer);
    }
    // SAFETY: the caller's promise.
    let own = unsafe { get(buffer, len) };
    call(own.as_ptr().cast())
}

macro_rules! transfers {
    ($($name:ident = $next:literal: $way:ident($pointer:ty $(, $offset:ident)?);)*) => {$(
        /// # Safety
        /// As the C library's function.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(
            descriptor: c_int,
            buffer: $pointer,
            len: size_t,
            $($offset: off_t,)?
        ) -> ssize_t {
            let call = |buffer: $pointer| {
                crate::next::call_next!(
                    $next as fn(c_int, $pointer, size_t $(, transfers!(@ $offset))?) -> ssize_t,
                    descriptor, buffer, len $(, $offset)?)
            };
            // SAFETY: the caller's promise.
            unsafe { $way(buffer, len, call) }
        }
    )*};
    (@ $offset:ident) => { off_t };
}

transfers! {
    read = c"read": fill(*mut c_void);
    write = c"write": empty(*const c_void);
    pread = c"pread": fill(*mut c_void, offset);
    pread64 = c"pread64": fill(*mut c_void, offset);
    pwrite = c"pwrite": empty(*const c_void, offset);
    pwrite64 = c"pwrite64": empty(*const c_void, offset);
}
