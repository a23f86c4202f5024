//! What the tests of the process backend share.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]
#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod work;

use mmiotrace_capture::process::{Process, SharedMapping, doc_example_device, map_shared};
use mmiotrace_core::{
    Access, Blind, CaptureBackend, DrainState, Event, EventSink, Loss, Marker, Summary,
};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One capture runs in a process at a time, and tests run on many threads.
pub(crate) fn one_capture() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shared memory that stands for a device.
pub(crate) fn device(pages: usize) -> SharedMapping {
    let file = doc_example_device();
    file.set_len(pages as u64 * 4096).unwrap();
    map_shared(&file, 0, pages * 4096).unwrap()
}

/// A sink that keeps everything.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) events: Vec<Event>,
    pub(crate) markers: Vec<Vec<u8>>,
    pub(crate) losses: Vec<Loss>,
    pub(crate) blinds: Vec<Blind>,
    pub(crate) lines: Vec<Vec<u8>>,
}

impl Collected {
    pub(crate) fn accesses(&self) -> impl Iterator<Item = &Access> {
        self.events.iter().filter_map(Event::as_access)
    }
}

impl EventSink for Collected {
    fn event(&mut self, event: &Event) {
        self.events.push(*event);
    }
    fn marker(&mut self, marker: &Marker<'_>) {
        self.markers.push(marker.text.to_vec());
    }
    fn lost(&mut self, loss: &Loss) {
        self.losses.push(*loss);
    }
    fn blind(&mut self, blind: &Blind) {
        self.blinds.push(*blind);
    }
    fn line(&mut self, line: &[u8]) {
        self.lines.push(line.to_vec());
    }
}

/// Stops the capture and takes all that is left of it.
pub(crate) fn drain_all(capture: &mut Process, sink: &mut Collected) -> Summary {
    let summary = capture.stop().unwrap();
    while capture.drain(sink).unwrap().state != DrainState::Ended {}
    summary
}

/// The kernel's id of this thread.
pub(crate) fn thread_id() -> i32 {
    let name = std::fs::read_link("/proc/thread-self").unwrap();
    name.file_name().unwrap().to_str().unwrap().parse().unwrap()
}
