//! Mappings of devices that were made without our seeing it: by an instruction `syscall` of the
//! program's own, or before this library was loaded. They are looked for in the kernel's list of
//! mappings: at the beginning, once in a while, and at the end.

#![expect(unsafe_code, reason = "what is found is traced")]

use super::blocked;
use super::deferred::{defer, is_deferred, take_deferred};
use super::mapping_lock::WriteGuard;
use super::report::{report, report_untraced};
use super::session::{self, Session, attach};
use crate::machine::Root;
use crate::process::regions::UntracedMapping;
use crate::process::{Area, Error, MappedFile};
use core::cell::Cell;
use core::sync::atomic::{AtomicBool, Ordering};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Why the mappings are scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScanReason {
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
    fn new(mapping: &UntracedMapping<'_>) -> Self {
        let mut path = [0; 512];
        let bytes = mapping.path.as_bytes();
        let path_len = bytes.len().min(path.len());
        path[..path_len].copy_from_slice(&bytes[..path_len]);
        Self {
            start: mapping.start,
            end: mapping.end,
            offset: mapping.offset,
            inode: mapping.inode,
            begins_mapping: mapping.begins_mapping,
            accessible: mapping.accessible,
            shared: mapping.shared,
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

    /// Whether its offset in the file holds for its first byte: UIO has a number there.
    fn has_offset(&self) -> bool {
        self.begins_mapping || !self.path().starts_with("/dev/uio")
    }
}

/// Scans, on the thread of the capture.
pub(super) fn scan() {
    scan_for(ScanReason::Running);
    let _ = session::with_session(blocked::check);
}

/// Scans before the program becomes another one, and its mappings end. A child that is about to become
/// another program has the mappings of its parent, which goes on.
pub fn scan_before_exec() {
    if session::is_in_first_process() {
        scan_for(ScanReason::Now);
    }
}

/// Scans before the program ends at once, perhaps in a signal handler.
pub fn scan_before_exit() {
    scan_for(ScanReason::Now);
}

/// Scans; what is found is traced while the program runs, and reported in any case.
pub(super) fn scan_for(when: ScanReason) {
    let _ = session::with_session(|session| {
        let some = Cell::new(false);
        each_untraced_mapping(session, when, |_| some.set(true));
        if !some.get() {
            return;
        }
        let guard = WriteGuard::lock();
        if guard.is_none() && when == ScanReason::Running {
            // Perhaps it is being made right now. The next scan will show.
            return;
        }
        while one_round(session, when) {}
        drop(guard);
    });
}

/// Handles some of what there is. Whether there may be more.
fn one_round(session: &Session, when: ScanReason) -> bool {
    let mut found: [Option<Found>; 8] = [None; 8];
    let mut count = 0;
    each_untraced_mapping(session, when, |mapping| {
        if let Some(free) = found.get_mut(count) {
            *free = Some(Found::new(mapping));
            count += 1;
        }
    });
    let handled = found
        .iter()
        .flatten()
        .map(|found| handle(session, when, found));
    // All of them: each takes its mapping off the list.
    let done = handled.filter(|handled| *handled).count();
    count == found.len() && done > 0
}

/// Shows what is to be traced and is not.
fn each_untraced_mapping(
    session: &Session,
    when: ScanReason,
    mut show: impl FnMut(&UntracedMapping<'_>),
) {
    let uring = Cell::new(false);
    let is_wanted = |mapping: &UntracedMapping<'_>| {
        uring.set(uring.get() || mapping.path == "anon_inode:[io_uring]");
        let named = || session.names(mapping.path);
        MappedFile::is_device(mapping.path) || (mapping.shared && named())
    };
    session
        .tracer
        .each_untraced_mapping(when != ScanReason::Now, is_wanted, |mapping| {
            // Inaccessible now, it is of interest when that changes; and at the end it will not.
            if mapping.accessible || (when == ScanReason::Running && !is_deferred(mapping)) {
                show(mapping);
            }
        });
    if uring.get() {
        report_uring_of(session);
    }
}

/// Reports once that the program uses io_uring.
pub fn report_uring() {
    let _ = session::with_session(report_uring_of);
}

fn report_uring_of(session: &Session) {
    static REPORTED: AtomicBool = AtomicBool::new(false);
    if !REPORTED.swap(true, Ordering::Relaxed) {
        let text = "the program uses io_uring: what it asks to be read into traced memory or written from there \
                    fails with EFAULT, and is not in the trace";
        report_untraced(&session.tracer, true, "io-uring", format_args!("{text}"));
    }
}

/// Traces a mapping, or reports why not. `false` if nothing could be done.
fn handle(session: &Session, when: ScanReason, found: &Found) -> bool {
    let tracer = &session.tracer;
    let (path, start, end) = (found.path(), found.start, found.end);
    let late = "mapped without our seeing it; what was done there before";
    if !found.accessible {
        defer(found.area());
        return true;
    }
    if !found.shared {
        // Which is refused, and reported.
        attach(tracer, &found.area());
        return true;
    }
    if when != ScanReason::Running {
        let noted = tracer.note_late(&found.area());
        if noted {
            report(
                tracer,
                true,
                format_args!("{path} at {start:#x}..{end:#x}: {late} is not in the trace"),
            );
        }
        return noted;
    }
    match trace(session, found) {
        Ok(()) => report(
            tracer,
            true,
            format_args!(
                "{path} at {start:#x}..{end:#x}: {late} is not in the trace; from here on it is"
            ),
        ),
        Err(Error::NotRunning) => return false,
        Err(error) => report(
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
    let _ = take_deferred(found.start as *const u8, found.end as *const u8);
    let mut area = found.area();
    if !MappedFile::is_device(found.path()) {
        if let Some(phys) = session.phys_of(found.path(), found.offset) {
            area = area.with_phys(phys);
        }
        // SAFETY: as everything that the program maps; see [`attach`].
        return unsafe { session.tracer.attach_late(&area) };
    }
    let path = Path::new(found.path());
    let file = MappedFile::of(&Root::system(), path, found.offset).filter(|_| found.has_offset());
    if let Some(phys) = file.and_then(|file| file.phys) {
        area = area.with_phys(phys);
    }
    let descriptor = open_descriptor(found).filter(|_| found.has_offset());
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
    // Files without a name of their own cannot be distinguished.
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
