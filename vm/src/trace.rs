//! Traces as the comparison wants them.

use host::error::{AtPath, Error, Result};
use mmiotrace_core::{
    AccessKind, Blind, BlindEdge, Event, EventKind, EventSink, Loss, Mapping, Marker,
};
use mmiotrace_format::{Lifter, Reader};
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

/// One access of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TraceAccess {
    pub(crate) phys: u64,
    pub(crate) width: u8,
    pub(crate) write: bool,
    /// Least significant byte first; `None` where the trace says that it is not known.
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) cpu: Option<u32>,
}

/// What a trace holds.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) accesses: Vec<TraceAccess>,
    pub(crate) mappings: Vec<Mapping>,
    pub(crate) unmaps: u64,
    pub(crate) lost: u64,
    pub(crate) blind: Vec<Blind>,
    pub(crate) markers: Vec<String>,
    /// Threads that made accesses; 0 if the trace does not say.
    pub(crate) threads: BTreeSet<i32>,
    /// Accesses without the address of their instruction.
    pub(crate) without_pc: usize,
    /// Accesses that the kernel's decoder does not know.
    pub(crate) unknown: u64,
}

impl EventSink for Trace {
    fn event(&mut self, event: &Event) {
        if let EventKind::Access(_) = event.kind {
            self.threads.insert(event.pid);
            self.without_pc += usize::from(event.pc.0 == 0);
        }
        match &event.kind {
            EventKind::Access(access) => self.accesses.push(TraceAccess {
                phys: access.phys.0,
                width: access.width.bytes(),
                write: access.kind == AccessKind::Write,
                value: access.value.map(|value| value.as_le_bytes().to_vec()),
                cpu: event.cpu,
            }),
            EventKind::Map(mapping) => self.mappings.push(*mapping),
            EventKind::Unmap(_) => self.unmaps += 1,
            _ => self.unknown += 1,
        }
    }

    fn marker(&mut self, marker: &Marker<'_>) {
        self.markers
            .push(String::from_utf8_lossy(marker.text).into_owned());
    }

    fn lost(&mut self, loss: &Loss) {
        self.lost += loss.count;
    }

    fn blind(&mut self, blind: &Blind) {
        if blind.edge == BlindEdge::Begin {
            self.blind.push(*blind);
        }
    }

    fn line(&mut self, _line: &[u8]) {}
}

impl Trace {
    /// Reads a trace.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let mut trace = Self::default();
        let mut lifter = Lifter::new();
        let mut reader = Reader::new(File::open(path).at(path)?);
        while let Some(record) = reader
            .next_record()
            .map_err(|error| Error::Failed(format!("{}: {error}", path.display())))?
        {
            lifter.push(&record, &mut trace);
        }
        lifter.finish(&mut trace);
        Ok(trace)
    }
}
