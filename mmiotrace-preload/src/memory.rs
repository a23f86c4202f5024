//! What the program maps, unmaps and protects.

#![expect(unsafe_code, reason = "functions of the C library are replaced")]

use crate::gate::Changing;
use crate::session::{self, NewMapping};
use crate::syscall::kernel;
use core::ffi::{c_int, c_void};
use libc::{off_t, size_t};
use mmiotrace_capture::process::{Area, Tracer};

/// # Safety
/// As the C library's function.
pub(crate) unsafe fn map(
    address: *mut c_void,
    len: size_t,
    protection: c_int,
    flags: c_int,
    descriptor: c_int,
    offset: off_t,
) -> *mut c_void {
    let changing = Changing::begin();
    let replaces = flags & libc::MAP_FIXED != 0 && flags & libc::MAP_FIXED_NOREPLACE == 0;
    let replaced = replaces.then(|| take_off(address, len)).flatten();
    let replaced = replaced.map(TakenOff::ends);
    // SAFETY: the caller's arguments, passed on to the kernel.
    let start = unsafe {
        let (protection, flags) = (protection as usize, flags as usize);
        let (descriptor, offset) = (descriptor as usize, offset as usize);
        let arguments = [address as usize, len, protection, flags, descriptor, offset];
        kernel(libc::SYS_mmap, arguments)
    };
    let start = start as *mut c_void;
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
        session::arm(&NewMapping {
            start: start.cast(),
            len,
            descriptor,
            offset: offset as u64,
            accessible: is_accessible(protection),
            shared,
        });
    }
    drop(changing);
    session::restore(&error);
    start
}

const fn is_accessible(protection: c_int) -> bool {
    protection & (libc::PROT_READ | libc::PROT_WRITE) != 0
}

/// A range that is about to change, and what was traced there.
struct TakenOff {
    areas: Vec<Area<'static>>,
    /// What is inaccessible there.
    dormant: Vec<Area<'static>>,
    from: *const u8,
    to: *const u8,
}

/// Ends the tracing of all regions that share a page with a range. `None` where nothing is captured,
/// or this library itself changes its memory.
fn take_off(address: *mut c_void, len: size_t) -> Option<TakenOff> {
    let from = address as usize & !0xfff;
    let to = (address as usize).saturating_add(len);
    let to = to.checked_next_multiple_of(4096).unwrap_or(usize::MAX);
    let (from, to) = (from as *const u8, to as *const u8);
    // All of it before the change: behind it the range may be another thread's.
    session::with(|tracer| TakenOff {
        areas: tracer.detach_in(address.cast(), len),
        dormant: session::wake(from, to),
        from,
        to,
    })
}

impl TakenOff {
    /// Says, before a change, that what could not be traced there ends with it.
    fn ends(self) -> Self {
        let _ = session::with(|tracer| tracer.forget_untraced(self.from, self.to));
        self
    }

    /// Traces again what lies outside the range.
    fn put_back_outside(&self) {
        let _ = session::with(|tracer| self.arm_outside(tracer));
    }

    fn arm_outside(&self, tracer: &Tracer) {
        for area in &self.areas {
            let before = area.part(core::ptr::null(), self.from);
            let behind = area.part(self.to, usize::MAX as *const u8);
            for part in before.iter().chain(&behind) {
                session::arm_again(tracer, part);
            }
        }
    }

    /// Traces all of it again: nothing has changed.
    fn put_back(self) {
        let _ = session::with(|tracer| {
            for area in &self.areas {
                session::arm_again(tracer, area);
            }
            self.dormant.into_iter().for_each(session::lay_down);
        });
    }
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
pub(crate) unsafe extern "C" fn munmap(address: *mut c_void, len: size_t) -> c_int {
    let changing = Changing::begin();
    let taken = take_off(address, len).map(TakenOff::ends);
    // SAFETY: the caller's arguments, passed on to the kernel.
    let done = unsafe { kernel(libc::SYS_munmap, [address as usize, len, 0, 0, 0, 0]) } as c_int;
    let error = std::io::Error::last_os_error();
    if let Some(taken) = taken {
        if done == 0 {
            taken.put_back_outside();
        } else {
            taken.put_back();
        }
    }
    drop(changing);
    session::restore(&error);
    done
}

/// # Safety
/// As the C library's function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn mprotect(
    address: *mut c_void,
    len: size_t,
    protection: c_int,
) -> c_int {
    let changing = Changing::begin();
    let taken = take_off(address, len);
    let arguments = [address as usize, len, protection as usize, 0, 0, 0];
    // SAFETY: the caller's arguments, passed on to the kernel.
    let done = unsafe { kernel(libc::SYS_mprotect, arguments) } as c_int;
    let error = std::io::Error::last_os_error();
    match taken {
        Some(taken) if done == 0 => {
            let _ = session::with(|tracer| {
                let inside = taken.areas.iter();
                let inside = inside.filter_map(|area| area.part(taken.from, taken.to));
                for area in inside.chain(taken.dormant.iter().copied()) {
                    if is_accessible(protection) {
                        session::arm_again(tracer, &area);
                    } else {
                        session::lay_down(area);
                    }
                }
            });
            let _ = session::with(|tracer| taken.arm_outside(tracer));
        }
        Some(taken) => taken.put_back(),
        None => {}
    }
    drop(changing);
    session::restore(&error);
    done
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
    let changing = Changing::begin();
    let replaced = (flags & libc::MREMAP_FIXED != 0)
        .then(|| take_off(to, new_len).map(TakenOff::ends))
        .flatten();
    let taken = take_off(old, old_len.max(1));
    let taken = match taken {
        Some(taken) if old_len > 0 => Some(taken.ends()),
        taken => taken,
    };
    let arguments = [
        old as usize,
        old_len,
        new_len,
        flags as usize,
        to as usize,
        0,
    ];
    // SAFETY: the caller's arguments, passed on to the kernel.
    let new = unsafe { kernel(libc::SYS_mremap, arguments) };
    let new = new as *mut c_void;
    let error = std::io::Error::last_os_error();
    if let Some(replaced) = replaced {
        replaced.put_back_outside();
    }
    match taken {
        Some(taken) if new == libc::MAP_FAILED => taken.put_back(),
        Some(taken) if !taken.areas.is_empty() => {
            let first = taken.areas.iter().find_map(|area| {
                let part = area.part(old.cast(), usize::MAX as *const u8)?;
                (part.address() == old as u64).then_some(part)
            });
            if old_len == 0 {
                // A second mapping of the same memory: the first one stays.
                taken.put_back();
            } else {
                taken.put_back_outside();
            }
            if let Some(first) = first {
                let moved = first.moved(new.cast(), new_len);
                let _ = session::with(|tracer| session::arm_again(tracer, &moved));
            }
        }
        _ => {}
    }
    drop(changing);
    session::restore(&error);
    new
}
