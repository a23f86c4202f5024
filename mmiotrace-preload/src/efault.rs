//! Functions that may be given traced memory and then fail with EFAULT, which is reported.

#![expect(unsafe_code, reason = "functions of the C library are replaced")]

use core::ffi::{c_int, c_uint, c_ulong, c_void};
use libc::{iovec, msghdr, off_t, pid_t, size_t, ssize_t};
use mmiotrace_capture::process::preload::Watched;

macro_rules! watched {
    ($($name:ident = $next:literal($($argument:ident: $type:ty),*) -> $result:ty;)*) => {$(
        /// # Safety
        /// As the C library's function.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($argument: $type),*) -> $result {
            static WATCHED: Watched = Watched::new(stringify!($name));
            let done = crate::real_fns::call_next!($next as fn($($type),*) -> $result, $($argument),*);
            if done == -1 {
                WATCHED.failed(&[$($argument as usize),*]);
            }
            done
        }
    )*};
}

// `ioctl` takes one argument more, or none: what lies in its register is passed on.
watched! {
    ioctl = c"ioctl"(descriptor: c_int, request: c_ulong, argument: *mut c_void) -> c_int;
    preadv = c"preadv"(descriptor: c_int, pieces: *const iovec, count: c_int, offset: off_t) -> ssize_t;
    preadv64 = c"preadv64"(descriptor: c_int, pieces: *const iovec, count: c_int, offset: off_t) -> ssize_t;
    pwritev = c"pwritev"(descriptor: c_int, pieces: *const iovec, count: c_int, offset: off_t) -> ssize_t;
    pwritev64 = c"pwritev64"(descriptor: c_int, pieces: *const iovec, count: c_int, offset: off_t) -> ssize_t;
    sendmsg = c"sendmsg"(socket: c_int, message: *const msghdr, flags: c_int) -> ssize_t;
    recvmsg = c"recvmsg"(socket: c_int, message: *mut msghdr, flags: c_int) -> ssize_t;
    vmsplice = c"vmsplice"(pipe: c_int, pieces: *const iovec, count: size_t, flags: c_uint) -> ssize_t;
    getrandom = c"getrandom"(buffer: *mut c_void, len: size_t, flags: c_uint) -> ssize_t;
    process_vm_readv = c"process_vm_readv"(process: pid_t, own: *const iovec, own_count: c_ulong,
        theirs: *const iovec, their_count: c_ulong, flags: c_ulong) -> ssize_t;
    process_vm_writev = c"process_vm_writev"(process: pid_t, own: *const iovec, own_count: c_ulong,
        theirs: *const iovec, their_count: c_ulong, flags: c_ulong) -> ssize_t;
}
