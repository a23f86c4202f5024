//! What the program maps, unmaps and protects: what is traced there is detached before, and what is
//! left of it attached afterwards. Each function is given the system call as a closure.

use super::deferred::{defer, take_deferred};
use super::mapping_lock::ReadGuard;
use super::report::restore_errno;
use super::session::{NewMapping, arm, attach, with};
use crate::process::{Area, Tracer};
use core::ffi::{c_int, c_void};

/// What `mmap` was asked for.
#[derive(Clone, Copy, Debug)]
pub struct MapRequest {
    /// Where.
    pub address: *mut c_void,
    /// How many bytes.
    pub len: usize,
    /// `PROT_READ` and kin.
    pub protection: c_int,
    /// `MAP_SHARED` and kin.
    pub flags: c_int,
    /// The file.
    pub descriptor: c_int,
    /// Where in the file.
    pub offset: u64,
}

/// Around `mmap`.
pub fn map(request: &MapRequest, call: impl FnOnce() -> *mut c_void) -> *mut c_void {
    let changing = ReadGuard::lock();
    let (len, flags, descriptor) = (request.len, request.flags, request.descriptor);
    let replaces = flags & libc::MAP_FIXED != 0 && flags & libc::MAP_FIXED_NOREPLACE == 0;
    if !request.address.is_null() {
        release_reserved(request.address, len);
    }
    let replaced = replaces.then(|| detach(request.address, len)).flatten();
    let replaced = replaced.map(Detached::ends);
    let start = call();
    let error = std::io::Error::last_os_error();
    if let Some(replaced) = replaced {
        replaced.put_back_outside();
    }
    let shared = matches!(
        flags & libc::MAP_TYPE,
        libc::MAP_SHARED | libc::MAP_SHARED_VALIDATE
    );
    let is_file = descriptor >= 0 && flags & libc::MAP_ANONYMOUS == 0;
    if start != libc::MAP_FAILED && is_file {
        arm(&NewMapping {
            start: start.cast(),
            len,
            descriptor,
            offset: request.offset,
            accessible: is_accessible(request.protection),
            shared,
        });
    }
    drop(changing);
    restore_errno(&error);
    start
}

const fn is_accessible(protection: c_int) -> bool {
    protection & (libc::PROT_READ | libc::PROT_WRITE) != 0
}

/// Around `munmap`.
pub fn unmap(address: *mut c_void, len: usize, call: impl FnOnce() -> c_int) -> c_int {
    let changing = ReadGuard::lock();
    release_reserved(address, len);
    let detached = detach(address, len).map(Detached::ends);
    let done = call();
    let error = std::io::Error::last_os_error();
    if let Some(detached) = detached {
        if done == 0 {
            detached.put_back_outside();
        } else {
            detached.put_back();
        }
    }
    drop(changing);
    restore_errno(&error);
    done
}

/// Around `mprotect`.
pub fn protect(
    address: *mut c_void,
    len: usize,
    protection: c_int,
    call: impl FnOnce() -> c_int,
) -> c_int {
    let changing = ReadGuard::lock();
    release_reserved(address, len);
    let detached = detach(address, len);
    let done = call();
    let error = std::io::Error::last_os_error();
    match detached {
        Some(detached) if done == 0 => {
            let _ = with(|tracer| {
                let inside = detached.areas.iter();
                let inside = inside.filter_map(|area| area.part(detached.from, detached.to));
                for area in inside.chain(detached.deferred.iter().copied()) {
                    if is_accessible(protection) {
                        attach(tracer, &area);
                    } else {
                        defer(area);
                    }
                }
                detached.attach_outside(tracer);
            });
        }
        Some(detached) => detached.put_back(),
        None => {}
    }
    drop(changing);
    restore_errno(&error);
    done
}

/// What `mremap` was asked for.
#[derive(Clone, Copy, Debug)]
pub struct RemapRequest {
    /// Where the mapping is.
    pub old: *mut c_void,
    /// Its length; 0: a second mapping of the same memory.
    pub old_len: usize,
    /// Its length afterwards.
    pub new_len: usize,
    /// `MREMAP_MAYMOVE` and kin.
    pub flags: c_int,
    /// Where to, with `MREMAP_FIXED`.
    pub to: *mut c_void,
}

/// Around `mremap`.
pub fn remap(request: &RemapRequest, call: impl FnOnce() -> *mut c_void) -> *mut c_void {
    let RemapRequest {
        old,
        old_len,
        new_len,
        flags,
        to,
    } = *request;
    let changing = ReadGuard::lock();
    release_reserved(old, old_len);
    if flags & libc::MREMAP_FIXED != 0 {
        release_reserved(to, new_len);
    }
    let replaced = (flags & libc::MREMAP_FIXED != 0)
        .then(|| detach(to, new_len).map(Detached::ends))
        .flatten();
    let detached = detach(old, old_len.max(1));
    let detached = match detached {
        Some(detached) if old_len > 0 => Some(detached.ends()),
        detached => detached,
    };
    let new = call();
    let error = std::io::Error::last_os_error();
    if let Some(replaced) = replaced {
        replaced.put_back_outside();
    }
    match detached {
        Some(detached) if new == libc::MAP_FAILED => detached.put_back(),
        Some(detached) if !detached.areas.is_empty() => {
            let first = detached.areas.iter().find_map(|area| {
                let part = area.part(old.cast(), usize::MAX as *const u8)?;
                (part.address() == old as u64).then_some(part)
            });
            if old_len == 0 {
                // A second mapping of the same memory: the first one stays.
                detached.put_back();
            } else {
                detached.put_back_outside();
            }
            if let Some(first) = first {
                let moved = first.moved(new.cast(), new_len);
                let _ = with(|tracer| attach(tracer, &moved));
            }
        }
        _ => {}
    }
    drop(changing);
    restore_errno(&error);
    new
}

/// Before the program does something with a range: for it nothing is mapped where we keep one empty.
fn release_reserved(address: *mut c_void, len: usize) {
    let from = address.cast::<u8>().cast_const();
    let _ = with(|tracer| tracer.release_reserved(from, from.wrapping_add(len)));
}

/// A range that is about to change, and what was traced there.
struct Detached {
    areas: Vec<Area<'static>>,
    /// What is inaccessible there.
    deferred: Vec<Area<'static>>,
    from: *const u8,
    to: *const u8,
}

/// Ends the tracing of all regions that share a page with a range. `None` if nothing is captured,
/// or if this library itself changes its memory.
fn detach(address: *mut c_void, len: usize) -> Option<Detached> {
    let from = address as usize & !0xfff;
    let to = (address as usize).saturating_add(len);
    let to = to.checked_next_multiple_of(4096).unwrap_or(usize::MAX);
    let (from, to) = (from as *const u8, to as *const u8);
    // All of it before the change: after it the range may be another thread's.
    with(|tracer| Detached {
        areas: tracer.detach_in(address.cast(), len),
        deferred: take_deferred(from, to),
        from,
        to,
    })
}

impl Detached {
    /// Says, before a change, that what could not be traced there ends with it.
    fn ends(self) -> Self {
        let _ = with(|tracer| tracer.forget_untraced(self.from, self.to));
        self
    }

    /// Traces again what lies outside the range.
    fn put_back_outside(&self) {
        let _ = with(|tracer| self.attach_outside(tracer));
    }

    fn attach_outside(&self, tracer: &Tracer) {
        for area in &self.areas {
            let before = area.part(core::ptr::null(), self.from);
            let after = area.part(self.to, usize::MAX as *const u8);
            for part in before.iter().chain(&after) {
                attach(tracer, part);
            }
        }
    }

    /// Traces all of it again: nothing has changed.
    fn put_back(self) {
        let _ = with(|tracer| {
            for area in &self.areas {
                attach(tracer, area);
            }
            self.deferred.into_iter().for_each(defer);
        });
    }
}
