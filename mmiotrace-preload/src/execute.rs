//! Programs that are started.

#![expect(unsafe_code, reason = "functions of the C library are replaced")]

use crate::real_fns::call_next;
use core::ffi::{c_char, c_int, c_void};
use libc::pid_t;
use mmiotrace_capture::process::preload::{
    Strings, check, check_found, check_open, scan_before_exec,
};

unsafe extern "C" {
    static environ: Strings;
}

/// The environment of this process.
fn own_environment() -> Strings {
    // SAFETY: the C library's variable, read as the C library itself does.
    unsafe { environ }
}

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn execve(
    path: *const c_char,
    arguments: Strings,
    environment: Strings,
) -> c_int {
    scan_before_exec();
    // SAFETY: the caller's promise.
    unsafe { check(path, environment) };
    call_next!(
        c"execve" as fn(*const c_char, Strings, Strings) -> c_int,
        path,
        arguments,
        environment
    )
}

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn execv(path: *const c_char, arguments: Strings) -> c_int {
    scan_before_exec();
    // SAFETY: the caller's promise.
    unsafe { check(path, own_environment()) };
    call_next!(
        c"execv" as fn(*const c_char, Strings) -> c_int,
        path,
        arguments
    )
}

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn execvp(name: *const c_char, arguments: Strings) -> c_int {
    scan_before_exec();
    // SAFETY: the caller's promise.
    unsafe { check_found(name, own_environment()) };
    call_next!(
        c"execvp" as fn(*const c_char, Strings) -> c_int,
        name,
        arguments
    )
}

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
unsafe extern "C" fn execvpe(
    name: *const c_char,
    arguments: Strings,
    environment: Strings,
) -> c_int {
    scan_before_exec();
    // SAFETY: the caller's promise.
    unsafe { check_found(name, environment) };
    call_next!(
        c"execvpe" as fn(*const c_char, Strings, Strings) -> c_int,
        name,
        arguments,
        environment
    )
}

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
unsafe extern "C" fn fexecve(descriptor: c_int, arguments: Strings, environment: Strings) -> c_int {
    scan_before_exec();
    // SAFETY: the caller's promise.
    unsafe { check_open(descriptor, environment) };
    call_next!(
        c"fexecve" as fn(c_int, Strings, Strings) -> c_int,
        descriptor,
        arguments,
        environment
    )
}

/// What `posix_spawn` and `posix_spawnp` are given besides the program: actions and attributes, which are
/// passed on.
type Opaque = *const c_void;

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
unsafe extern "C" fn posix_spawn(
    child: *mut pid_t,
    path: *const c_char,
    actions: Opaque,
    attributes: Opaque,
    arguments: Strings,
    environment: Strings,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { check(path, environment) };
    call_next!(
        c"posix_spawn" as fn(*mut pid_t, *const c_char, Opaque, Opaque, Strings, Strings) -> c_int,
        child,
        path,
        actions,
        attributes,
        arguments,
        environment
    )
}

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
unsafe extern "C" fn posix_spawnp(
    child: *mut pid_t,
    name: *const c_char,
    actions: Opaque,
    attributes: Opaque,
    arguments: Strings,
    environment: Strings,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { check_found(name, environment) };
    call_next!(
        c"posix_spawnp" as fn(*mut pid_t, *const c_char, Opaque, Opaque, Strings, Strings) -> c_int,
        child,
        name,
        actions,
        attributes,
        arguments,
        environment
    )
}
