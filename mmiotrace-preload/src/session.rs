//! The capture that this process takes part in.

#![expect(
    unsafe_code,
    reason = "the loader calls a function of ours before main"
)]

use crate::told::tell;
use core::cell::Cell;
use mmiotrace_capture::machine::Root;
use mmiotrace_capture::process::{
    Area, CHANNEL_VARIABLE, Error, MATCH_VARIABLE, MappedFile, Tracer, matches,
};
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

#[derive(Debug)]
struct Session {
    tracer: Tracer,
    patterns: Vec<String>,
}

static SESSION: OnceLock<Session> = OnceLock::new();

thread_local! {
    /// Whether this thread is in the library itself, whose calls are nobody's business.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

#[used]
#[unsafe(link_section = ".init_array")]
static BEGIN: extern "C" fn() = begin;

extern "C" fn begin() {
    let Some(path) = std::env::var_os(CHANNEL_VARIABLE) else {
        return;
    };
    let inside = Inside::enter();
    // From here on the engine's handler may call it, where nothing can be looked up.
    // SAFETY: a call without arguments.
    unsafe { libc::syscall(libc::SYS_gettid) };
    // What a parent has left blocked over `exec`.
    let joined = Tracer::enroll_thread().and_then(|()| Tracer::join(Path::new(&path)));
    match joined {
        Ok(tracer) => {
            let patterns = std::env::var(MATCH_VARIABLE).unwrap_or_default();
            let lines = patterns.lines().filter(|line| !line.is_empty());
            let patterns = lines.map(str::to_owned).collect();
            if !tracer.can_execute() {
                let why = "no executable memory is allowed here: what is not a move, arithmetic, a locked or a \
                           string instruction is a blind interval";
                tell(&tracer, true, format_args!("{why}"));
            }
            let _ = SESSION.set(Session { tracer, patterns });
        }
        Err(error) => {
            let name = std::env::args().next().unwrap_or_default();
            eprintln!("mmiotrace: {name} is not traced: {error}");
        }
    }
    drop(inside);
}

/// The library is at work in this thread, until this is dropped.
#[derive(Debug)]
pub(crate) struct Inside(());

impl Inside {
    /// `None` where it is at work already.
    pub(crate) fn enter() -> Option<Self> {
        let entered = INSIDE.try_with(|inside| !inside.replace(true)).ok()?;
        // Made only then: dropping one says that the library is at work no more.
        entered.then(|| Self(()))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = INSIDE.try_with(|inside| inside.set(false));
    }
}

/// Calls `work` with the tracer, unless nothing is captured or the library itself is the caller.
pub(crate) fn with<R>(work: impl FnOnce(&Tracer) -> R) -> Option<R> {
    let session = SESSION.get()?;
    let inside = Inside::enter()?;
    let result = work(&session.tracer);
    drop(inside);
    Some(result)
}

/// Traces a new mapping, if it is one of a device or of a file that the user has named; or keeps it in
/// mind, where it is not `accessible` yet.
pub(crate) fn arm(start: *mut u8, len: usize, descriptor: i32, offset: u64, accessible: bool) {
    let Some(session) = SESSION.get() else { return };
    let Some(inside) = Inside::enter() else {
        return;
    };
    let path = MappedFile::path_of(descriptor);
    let wanted = path.and_then(|path| {
        let named = path.to_str().is_some_and(|path| {
            session
                .patterns
                .iter()
                .any(|pattern| matches(pattern, path))
        });
        MappedFile::of(&Root::system(), &path, offset)
            .or(named.then_some(MappedFile { phys: None }))
    });
    if let Some(file) = wanted {
        // SAFETY: the program has just mapped this from the descriptor, which is therefore open.
        let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
        let mut area = Area::new(start, len).with_file(&descriptor, offset);
        if let Some(phys) = file.phys {
            area = area.with_phys(phys);
        }
        if accessible {
            attach(&session.tracer, &area);
        } else {
            // Without its file; most mappings can be doubled without.
            lay_down(area.moved(start, len));
        }
    }
    drop(inside);
}

/// Traces again what is left of a region that was changed.
pub(crate) fn arm_again(tracer: &Tracer, area: &Area<'_>) {
    attach(tracer, area);
}

/// Areas that were traced, and that the program has made inaccessible since: they are traced again
/// when it makes them accessible.
static DORMANT: Mutex<Vec<Area<'static>>> = Mutex::new(Vec::new());

fn dormant() -> MutexGuard<'static, Vec<Area<'static>>> {
    DORMANT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps an area in mind until it is accessible again.
pub(crate) fn lay_down(area: Area<'static>) {
    dormant().push(area);
}

/// Takes out what lies in a range; parts outside it stay.
pub(crate) fn wake(from: *const u8, to: *const u8) -> Vec<Area<'static>> {
    let mut dormant = dormant();
    let mut woken = Vec::new();
    let mut left = Vec::new();
    for area in dormant.drain(..) {
        match area.part(from, to) {
            None => left.push(area),
            Some(part) => {
                woken.push(part);
                left.extend(area.part(core::ptr::null(), from));
                left.extend(area.part(to, usize::MAX as *const u8));
            }
        }
    }
    *dormant = left;
    woken
}

fn attach(tracer: &Tracer, area: &Area<'_>) {
    // SAFETY: the mapping is the program's, and every change of it comes through this library,
    // which detaches it first. What the program does with it is its own business, as without us.
    match unsafe { tracer.attach(area) } {
        Ok(region) => region.keep(),
        // The capture has ended.
        Err(Error::NotRunning) => {}
        Err(error) => {
            tracer.note_untraced(area, &error);
            eprintln!("mmiotrace: not traced: {error}");
        }
    }
}

/// Whether a capture has begun, and the caller is not the library itself.
pub(crate) fn is_active() -> bool {
    SESSION.get().is_some() && INSIDE.try_with(Cell::get) == Ok(false)
}

/// Puts the thread's error number back.
pub(crate) fn restore(error: &std::io::Error) {
    // SAFETY: the thread's own word.
    unsafe { *libc::__errno_location() = error.raw_os_error().unwrap_or(0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_inside_stays_inside() {
        let outer = Inside::enter().unwrap();
        assert!(Inside::enter().is_none());
        assert!(Inside::enter().is_none());
        drop(outer);
        assert!(Inside::enter().is_some());
    }
}
