//! What a program does to have its accesses traced.

#![expect(unsafe_code, reason = "the contract of `attach` is the caller's")]

use super::capture::Capture;
use super::memory::ChannelMemory;
use super::regions::UntracedMapping;
use super::{
    Area, Error, Model, action, current, fork, handler, handler_stack, model, notes, thread,
    unannounced, worker,
};
use crate::engine::{Region, RegionId};
use mmiotrace_core::{MapId, PhysAddr};
use std::path::Path;
use std::sync::Arc;

/// The right to say what is traced, while a capture runs in this process. Cheap to clone, and
/// usable on any thread.
#[derive(Clone, Debug)]
pub struct Tracer {
    capture: Arc<Capture>,
}

/// A range that is traced, until this is dropped or [detached](Self::detach).
#[derive(Debug)]
#[must_use = "the range is traced as long as this lives"]
pub struct TracedRegion {
    capture: Arc<Capture>,
    id: RegionId,
}

/// Whether a text may be a marker.
pub(super) fn check_marker(text: &[u8]) -> Result<(), Error> {
    crate::check_marker(text).map_err(Error::Marker)
}

/// Makes a capture the current one of this process: from here on its handler gets the signals.
pub(super) fn install(capture: Arc<Capture>) -> Result<Tracer, Error> {
    thread::check_masks()?;
    unannounced::watch();
    handler_stack::map_stacks()?;
    if !current::set(&capture) {
        return Err(Error::Busy);
    }
    let started = action::install(handler::on_signal).and_then(|()| {
        worker::start(Arc::downgrade(&capture)).map_err(|source| Error::System {
            what: "start a thread",
            source,
        })
    });
    if let Err(error) = started {
        current::clear(&capture, std::thread::yield_now);
        return Err(error);
    }
    fork::follow(&capture);
    Ok(Tracer { capture })
}

impl Tracer {
    /// Joins the capture that another process records: `path` leads to its channel, as
    /// `/proc/PID/fd/N` does.
    ///
    /// # Errors
    /// Where there is no channel of this version, a capture runs here already, or a thread blocks
    /// SIGSEGV.
    pub fn join(path: &Path) -> Result<Self, Error> {
        let memory = Arc::new(ChannelMemory::open(path)?);
        let tracer = install(Capture::new(memory, None, true)?)?;
        notes::joined(|text| tracer.capture.marker(text));
        Ok(tracer)
    }

    /// Says to the recorder, and not in the trace, that a file is mapped which is no device and matches no
    /// pattern.
    #[doc(hidden)]
    pub fn note_unmatched(&self, path: &str, bytes: u64) {
        notes::unmatched(path, bytes, |text| self.capture.marker(text));
    }

    /// Begins to trace an area. Every access to it from then on is an event.
    ///
    /// # Errors
    /// Where the area is not whole pages of one shared mapping, where it cannot be mapped a second
    /// time, or where part of it is traced already. Nothing has changed then.
    ///
    /// # Safety
    /// - The area stays mapped as it is until the region is detached: nobody unmaps, moves or
    ///   protects it meanwhile.
    /// - No Rust reference into it exists while it is traced: it is accessed by raw pointers (and
    ///   by other languages) only. The memory is not the program's alone in any case.
    /// - No thread that accesses it blocks SIGSEGV, or runs on a stack with less than about 16 KiB
    ///   left that is not an alternate signal stack.
    pub unsafe fn attach(&self, area: &Area<'_>) -> Result<TracedRegion, Error> {
        // SAFETY: the caller's promise.
        let id = unsafe { self.capture.regions.attach(&self.capture.handler, area)? };
        Ok(TracedRegion {
            capture: Arc::clone(&self.capture),
            id,
        })
    }

    /// Makes a device of code: `len` bytes of registers (whole pages), whose accesses are calls of
    /// `model` and traced. Returns the first register's address, and the region. The trace calls the
    /// device `name`, which has no line feed. After the region is detached there is plain memory.
    ///
    /// # Errors
    /// Where there is no address space, or 256 models were made in this process.
    pub fn attach_model(
        &self,
        len: usize,
        phys: PhysAddr,
        name: &str,
        model: &'static dyn Model,
    ) -> Result<(*mut u8, TracedRegion), Error> {
        let start = model::reserve(len)?;
        let area = Area::new(start, len).with_phys(phys);
        let id = self
            .capture
            .regions
            .attach_model(&self.capture.handler, &area, name, model)?;
        let region = TracedRegion {
            capture: Arc::clone(&self.capture),
            id,
        };
        Ok((start, region))
    }

    /// Writes a marker, at its place in the order of events.
    ///
    /// # Errors
    /// Where the text holds a line feed, or begins with the reserved word.
    pub fn marker(&self, text: &[u8]) -> Result<(), Error> {
        check_marker(text)?;
        self.capture.marker(text);
        Ok(())
    }

    /// Writes an annotation of a form that mmiotrace-format knows, without the reserved word.
    pub(super) fn annotate(&self, text: &[u8]) {
        self.capture.annotate(text);
    }

    /// The physical address of a byte of a file that the `pattern`th pattern has named.
    pub(super) fn file_phys(&self, pattern: usize, path: &str, offset: u64) -> PhysAddr {
        self.capture
            .handler
            .memory()
            .file_numbers()
            .phys(pattern, path, offset)
    }

    /// Lets the kernel have again what was reserved in a range, before the program maps there.
    pub(super) fn release_reserved(&self, from: *const u8, to: *const u8) {
        self.capture
            .regions
            .release_reserved(from as u64, to as u64);
    }

    /// Says in the trace that an area is not traced, because [`attach`](Self::attach) has refused it:
    /// a mapping, and a blind interval that does not end. Such a trace is not complete.
    pub fn note_untraced(&self, area: &Area<'_>, why: &Error) {
        self.capture
            .regions
            .note_untraced(&self.capture.handler, area, why);
    }

    /// As [`attach`](Self::attach), for an area that was found after it was mapped, until
    /// [`detach_in`](Self::detach_in): the trace says that what was done there before was not seen. Where
    /// it cannot be traced, the trace says that too.
    ///
    /// # Errors
    /// As [`attach`](Self::attach), and where a thread blocks SIGSEGV.
    ///
    /// # Safety
    /// As [`attach`](Self::attach), but that threads may block SIGSEGV.
    pub(super) unsafe fn attach_late(&self, area: &Area<'_>) -> Result<(), Error> {
        // SAFETY: the caller's promise.
        unsafe {
            self.capture
                .regions
                .attach_late(&self.capture.handler, area)
        }
    }

    /// Says in the trace that an area was found too late to be traced at all. `false` where it could not
    /// be said.
    pub(super) fn note_late(&self, area: &Area<'_>) -> bool {
        self.capture.regions.note_late(&self.capture.handler, area)
    }

    /// Says in the trace that what could not be traced in a range is no longer mapped.
    pub(super) fn forget_untraced(&self, from: *const u8, to: *const u8) {
        self.capture
            .regions
            .forget_untraced(&self.capture.handler, from as u64, to as u64);
    }

    /// Shows every part of a mapping that `is_wanted` and that is neither traced nor known not to be. Allocates
    /// nothing. Not `patient`: shows nothing while another thread changes what is traced.
    pub(super) fn each_untraced_mapping(
        &self,
        patient: bool,
        is_wanted: impl FnMut(&UntracedMapping<'_>) -> bool,
        show: impl FnMut(&UntracedMapping<'_>),
    ) {
        self.capture
            .regions
            .each_untraced_mapping(&self.capture.handler, patient, is_wanted, show);
    }

    /// Has `look` called once in a while, on a thread of the capture's own: often in the beginning, then
    /// once a second, and never so often that it takes more than a thousandth of a CPU. Once.
    pub(super) fn scan_with(&self, look: fn()) {
        self.capture.scan_with(look);
    }

    /// Ends the tracing of every region that shares a page with these `len` bytes, and gives the
    /// areas that were traced. Before they are unmapped or changed.
    pub fn detach_in(&self, start: *const u8, len: usize) -> Vec<Area<'static>> {
        let found = self.capture.regions.regions_in(start as u64, len as u64);
        let extent = |region: &Region| {
            let len = usize::try_from(region.len).unwrap_or(usize::MAX);
            Area::new(region.start.0 as *mut u8, len).with_phys(region.phys)
        };
        found
            .iter()
            .filter(|(id, _)| self.capture.regions.detach(&self.capture.handler, *id))
            .map(|(_, region)| extent(region))
            .collect()
    }

    /// Whether any of `len` bytes from `start` are traced. Takes no lock: for signal handlers too.
    #[must_use]
    pub fn traces(&self, start: *const u8, len: usize) -> bool {
        self.capture
            .regions
            .traces(&self.capture.handler, start as u64, len as u64)
    }

    /// Makes this thread fit for traced accesses: unblocks SIGSEGV, and gives the thread an alternate
    /// signal stack of 64 KiB where it has a smaller one or none. The stack stays with the thread. On such
    /// a stack an access is cheaper by some per cent: the handler need not look for another, nor have the
    /// kernel forget and restore the thread's.
    ///
    /// # Errors
    /// Where there is no memory for the stack.
    pub fn enroll_thread() -> Result<(), Error> {
        thread::unblock();
        super::stack::enlarge()
    }

    /// Whether instructions can be re-encoded and run here. Where the system forbids executable
    /// memory only moves, arithmetic, locked and string instructions are traced exactly; others
    /// are blind intervals.
    #[must_use]
    pub fn can_execute(&self) -> bool {
        self.capture.handler.can_execute()
    }

    /// Ends the capture in this process; what it has recorded stays with the recorder. Waits for all
    /// accesses that are under way.
    pub fn leave(&self) {
        self.capture.regions.detach_all(&self.capture.handler);
        let capture = &self.capture;
        current::clear(capture, || {
            capture.handler.pump();
            std::thread::yield_now();
        });
        // The worker sees that there is nothing left for it.
        capture.handler.wakeup.wake();
    }
}

impl TracedRegion {
    /// Ends the tracing of the region, while others may be accessing it; they go on untraced.
    pub fn detach(self) {
        drop(self);
    }

    /// Leaves the region traced beyond this value, until [`Tracer::detach_in`] or the end of the
    /// capture.
    pub fn keep(self) {
        core::mem::forget(self);
    }

    /// The number of its mapping in the trace; `None` where it is no longer traced.
    #[must_use]
    pub fn map_id(&self) -> Option<MapId> {
        self.capture.regions.map_id(self.id)
    }
}

impl Drop for TracedRegion {
    fn drop(&mut self) {
        let _ = self.capture.regions.detach(&self.capture.handler, self.id);
    }
}
