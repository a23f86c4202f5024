//! The capture that this process takes part in.

#![expect(
    unsafe_code,
    reason = "the loader calls a function of ours before main"
)]

use crate::gate;
use crate::lookout::{self, When};
use crate::told::tell;
use core::cell::Cell;
use mmiotrace_capture::machine::Root;
use mmiotrace_capture::process::{
    Area, CHANNEL_VARIABLE, Error, MATCH_VARIABLE, MappedFile, Stray, Tracer, matches,
};
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// A capture, and what is to be traced in it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) tracer: Tracer,
    /// Patterns of paths.
    pub(crate) patterns: Vec<String>,
    /// The process that has begun it. What is forked from it has copies of its mappings.
    pub(crate) pid: u32,
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
            tracer.look_with(lookout::look);
            let pid = std::process::id();
            let _ = SESSION.set(Session {
                tracer,
                patterns,
                pid,
            });
            // SAFETY: functions that stay as long as the process.
            unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        }
        Err(error) => {
            let name = std::env::args().next().unwrap_or_default();
            eprintln!("mmiotrace: {name} is not traced: {error}");
        }
    }
    drop(inside);
    // What the loader and other libraries have mapped before.
    lookout::look();
}

extern "C" fn in_child() {
    gate::reset_after_fork();
}

#[used]
#[unsafe(link_section = ".fini_array")]
static END: extern "C" fn() = end;

extern "C" fn end() {
    lookout::look_when(When::Ending);
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
    with_session(|session| work(&session.tracer))
}

/// As [`with`], with all of the session.
pub(crate) fn with_session<R>(work: impl FnOnce(&Session) -> R) -> Option<R> {
    let session = SESSION.get()?;
    let inside = Inside::enter()?;
    let result = work(session);
    drop(inside);
    Some(result)
}

/// A mapping of a file that was just made.
#[derive(Debug)]
pub(crate) struct NewMapping {
    pub(crate) start: *mut u8,
    pub(crate) len: usize,
    pub(crate) descriptor: i32,
    pub(crate) offset: u64,
    /// Whether it may be read or written.
    pub(crate) accessible: bool,
    pub(crate) shared: bool,
}

/// Traces a new mapping, if it is one of a device or of a file that the user has named; or keeps it in
/// mind, where it is not accessible yet. A private one of a device cannot be traced, which is told.
pub(crate) fn arm(new: &NewMapping) {
    let _ = with_session(|session| {
        // SAFETY: the program has just mapped this from the descriptor, which is therefore open.
        let descriptor = unsafe { BorrowedFd::borrow_raw(new.descriptor) };
        let path = MappedFile::path_of(new.descriptor);
        let wanted = path.and_then(|path| {
            let named = path.to_str().is_some_and(|path| {
                let mut patterns = session.patterns.iter();
                new.shared && patterns.any(|pattern| matches(pattern, path))
            });
            MappedFile::of_open(&Root::system(), &path, descriptor, new.offset)
                .or(named.then_some(MappedFile { phys: None }))
        });
        let Some(file) = wanted else { return };
        let mut area = Area::new(new.start, new.len).with_file(&descriptor, new.offset);
        if let Some(phys) = file.phys {
            area = area.with_phys(phys);
        }
        if new.accessible {
            attach(&session.tracer, &area);
        } else if new.shared {
            // Without its file; most mappings can be doubled without.
            lay_down(area.moved(new.start, new.len));
        }
    });
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

/// Whether all of a mapping is kept in mind.
pub(crate) fn is_laid_down(stray: &Stray<'_>) -> bool {
    let (start, end) = (stray.start as *const u8, stray.end as *const u8);
    let dormant = dormant();
    let parts = dormant.iter().filter_map(|area| area.part(start, end));
    parts.map(|part| part.mapped_len()).sum::<u64>() >= stray.end - stray.start
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

/// Whether this process is the one that the library was loaded into, and no child of it.
pub(crate) fn is_in_first_process() -> bool {
    SESSION
        .get()
        .is_some_and(|session| session.pid == std::process::id())
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
