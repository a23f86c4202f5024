//! Mappings of devices that nobody has told of: made by an instruction `syscall` of the program's own, or
//! before this library was there. They are looked for in the list that the kernel has: at the beginning,
//! once in a while, and at the end.

#![expect(unsafe_code, reason = "what is found is traced")]

use crate::gate::Closed;
use crate::session::{self, Session};
use crate::told::tell;
use core::cell::Cell;
use core::sync::atomic::{AtomicBool, Ordering};
use mmiotrace_capture::machine::Root;
use mmiotrace_capture::process::{Area, Error, MappedFile, Stray, matches};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// When somebody looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// The program has begun, or runs.
    Running,
    /// It ends in an orderly way.
    Ending,
    /// It ends here and now, perhaps in a signal handler: nothing may be allocated or waited for.
    Now,
}

/// A part of a mapping, kept.
#[derive(Clone, Copy)]
struct Found {
    start: u64,
    end: u64,
    offset: u64,
    inode: u64,
    begins_mapping: bool,
    accessible: bool,
    shared: bool,
    path: [u8; 512],
    path_len: usize,
}

impl Found {
    fn new(stray: &Stray<'_>) -> Self {
        let mut path = [0; 512];
        let bytes = stray.path.as_bytes();
        let path_len = bytes.len().min(path.len());
        path[..path_len].copy_from_slice(&bytes[..path_len]);
        Self {
            start: stray.start,
            end: stray.end,
            offset: stray.offset,
            inode: stray.inode,
            begins_mapping: stray.begins_mapping,
            accessible: stray.accessible,
            shared: stray.shared,
            path,
            path_len,
        }
    }

    /// The path, whole unless it is very long.
    fn path(&self) -> &str {
        let bytes = &self.path[..self.path_len];
        core::str::from_utf8(bytes).unwrap_or_else(|error| {
            core::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or("")
        })
    }

    fn area(&self) -> Area<'static> {
        let len = usize::try_from(self.end - self.start).unwrap_or(usize::MAX);
        Area::new(self.start as *mut u8, len)
    }

    /// Whether what it says of the place in the file holds for its first byte: UIO has a number there.
    fn has_place(&self) -> bool {
        self.begins_mapping || !self.path().starts_with("/dev/uio")
    }
}

/// Looks, from the thread of the capture.
pub(crate) fn look() {
    look_when(When::Running);
}

/// Looks before the program becomes another one, and its mappings end. Where it is a child that is about
/// to be another program its mappings are its parent's, who goes on.
pub(crate) fn look_before_exec() {
    if session::is_in_first_process() {
        look_when(When::Now);
    }
}

/// Looks; what is found is traced while the program runs, and told in any case.
pub(crate) fn look_when(when: When) {
    let _ = session::with_session(|session| {
        let some = Cell::new(false);
        each_stray(session, when, |_| some.set(true));
        if !some.get() {
            return;
        }
        let closed = Closed::close();
        if closed.is_none() && when == When::Running {
            // Perhaps it is just being told of. The next look will show.
            return;
        }
        while one_round(session, when) {}
        drop(closed);
    });
}

/// Sees to some of what there is. Whether there may be more.
fn one_round(session: &Session, when: When) -> bool {
    let mut found: [Option<Found>; 8] = [None; 8];
    let mut count = 0;
    each_stray(session, when, |stray| {
        if let Some(place) = found.get_mut(count) {
            *place = Some(Found::new(stray));
            count += 1;
        }
    });
    let told = found
        .iter()
        .flatten()
        .map(|found| see_to(session, when, found));
    // All of them: each takes what it is shown off the list.
    let done = told.filter(|told| *told).count();
    count == found.len() && done > 0
}

/// Shows what is to be traced and is not.
fn each_stray(session: &Session, when: When, mut show: impl FnMut(&Stray<'_>)) {
    let uring = Cell::new(false);
    let is_wanted = |stray: &Stray<'_>| {
        uring.set(uring.get() || stray.path == "anon_inode:[io_uring]");
        let named = || {
            session
                .patterns
                .iter()
                .any(|pattern| matches(pattern, stray.path))
        };
        MappedFile::is_device(stray.path) || (stray.shared && named())
    };
    session
        .tracer
        .each_stray(when != When::Now, is_wanted, |stray| {
            // Inaccessible now, it is of interest when that changes; and at the end it will not.
            if stray.accessible || (when == When::Running && !session::is_laid_down(stray)) {
                show(stray);
            }
        });
    if uring.get() {
        tell_of_uring(session);
    }
}

/// Says once that the program uses io_uring.
pub(crate) fn tell_of_uring(session: &Session) {
    static TOLD: AtomicBool = AtomicBool::new(false);
    if !TOLD.swap(true, Ordering::Relaxed) {
        let text = "the program uses io_uring: what it asks to be read into traced memory or written from there \
                    fails with EFAULT, and is not in the trace";
        tell(&session.tracer, true, format_args!("{text}"));
    }
}

/// Traces it, or tells why not. `false` where nothing could be done.
fn see_to(session: &Session, when: When, found: &Found) -> bool {
    let tracer = &session.tracer;
    let (path, start, end) = (found.path(), found.start, found.end);
    let late = "nobody told of it when it was mapped, and what was done there before";
    if !found.accessible {
        session::lay_down(found.area());
        return true;
    }
    if !found.shared {
        // Which is refused, and told.
        session::arm_again(tracer, &found.area());
        return true;
    }
    if when != When::Running {
        let noted = tracer.note_late(&found.area());
        if noted {
            tell(
                tracer,
                true,
                format_args!("{path} at {start:#x}..{end:#x}: {late} is not in the trace"),
            );
        }
        return noted;
    }
    match trace(session, found) {
        Ok(()) => tell(
            tracer,
            true,
            format_args!(
                "{path} at {start:#x}..{end:#x}: {late} is not in the trace; from here on it is"
            ),
        ),
        Err(Error::NotRunning) => return false,
        Err(error) => tell(
            tracer,
            true,
            format_args!(
                "{path} at {start:#x}..{end:#x}: {late} is not in the trace; nor is it now: {error}"
            ),
        ),
    }
    true
}

fn trace(session: &Session, found: &Found) -> Result<(), Error> {
    let _ = session::wake(found.start as *const u8, found.end as *const u8);
    let mut area = found.area();
    if !MappedFile::is_device(found.path()) {
        // SAFETY: as everything that the program maps; see `session::attach`.
        return unsafe { session.tracer.attach_late(&area) };
    }
    let path = Path::new(found.path());
    let file = MappedFile::of(&Root::system(), path, found.offset).filter(|_| found.has_place());
    if let Some(phys) = file.and_then(|file| file.phys) {
        area = area.with_phys(phys);
    }
    let descriptor = open_descriptor(found).filter(|_| found.has_place());
    let opened = descriptor.is_none().then(|| open(found)).flatten();
    let opened = opened.as_ref().map(AsFd::as_fd);
    match descriptor.or(opened) {
        // SAFETY: as above.
        Some(file) => unsafe {
            session
                .tracer
                .attach_late(&area.with_file(&file, found.offset))
        },
        // SAFETY: as above.
        None => unsafe { session.tracer.attach_late(&area) },
    }
}

/// A descriptor of the program's own that leads to the mapped file.
fn open_descriptor(found: &Found) -> Option<BorrowedFd<'static>> {
    let folder = std::fs::read_dir("/proc/self/fd").ok()?;
    let same = folder.flatten().filter_map(|entry| {
        let path = std::fs::read_link(entry.path()).ok()?;
        let inode = std::fs::metadata(entry.path()).ok()?.ino();
        let same = path.to_str() == Some(found.path()) && inode == found.inode;
        let number = entry.file_name().to_str()?.parse::<i32>().ok()?;
        same.then_some(number)
    });
    let mut same = same.fuse();
    let first = same.next()?;
    // Files without a name of their own cannot be told apart.
    if found.path().starts_with("anon_inode:") && same.next().is_some() {
        return None;
    }
    // SAFETY: just seen to be open. Where the program closes it meanwhile, the second mapping fails, or
    // the program has a race between two of its threads.
    Some(unsafe { BorrowedFd::borrow_raw(first) })
}

/// Opens the file, where that does nothing to the device. (To close a UIO device may end its DMA:
/// `release` in `drivers/uio/uio_pci_generic.c`.)
fn open(found: &Found) -> Option<File> {
    let path = found.path();
    if path != "/dev/mem" && !path.starts_with("/sys/") {
        return None;
    }
    let writable = File::options().read(true).write(true).open(path);
    let file = writable.or_else(|_| File::open(path)).ok()?;
    (file.metadata().ok()?.ino() == found.inode).then_some(file)
}
