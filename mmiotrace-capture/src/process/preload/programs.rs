//! Programs that are started: one that the library cannot be in is reported.

#![expect(unsafe_code, reason = "strings of the C library's functions")]

use super::report::{keeping_errno, report_untraced};
use super::session::{is_active, with};
use crate::process::program::obstacle;
use crate::process::{CHANNEL_VARIABLE, LIBRARY};
use core::ffi::{CStr, c_char, c_int};
use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Strings that end in 0, up to a null pointer.
pub type Strings = *const *const c_char;

/// Reports a program that will not be traced.
///
/// # Safety
/// `path` is a string, `environment` null or strings.
pub unsafe fn check(path: *const c_char, environment: Strings) {
    if path.is_null() || !is_active() {
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
            let _ = with(|tracer| {
                let path = path.display();
                report_untraced(
                    tracer,
                    true,
                    "child",
                    format_args!("{path} is not traced: {why}"),
                );
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
    // SAFETY: the caller's promise: every pointer before the null pointer is one to a string.
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

/// As [`check`], for a program that is looked for in `PATH`, as execvp(3) does.
///
/// # Safety
/// As [`check`].
pub unsafe fn check_found(name: *const c_char, environment: Strings) {
    if name.is_null() || !is_active() {
        return;
    }
    // SAFETY: the caller's promise.
    let bytes = unsafe { CStr::from_ptr(name) }.to_bytes();
    if bytes.contains(&b'/') {
        // SAFETY: the caller's promise.
        return unsafe { check(name, environment) };
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
        let mut path = [0; 4096];
        let mut rest = &mut path[..4095];
        if [folder, b"/", bytes]
            .iter()
            .any(|part| rest.write_all(part).is_err())
        {
            continue;
        }
        let path = path.as_ptr().cast();
        // SAFETY: a string: its last byte stays 0.
        if keeping_errno(|| unsafe { libc::access(path, libc::X_OK) }) == 0 {
            // SAFETY: as above, and the caller's promise.
            return unsafe { check(path, environment) };
        }
    }
}

/// As [`check`], for a program that is open.
///
/// # Safety
/// As [`check`].
pub unsafe fn check_open(descriptor: c_int, environment: Strings) {
    let mut path = [0; 32];
    let _ = write!(&mut path[..31], "/proc/self/fd/{descriptor}");
    // SAFETY: a string: its last byte stays 0; and the caller's promise.
    unsafe { check(path.as_ptr().cast(), environment) };
}
