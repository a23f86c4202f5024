//! System calls that are given traced memory: the kernel finds nothing there and would fail. Their
//! bytes go through memory of ours, and to or from the device by accesses that are traced.

#![expect(unsafe_code, reason = "functions of the C library are replaced")]

use crate::real_fns::call_next;
use core::ffi::{c_char, c_int, c_void};
use libc::{FILE, iovec, off_t, size_t, sockaddr, socklen_t, ssize_t};
use mmiotrace_capture::process::preload;

fn is_traced(buffer: *const c_void, len: size_t) -> bool {
    preload::traces(buffer.cast(), len)
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
    ($($name:ident = $next:literal: $way:ident($pointer:ty $(, $more:ident: $type:ty)*);)*) => {$(
        /// # Safety
        /// As the C library's function.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(
            descriptor: c_int,
            buffer: $pointer,
            len: size_t,
            $($more: $type,)*
        ) -> ssize_t {
            let call = |buffer: $pointer| {
                crate::real_fns::call_next!(
                    $next as fn(c_int, $pointer, size_t $(, $type)*) -> ssize_t,
                    descriptor, buffer, len $(, $more)*)
            };
            // SAFETY: the caller's promise.
            unsafe { $way(buffer, len, call) }
        }
    )*};
}

transfers! {
    read = c"read": fill(*mut c_void);
    write = c"write": empty(*const c_void);
    pread = c"pread": fill(*mut c_void, offset: off_t);
    pread64 = c"pread64": fill(*mut c_void, offset: off_t);
    pwrite = c"pwrite": empty(*const c_void, offset: off_t);
    pwrite64 = c"pwrite64": empty(*const c_void, offset: off_t);
    recv = c"recv": fill(*mut c_void, flags: c_int);
    send = c"send": empty(*const c_void, flags: c_int);
    recvfrom = c"recvfrom": fill(*mut c_void, flags: c_int, from: *mut sockaddr, from_len: *mut socklen_t);
    sendto = c"sendto": empty(*const c_void, flags: c_int, to: *const sockaddr, to_len: socklen_t);
    // What `_FORTIFY_SOURCE` makes of them.
    __read_chk = c"__read_chk": fill(*mut c_void, room: size_t);
    __pread_chk = c"__pread_chk": fill(*mut c_void, offset: off_t, room: size_t);
    __pread64_chk = c"__pread64_chk": fill(*mut c_void, offset: off_t, room: size_t);
    __recv_chk = c"__recv_chk": fill(*mut c_void, room: size_t, flags: c_int);
    __recvfrom_chk = c"__recvfrom_chk":
        fill(*mut c_void, room: size_t, flags: c_int, from: *mut sockaddr, from_len: *mut socklen_t);
}

/// Reads into the first piece that is traced: a call may always transfer less than it was asked for.
///
/// # Safety
/// As `readv` of the C library.
#[unsafe(no_mangle)]
unsafe extern "C" fn readv(descriptor: c_int, pieces: *const iovec, count: c_int) -> ssize_t {
    // SAFETY: the caller's promise.
    match unsafe { first_traced(pieces, count) } {
        // SAFETY: as above.
        Some((0, piece)) => unsafe { read(descriptor, piece.iov_base, piece.iov_len) },
        Some((before, _)) => call_next!(
            c"readv" as fn(c_int, *const iovec, c_int) -> ssize_t,
            descriptor,
            pieces,
            before
        ),
        None => call_next!(
            c"readv" as fn(c_int, *const iovec, c_int) -> ssize_t,
            descriptor,
            pieces,
            count
        ),
    }
}

/// # Safety
/// As `writev` of the C library; see [`readv`].
#[unsafe(no_mangle)]
unsafe extern "C" fn writev(descriptor: c_int, pieces: *const iovec, count: c_int) -> ssize_t {
    // SAFETY: the caller's promise.
    match unsafe { first_traced(pieces, count) } {
        // SAFETY: as above.
        Some((0, piece)) => unsafe { write(descriptor, piece.iov_base, piece.iov_len) },
        Some((before, _)) => call_next!(
            c"writev" as fn(c_int, *const iovec, c_int) -> ssize_t,
            descriptor,
            pieces,
            before
        ),
        None => call_next!(
            c"writev" as fn(c_int, *const iovec, c_int) -> ssize_t,
            descriptor,
            pieces,
            count
        ),
    }
}

/// The first piece that is traced, after those that are empty.
///
/// # Safety
/// `count` pieces lie there.
unsafe fn first_traced(pieces: *const iovec, count: c_int) -> Option<(c_int, iovec)> {
    let len = usize::try_from(count).ok()?;
    if pieces.is_null() || !preload::is_active() {
        return None;
    }
    // SAFETY: the caller's promise.
    let all = unsafe { core::slice::from_raw_parts(pieces, len) };
    let at = all
        .iter()
        .position(|piece| is_traced(piece.iov_base, piece.iov_len))?;
    let is_first = all[..at].iter().all(|piece| piece.iov_len == 0);
    let number = if is_first {
        0
    } else {
        c_int::try_from(at).ok()?
    };
    Some((number, all[at]))
}

macro_rules! streams {
    ($($name:ident = $next:literal: $way:ident($pointer:ty $(, $room:ident)?);)*) => {$(
        /// Streams hand large buffers to the kernel as they are.
        ///
        /// # Safety
        /// As the C library's function.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(
            buffer: $pointer,
            $($room: size_t,)?
            size: size_t,
            count: size_t,
            stream: *mut FILE,
        ) -> size_t {
            let call = |buffer: $pointer| {
                let items = crate::real_fns::call_next!(
                    $next as fn($pointer, $(streams!(@ $room),)? size_t, size_t, *mut FILE) -> size_t,
                    buffer, $($room,)? size, count, stream);
                ssize_t::try_from(items.saturating_mul(size)).unwrap_or(ssize_t::MAX)
            };
            // SAFETY: the caller's promise.
            let bytes = unsafe { $way(buffer, size.saturating_mul(count), call) };
            usize::try_from(bytes).unwrap_or(0).checked_div(size).unwrap_or(0)
        }
    )*};
    (@ $room:ident) => { size_t };
}

streams! {
    fread = c"fread": fill(*mut c_void);
    fread_unlocked = c"fread_unlocked": fill(*mut c_void);
    __fread_chk = c"__fread_chk": fill(*mut c_void, room);
    __fread_unlocked_chk = c"__fread_unlocked_chk": fill(*mut c_void, room);
    fwrite = c"fwrite": empty(*const c_void);
    fwrite_unlocked = c"fwrite_unlocked": empty(*const c_void);
}

/// The buffer that a stream is to have; null, for one of the C library's own, if it was given a traced
/// one.
fn stream_buffer(buffer: *mut c_char, len: size_t) -> *mut c_char {
    if buffer.is_null() || !is_traced(buffer.cast(), len) {
        return buffer;
    }
    preload::report_stream_buffer();
    core::ptr::null_mut()
}

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
unsafe extern "C" fn setvbuf(
    stream: *mut FILE,
    buffer: *mut c_char,
    mode: c_int,
    size: size_t,
) -> c_int {
    call_next!(
        c"setvbuf" as fn(*mut FILE, *mut c_char, c_int, size_t) -> c_int,
        stream,
        stream_buffer(buffer, size),
        mode,
        size
    )
}

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
unsafe extern "C" fn setbuf(stream: *mut FILE, buffer: *mut c_char) {
    let size = usize::try_from(libc::BUFSIZ).unwrap_or(0);
    // SAFETY: the caller's promise.
    unsafe { setbuffer(stream, buffer, size) };
}

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
unsafe extern "C" fn setbuffer(stream: *mut FILE, buffer: *mut c_char, size: size_t) {
    let own = stream_buffer(buffer, size);
    if own == buffer {
        return call_next!(
            c"setbuffer" as fn(*mut FILE, *mut c_char, size_t) -> (),
            stream,
            buffer,
            size
        );
    }
    // Null would be no buffer at all.
    // SAFETY: the caller's promise.
    let _ = unsafe { setvbuf(stream, own, libc::_IOFBF, size) };
}
