//! The capture that this process takes part in.

#![expect(unsafe_code, reason = "what the program maps is traced")]

use super::deferred::defer;
use super::mapping_lock;
use super::mapping_scan::{self, ScanReason};
use super::report::{report, report_untraced};
use crate::machine::Root;
use crate::process::{Area, CHANNEL_VARIABLE, Error, MATCH_VARIABLE, MappedFile, Tracer, matches};
use core::cell::Cell;
use core::sync::atomic::{AtomicU32, Ordering};
use mmiotrace_core::PhysAddr;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::OnceLock;

/// A capture, and what is to be traced in it.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) tracer: Tracer,
    /// Patterns of paths.
    pub(super) patterns: Vec<String>,
    /// The process that has begun it. What is forked from it has copies of its mappings.
    pid: u32,
}

impl Session {
    /// Whether the user has named a file.
    pub(super) fn names(&self, path: &str) -> bool {
        self.pattern_of(path).is_some()
    }

    /// The place of the first pattern that a path matches.
    fn pattern_of(&self, path: &str) -> Option<usize> {
        self.patterns
            .iter()
            .position(|pattern| matches(pattern, path))
    }

    /// The physical address of a byte of a file that the user has named; see
    /// `FileNumbers`.
    pub(super) fn phys_of(&self, path: &str, offset: u64) -> Option<PhysAddr> {
        let pattern = self.pattern_of(path)?;
        Some(self.tracer.file_phys(pattern, path, offset))
    }
}

static SESSION: OnceLock<Session> = OnceLock::new();

thread_local! {
    /// Whether this thread is in the library itself, whose calls are not the program's.
    static IN_LIBRARY: Cell<bool> = const { Cell::new(false) };
}

/// Joins the capture that the environment names. Without one nothing happens, now or later.
pub fn begin() {
    let Some(path) = std::env::var_os(CHANNEL_VARIABLE) else {
        return;
    };
    let own = InLibrary::enter();
    // From here on the engine's handler may call it, where nothing can be looked up.
    // SAFETY: a call without arguments.
    unsafe { libc::syscall(libc::SYS_gettid) };
    // What a parent has left blocked over `exec`.
    let joined = Tracer::enroll_thread().and_then(|()| Tracer::join(Path::new(&path)));
    match joined {
        Ok(tracer) => start(tracer),
        Err(error) => {
            let name = std::env::args().next().unwrap_or_default();
            eprintln!("mmiotrace: {name} is not traced: {error}");
        }
    }
    drop(own);
    // What the loader and other libraries have mapped before.
    mapping_scan::scan();
}

fn start(tracer: Tracer) {
    let patterns = std::env::var(MATCH_VARIABLE).unwrap_or_default();
    let lines = patterns.lines().filter(|line| !line.is_empty());
    let patterns = lines.map(str::to_owned).collect();
    if !tracer.can_execute() {
        let why = "no executable memory is allowed here: what is not a move, arithmetic, a locked or a \
                   string instruction is a blind interval";
        report(&tracer, true, format_args!("{why}"));
    }
    tracer.scan_with(mapping_scan::scan);
    let pid = std::process::id();
    let _ = SESSION.set(Session {
        tracer,
        patterns,
        pid,
    });
    // SAFETY: a function that stays as long as the process.
    unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
}

extern "C" fn in_child() {
    mapping_lock::reset_after_fork();
}

/// Scans a last time, before the program ends in an orderly way.
pub fn end() {
    mapping_scan::scan_for(ScanReason::Ending);
}

/// The library is at work in this thread, until this is dropped.
#[derive(Debug)]
pub(super) struct InLibrary(());

impl InLibrary {
    /// `None` if it is at work already.
    pub(super) fn enter() -> Option<Self> {
        let entered = IN_LIBRARY.try_with(|inside| !inside.replace(true)).ok()?;
        // Made only then: dropping one says that the library is at work no more.
        entered.then(|| Self(()))
    }
}

impl Drop for InLibrary {
    fn drop(&mut self) {
        let _ = IN_LIBRARY.try_with(|inside| inside.set(false));
    }
}

/// Calls `work` with the tracer, unless nothing is captured or the library itself is the caller.
pub(super) fn with<R>(work: impl FnOnce(&Tracer) -> R) -> Option<R> {
    with_session(|session| work(&session.tracer))
}

/// As [`with`], with all of the session.
pub(super) fn with_session<R>(work: impl FnOnce(&Session) -> R) -> Option<R> {
    let session = SESSION.get()?;
    let own = InLibrary::enter()?;
    let result = work(session);
    drop(own);
    Some(result)
}

/// Makes a new thread of the program fit for traced accesses.
pub fn enroll_thread() {
    if let Some(own) = InLibrary::enter() {
        // Without a large signal stack the thread still has the one that it has.
        let _ = Tracer::enroll_thread();
        drop(own);
    }
}

/// Whether a capture has begun, and the caller is not the library itself.
#[must_use]
pub fn is_active() -> bool {
    SESSION.get().is_some() && IN_LIBRARY.try_with(Cell::get) == Ok(false)
}

/// Whether any of `len` bytes from `start` are traced.
#[must_use]
pub fn traces(start: *const u8, len: usize) -> bool {
    len > 0 && with(|tracer| tracer.traces(start, len)) == Some(true)
}

/// Whether this process is the one that the library was loaded into, and no child of it.
pub(super) fn is_in_first_process() -> bool {
    SESSION
        .get()
        .is_some_and(|session| session.pid == std::process::id())
}

/// A mapping of a file that was just made.
#[derive(Debug)]
pub(super) struct NewMapping {
    pub(super) start: *mut u8,
    pub(super) len: usize,
    pub(super) descriptor: i32,
    pub(super) offset: u64,
    /// Whether it may be read or written.
    pub(super) accessible: bool,
    pub(super) shared: bool,
}

/// Traces a new mapping, if it is one of a device or of a file that the user has named; or remembers it
/// if it is not accessible yet. A private one of a device cannot be traced, which is reported.
pub(super) fn arm(new: &NewMapping) {
    let _ = with_session(|session| {
        // SAFETY: the program has just mapped this from the descriptor, which is therefore open.
        let descriptor = unsafe { BorrowedFd::borrow_raw(new.descriptor) };
        let path = MappedFile::path_of(new.descriptor);
        let wanted = path.and_then(|path| {
            let named = || {
                let path = path.to_str().filter(|_| new.shared)?;
                session.phys_of(path, new.offset)
            };
            MappedFile::of_open(&Root::system(), &path, descriptor, new.offset).or_else(|| {
                Some(MappedFile {
                    phys: Some(named()?),
                })
            })
        });
        let Some(file) = wanted else {
            return note_unmatched(&session.tracer, new);
        };
        let mut area = Area::new(new.start, new.len).with_file(&descriptor, new.offset);
        if let Some(phys) = file.phys {
            area = area.with_phys(phys);
        }
        if new.accessible {
            attach(&session.tracer, &area);
        } else if new.shared {
            // Without its file; most mappings can be doubled without.
            defer(area.moved(new.start, new.len));
        }
    });
}

/// Reports to the recorder which files are mapped and not asked for, the first few: if nothing is traced, one
/// of them may be the device.
fn note_unmatched(tracer: &Tracer, new: &NewMapping) {
    static NOTED: AtomicU32 = AtomicU32::new(0);
    const MOST: u32 = 16;
    if !new.shared || NOTED.load(Ordering::Relaxed) >= MOST {
        return;
    }
    let path = MappedFile::path_of(new.descriptor);
    if let Some(path) = path.as_deref().and_then(Path::to_str) {
        NOTED.fetch_add(1, Ordering::Relaxed);
        tracer.note_unmatched(path, new.len as u64);
    }
}

/// Traces an area, or reports why not.
pub(super) fn attach(tracer: &Tracer, area: &Area<'_>) {
    // SAFETY: the mapping is the program's, and every change of it comes through this library,
    // which detaches it first. What the program does with it is its own business, as without us.
    match unsafe { tracer.attach(area) } {
        Ok(region) => region.keep(),
        // The capture has ended.
        Err(Error::NotRunning) => {}
        Err(error) => {
            tracer.note_untraced(area, &error);
            let reason = match error {
                Error::Region { .. } => "limit",
                _ => "mapping",
            };
            report_untraced(tracer, true, reason, format_args!("not traced: {error}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_entry_of_a_thread_is_refused() {
        let outer = InLibrary::enter().unwrap();
        assert!(InLibrary::enter().is_none());
        assert!(InLibrary::enter().is_none());
        drop(outer);
        assert!(InLibrary::enter().is_some());
    }
}
