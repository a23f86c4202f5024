//! Programs that are started: where the library cannot be in one, the trace says so.

#![expect(unsafe_code, reason = "functions of the C library are replaced")]

use crate::lookout::look_before_exec;
use crate::next::call_next;
use crate::session;
use crate::told::{keeping_errno, tell};
use core::ffi::{CStr, c_char, c_int, c_void};
use libc::pid_t;
use mmiotrace_capture::process::{CHANNEL_VARIABLE, LIBRARY, obstacle};
use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Strings that end in 0, up to a null pointer.
pub(crate) type Strings = *const *const c_char;

unsafe extern "C" {
    static environ: Strings;
}

/// The environment of this process.
fn own_environment() -> Strings {
    // SAFETY: the C library's variable, read as the C library itself does.
    unsafe { environ }
}

/// Says that a program is not traced, where that is so.
///
/// # Safety
/// `path` is a string, `environment` null or strings.
unsafe fn announce(path: *const c_char, environment: Strings) {
    if path.is_null() || !session::is_active() {
        return;
    }
    // SAFETY: the caller's promise.
    let path = unsafe { CStr::from_ptr(path) };
    // SAFETY: a string; what cannot be executed is not started.
    if keeping_errno(|| unsafe { libc::access(path.as_ptr(), libc::X_OK) }) != 0 {
        return;
    }
    // SAFETY: the caller's promise.
    let led = unsafe { leads_here(environment) };
    let path = Path::new(OsStr::from_bytes(path.to_bytes()));
    let without = "its environment does not have the library preloaded";
    keeping_errno(|| {
        if let Some(why) = obstacle(path).or((!led).then_some(without)) {
            let _ = session::with(|tracer| {
                let path = path.display();
                tell(tracer, true, format_args!("{path} is not traced: {why}"));
            });
        }
    });
}

/// Whether an environment has the library preloaded, and leads it to a channel.
///
/// # Safety
/// Null, or strings.
unsafe fn leads_here(environment: Strings) -> bool {
    let (mut preloaded, mut channel) = (false, false);
    let mut at = environment;
    // SAFETY: the caller's promise: every place up to the null pointer is one of a string.
    while let Some(entry) = unsafe { at.as_ref() }.filter(|entry| !entry.is_null()) {
        // SAFETY: as above.
        let entry = unsafe { CStr::from_ptr(*entry) }.to_bytes();
        if let Some(list) = entry.strip_prefix(b"LD_PRELOAD=") {
            let name = LIBRARY.as_bytes();
            preloaded |= list.windows(name.len()).any(|part| part == name);
        }
        let value = entry.strip_prefix(CHANNEL_VARIABLE.as_bytes());
        channel |= value.is_some_and(|value| value.first() == Some(&b'='));
        // SAFETY: as above: the null pointer comes later.
        at = unsafe { at.add(1) };
    }
    preloaded && channel
}

/// As [`announce`], for a program that is looked for in `PATH`, as execvp(3) does.
///
/// # Safety
/// As [`announce`].
unsafe fn announce_found(name: *const c_char, environment: Strings) {
    if name.is_null() || !session::is_active() {
        return;
    }
    // SAFETY: the caller's promise.
    let bytes = unsafe { CStr::from_ptr(name) }.to_bytes();
    if bytes.contains(&b'/') {
        // SAFETY: the caller's promise.
        return unsafe { announce(name, environment) };
    }
    // SAFETY: a name that ends in 0; the program does not change its environment meanwhile, as the C
    // library's own search would not bear it either.
    let folders = unsafe {
        let path = libc::getenv(c"PATH".as_ptr());
        (!path.is_null()).then(|| CStr::from_ptr(path))
    };
    let folders = folders.map_or(&b"/bin:/usr/bin"[..], CStr::to_bytes);
    for folder in folders.split(|byte| *byte == b':') {
        let folder = if folder.is_empty() { b"." } else { folder };
        let mut place = [0; 4096];
        let mut rest = &mut place[..4095];
        if [folder, b"/", bytes]
            .iter()
            .any(|part| rest.write_all(part).is_err())
        {
            continue;
        }
        let path = place.as_ptr().cast();
        // SAFETY: a string: its last byte stays 0.
        if keeping_errno(|| unsafe { libc::access(path, libc::X_OK) }) == 0 {
            // SAFETY: as above, and the caller's promise.
            return unsafe { announce(path, environment) };
        }
    }
}

/// As [`announce`], for a program that is open.
///
/// # Safety
/// As [`announce`].
unsafe fn announce_open(descriptor: c_int, environment: Strings) {
    let mut place = [0; 32];
    let _ = write!(&mut place[..31], "/proc/self/fd/{descriptor}");
    // SAFETY: a string: its last byte stays 0; and the caller's promise.
    unsafe { announce(place.as_ptr().cast(), environment) };
}

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn execve(
    path: *const c_char,
    arguments: Strings,
    environment: Strings,
) -> c_int {
    look_before_exec();
    // SAFETY: the caller's promise.
    unsafe { announce(path, environment) };
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
    look_before_exec();
    // SAFETY: the caller's promise.
    unsafe { announce(path, own_environment()) };
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
    look_before_exec();
    // SAFETY: the caller's promise.
    unsafe { announce_found(name, own_environment()) };
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
    look_before_exec();
    // SAFETY: the caller's promise.
    unsafe { announce_found(name, environment) };
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
    look_before_exec();
    // SAFETY: the caller's promise.
    unsafe { announce_open(descriptor, environment) };
    call_next!(
        c"fexecve" as fn(c_int, Strings, Strings) -> c_int,
        descriptor,
        arguments,
        environment
    )
}

/// What `posix_spawn` and `posix_spawnp` are given beside the program: actions and attributes, which are
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
    unsafe { announce(path, environment) };
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
    unsafe { announce_found(name, environment) };
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
