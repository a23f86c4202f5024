//! What has to be remembered between lines.

use crate::stamp::Stamp;
use crate::window::{KnownWindow, Windows};
use mmiotrace_core::{
    Access, AccessKind, Event, EventKind, EventSink, MapId, Marker, PhysAddr, Timestamp, Value,
    VirtAddr, Width,
};
use std::collections::{HashMap, HashSet};

/// A read of which the log has told the beginning only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenRead {
    pub(crate) stamp: Stamp,
    pub(crate) width: Width,
    pub(crate) phys: PhysAddr,
    pub(crate) pc: VirtAddr,
}

/// How many reads may be open on one CPU and thread: interrupts nest a few deep, so more means
/// that their ends are missing.
const MAX_OPEN_READS: usize = 64;

/// How many regions are named: a machine has fewer.
const MAX_REGIONS: usize = 4096;

/// CPU and thread: what tells the halves of one access from those of others.
pub(crate) type Lane = (Option<u32>, i32);

/// State of an import.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) windows: Windows,
    open: HashMap<Lane, Vec<OpenRead>>,
    /// The guest's instruction pointer at its last exit, by lane.
    pub(crate) guest_pc: HashMap<Lane, u64>,
    /// The BAR registers of passed-through devices: by device, value and flags of the six.
    pub(crate) bars: HashMap<String, [(u32, u32); 6]>,
    /// The regions that were named.
    regions: HashSet<String>,
    /// The width that is taken where a log prints none.
    pub(crate) default_width: Width,
    pub(crate) accesses: u64,
}

impl State {
    pub(crate) fn new(known: &[KnownWindow], default_width: Width) -> Self {
        Self {
            windows: Windows::new(known),
            open: HashMap::new(),
            guest_pc: HashMap::new(),
            bars: HashMap::new(),
            regions: HashSet::new(),
            default_width,
            accesses: 0,
        }
    }

    /// Gives an access at a physical address to the sink.
    pub(crate) fn absolute(
        &mut self,
        seen: LoggedAccess,
        phys: PhysAddr,
        sink: &mut dyn EventSink,
    ) {
        let map_id = self.windows.absolute(phys, seen.stamp.time, sink);
        self.give(seen, map_id, phys, sink);
    }

    /// Gives an access at an offset in a named window to the sink.
    pub(crate) fn relative(
        &mut self,
        seen: LoggedAccess,
        window: &str,
        offset: u64,
        sink: &mut dyn EventSink,
    ) {
        let (map_id, phys) = self.windows.relative(window, offset, seen.stamp.time, sink);
        self.give(seen, map_id, phys, sink);
    }

    /// Gives an access through a mapping that the log names to the sink.
    pub(crate) fn mapped(
        &mut self,
        seen: LoggedAccess,
        map_id: MapId,
        phys: PhysAddr,
        sink: &mut dyn EventSink,
    ) {
        self.give(seen, map_id, phys, sink);
    }

    /// Gives another event at a place in the code to the sink.
    pub(crate) fn other(
        &mut self,
        stamp: &Stamp,
        kind: EventKind,
        pc: VirtAddr,
        sink: &mut dyn EventSink,
    ) {
        let mut event = Event::new(stamp.time, kind).with_pid(stamp.pid).with_pc(pc);
        event.cpu = stamp.cpu;
        self.accesses += 1;
        sink.event(&event);
    }

    /// Says once of each region of memory what the log calls it.
    pub(crate) fn region(
        &mut self,
        name: &str,
        address: u64,
        time: Timestamp,
        sink: &mut dyn EventSink,
    ) {
        if self.regions.len() >= MAX_REGIONS || self.regions.contains(name) {
            return;
        }
        self.regions.insert(name.to_owned());
        let text = format!("import: {address:#x} is in the region {name}");
        let text = text.as_bytes();
        sink.marker(&Marker { time, text });
    }

    fn give(
        &mut self,
        seen: LoggedAccess,
        map_id: MapId,
        phys: PhysAddr,
        sink: &mut dyn EventSink,
    ) {
        let access = Access {
            kind: seen.kind,
            width: seen.width,
            map_id,
            phys,
            value: seen.value,
        };
        let mut event = Event::new(seen.stamp.time, EventKind::Access(access))
            .with_pid(seen.stamp.pid)
            .with_pc(seen.pc);
        event.cpu = seen.stamp.cpu;
        self.accesses += 1;
        sink.event(&event);
    }

    /// Keeps a read until its value is told.
    pub(crate) fn open_read(&mut self, read: OpenRead, sink: &mut dyn EventSink) {
        let open = self
            .open
            .entry((read.stamp.cpu, read.stamp.pid))
            .or_default();
        open.push(read);
        if open.len() > MAX_OPEN_READS {
            let oldest = open.remove(0);
            self.without_value(oldest, sink);
        }
    }

    /// The newest read of this lane that fits. Those above it never got their value, and are given
    /// without one.
    pub(crate) fn close_read(
        &mut self,
        lane: Lane,
        fits: impl Fn(&OpenRead) -> bool,
        sink: &mut dyn EventSink,
    ) -> Option<OpenRead> {
        let open = self.open.get_mut(&lane)?;
        let at = open.iter().rposition(fits)?;
        let above = open.split_off(at + 1);
        let found = open.pop();
        for read in above {
            self.without_value(read, sink);
        }
        found
    }

    /// Gives all reads that never got their value, oldest first.
    pub(crate) fn finish(&mut self, sink: &mut dyn EventSink) {
        let mut left: Vec<OpenRead> = self.open.drain().flat_map(|(_, open)| open).collect();
        left.sort_by_key(|read| read.stamp.time);
        for read in left {
            self.without_value(read, sink);
        }
    }

    fn without_value(&mut self, read: OpenRead, sink: &mut dyn EventSink) {
        let seen = LoggedAccess {
            stamp: read.stamp,
            kind: AccessKind::Read,
            width: read.width,
            value: None,
            pc: read.pc,
        };
        self.absolute(seen, read.phys, sink);
    }
}

/// An access as a log tells it, without its address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoggedAccess {
    pub(crate) stamp: Stamp,
    pub(crate) kind: AccessKind,
    pub(crate) width: Width,
    pub(crate) value: Option<Value>,
    pub(crate) pc: VirtAddr,
}

impl LoggedAccess {
    /// An access of `bytes` bytes; `None` where that is no width.
    pub(crate) fn new(stamp: Stamp, kind: AccessKind, bytes: u64, value: u64) -> Option<Self> {
        let width = Width::from_bytes(u8::try_from(bytes).ok()?)?;
        Some(Self {
            stamp,
            kind,
            width,
            value: Some(Value::from_printed(value, width)),
            pc: VirtAddr(0),
        })
    }
}
