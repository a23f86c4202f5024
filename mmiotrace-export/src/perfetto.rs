//! A Perfetto trace, for ui.perfetto.dev and its trace processor.

mod wire;

use crate::tracks::{Naming, Track, Tracks};
use mmiotrace_core::{
    Access, AccessKind, Blind, BlindEdge, Event, EventKind, EventSink, Loss, MapId, Marker,
    Timestamp,
};
use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use wire::Message;

/// Numbers of fields in Perfetto's `protos/perfetto/trace`.
mod field {
    pub(super) const TRACE_PACKET: u32 = 1;
    pub(super) const PACKET_TIMESTAMP: u32 = 8;
    pub(super) const PACKET_SEQUENCE_ID: u32 = 10;
    pub(super) const PACKET_TRACK_EVENT: u32 = 11;
    pub(super) const PACKET_SEQUENCE_FLAGS: u32 = 13;
    pub(super) const PACKET_TRACK_DESCRIPTOR: u32 = 60;
    pub(super) const TRACK_UUID: u32 = 1;
    pub(super) const TRACK_NAME: u32 = 2;
    pub(super) const TRACK_PARENT: u32 = 5;
    pub(super) const TRACK_COUNTER: u32 = 8;
    pub(super) const EVENT_ANNOTATION: u32 = 4;
    pub(super) const EVENT_TYPE: u32 = 9;
    pub(super) const EVENT_TRACK: u32 = 11;
    pub(super) const EVENT_NAME: u32 = 23;
    pub(super) const EVENT_COUNTER_VALUE: u32 = 30;
    pub(super) const ANNOTATION_UINT: u32 = 3;
    pub(super) const ANNOTATION_INT: u32 = 4;
    pub(super) const ANNOTATION_STRING: u32 = 6;
    pub(super) const ANNOTATION_POINTER: u32 = 7;
    pub(super) const ANNOTATION_NAME: u32 = 10;
}

/// `TrackEvent.Type`.
mod event_type {
    pub(super) const SLICE_BEGIN: u64 = 1;
    pub(super) const SLICE_END: u64 = 2;
    pub(super) const INSTANT: u64 = 3;
    pub(super) const COUNTER: u64 = 4;
}

/// Tracks that always exist; registers and mappings follow behind.
const ROOT: u64 = 1;
const MARKERS: u64 = 2;
const LOSSES: u64 = 3;
const BLINDS: u64 = 4;
const FIRST_MAPPING: u64 = 1 << 32;
const FIRST_OWNER: u64 = 1 << 36;
const FIRST_REGISTER: u64 = 1 << 40;

/// Writes events as a Perfetto trace, streaming.
///
/// Each BAR of each device (each mapping, if no device is known) is a track of instants, one an
/// access, with its address, value, width, place in the program and thread. Each register is a
/// counter track of its last value. Markers, losses and
/// blind intervals have a track each. Times are those of the trace, in nanoseconds.
#[derive(Debug)]
pub struct PerfettoExporter<'n, W> {
    inner: W,
    tracks: Tracks<'n>,
    described: usize,
    owners: Owners,
    /// What has no time yet: the first record that has one gives it.
    untimed: Vec<(u64, String)>,
    now: Timestamp,
    begun: bool,
    error: Option<io::Error>,
}

impl<'n, W: Write> PerfettoExporter<'n, W> {
    /// An exporter that calls registers by `naming`.
    pub fn new(inner: W, naming: Naming<'n>) -> Self {
        Self {
            inner,
            tracks: Tracks::new(naming),
            described: 0,
            owners: Owners::default(),
            untimed: Vec::new(),
            now: Timestamp::ZERO,
            begun: false,
            error: None,
        }
    }

    /// Ends the trace and gives the sink of bytes back.
    ///
    /// # Errors
    /// The first that writing met.
    pub fn finish(mut self) -> io::Result<W> {
        self.begin();
        for (track, name) in core::mem::take(&mut self.untimed) {
            self.happen(Timestamp::ZERO, track, event_type::INSTANT, |message| {
                message.bytes(field::EVENT_NAME, name.as_bytes())
            });
        }
        match self.error {
            Some(error) => Err(error),
            None => {
                self.inner.flush()?;
                Ok(self.inner)
            }
        }
    }

    fn begin(&mut self) {
        if !self.begun {
            self.begun = true;
            // Readers drop packets of a sequence until one says that nothing before it counts.
            self.put(Message::default().number(field::PACKET_SEQUENCE_FLAGS, 1));
            self.describe(ROOT, "mmiotrace", None, false);
            self.describe(MARKERS, "markers", Some(ROOT), false);
            self.describe(LOSSES, "lost events", Some(ROOT), false);
            self.describe(BLINDS, "blind intervals", Some(ROOT), false);
        }
    }

    fn put(&mut self, packet: Message) {
        let packet = packet.number(field::PACKET_SEQUENCE_ID, 1);
        let framed = Message::default().message(field::TRACE_PACKET, &packet);
        if self.error.is_none() {
            self.error = self.inner.write_all(framed.as_bytes()).err();
        }
    }

    fn describe(&mut self, track: u64, name: &str, parent: Option<u64>, counter: bool) {
        let mut descriptor = Message::default()
            .number(field::TRACK_UUID, track)
            .bytes(field::TRACK_NAME, name.as_bytes());
        if let Some(parent) = parent {
            descriptor = descriptor.number(field::TRACK_PARENT, parent);
        }
        if counter {
            descriptor = descriptor.message(field::TRACK_COUNTER, &Message::default());
        }
        self.put(Message::default().message(field::PACKET_TRACK_DESCRIPTOR, &descriptor));
    }

    fn happen(
        &mut self,
        time: Timestamp,
        track: u64,
        kind: u64,
        more: impl FnOnce(Message) -> Message,
    ) {
        self.begin();
        if self.now == Timestamp::ZERO && time != Timestamp::ZERO {
            self.now = time;
            for (track, name) in core::mem::take(&mut self.untimed) {
                self.instant(time, track, &name);
            }
        }
        self.now = time;
        let event = Message::default()
            .number(field::EVENT_TYPE, kind)
            .number(field::EVENT_TRACK, track);
        let event = more(event);
        let packet = Message::default().number(field::PACKET_TIMESTAMP, time.as_nanos());
        self.put(packet.message(field::PACKET_TRACK_EVENT, &event));
    }

    fn access(&mut self, event: &Event, access: &Access) {
        self.begin();
        let number = self.tracks.number(access);
        let Some(track) = self.tracks.list().get(number).cloned() else {
            return;
        };
        let mapping = self.owner(&track, access.map_id);
        let register = FIRST_REGISTER + number as u64;
        let name = track.name;
        if number >= self.described {
            self.described = number + 1;
            self.describe(register, &name, Some(mapping), true);
        }
        let letter = if access.kind == AccessKind::Read {
            'R'
        } else {
            'W'
        };
        self.happen(event.time, mapping, event_type::INSTANT, |message| {
            annotated(
                message.bytes(field::EVENT_NAME, format!("{letter} {name}").as_bytes()),
                event,
                access,
            )
        });
        // A counter is an i64; the bits of a larger value are kept.
        if let Some(value) = access.value.and_then(|value| value.to_u64()) {
            self.happen(event.time, register, event_type::COUNTER, |message| {
                message.number(field::EVENT_COUNTER_VALUE, value)
            });
        }
    }
}

impl<W: Write> PerfettoExporter<'_, W> {
    /// The track of a register's BAR, in that of its device; without a device that of the mapping.
    fn owner(&mut self, track: &Track, mapping: MapId) -> u64 {
        let (Some(device), Some(bar)) = (&track.device, track.bar) else {
            let id = FIRST_MAPPING + u64::from(u32::from_ne_bytes(mapping.0.to_ne_bytes()));
            if self.owners.mappings.insert(mapping) {
                self.describe(id, &format!("mapping {mapping}"), Some(ROOT), false);
            }
            return id;
        };
        if let Some(id) = self.owners.bars.get(&(device.clone(), bar)) {
            return *id;
        }
        let of_device = match self.owners.devices.get(device) {
            Some(id) => *id,
            None => {
                let id = self.owners.next();
                self.owners.devices.insert(device.clone(), id);
                self.describe(id, device, Some(ROOT), false);
                id
            }
        };
        let id = self.owners.next();
        self.owners.bars.insert((device.clone(), bar), id);
        self.describe(id, &format!("BAR {bar}"), Some(of_device), false);
        id
    }
}

/// Tracks that hold those of registers.
#[derive(Debug, Default)]
struct Owners {
    mappings: HashSet<MapId>,
    devices: HashMap<String, u64>,
    bars: HashMap<(String, u8), u64>,
    count: u64,
}

impl Owners {
    const fn next(&mut self) -> u64 {
        self.count += 1;
        FIRST_OWNER + self.count
    }
}

/// The access's columns as annotations of its instant.
fn annotated(message: Message, event: &Event, access: &Access) -> Message {
    let pointer = |name: &str, number: u64| {
        Message::default()
            .number(field::ANNOTATION_POINTER, number)
            .bytes(field::ANNOTATION_NAME, name.as_bytes())
    };
    let value = access
        .value
        .map_or_else(|| "unknown".to_owned(), |value| value.to_string());
    let value = Message::default()
        .bytes(field::ANNOTATION_STRING, value.as_bytes())
        .bytes(field::ANNOTATION_NAME, b"value");
    let width = Message::default()
        .number(field::ANNOTATION_UINT, u64::from(access.width.bytes()))
        .bytes(field::ANNOTATION_NAME, b"width");
    let pid = Message::default()
        .number(
            field::ANNOTATION_INT,
            u64::from_ne_bytes(i64::from(event.pid).to_ne_bytes()),
        )
        .bytes(field::ANNOTATION_NAME, b"pid");
    message
        .message(field::EVENT_ANNOTATION, &value)
        .message(field::EVENT_ANNOTATION, &width)
        .message(field::EVENT_ANNOTATION, &pointer("phys", access.phys.0))
        .message(field::EVENT_ANNOTATION, &pointer("pc", event.pc.0))
        .message(field::EVENT_ANNOTATION, &pid)
}

impl<W: Write> EventSink for PerfettoExporter<'_, W> {
    fn event(&mut self, event: &Event) {
        self.tracks.apply(event);
        match &event.kind {
            EventKind::Access(access) => self.access(event, access),
            EventKind::Map(mapping) => self.instant(
                event.time,
                MARKERS,
                &format!(
                    "MAP {} {} length {:#x}",
                    mapping.id, mapping.phys, mapping.len
                ),
            ),
            EventKind::Unmap(id) => self.instant(event.time, MARKERS, &format!("UNMAP {id}")),
            EventKind::UnknownOpcode(unknown) => {
                let text = format!("UNKNOWN {} code {:x}", unknown.phys, unknown.code);
                self.instant(event.time, LOSSES, &text);
            }
            _ => {}
        }
    }

    fn marker(&mut self, marker: &Marker<'_>) {
        self.instant(marker.time, MARKERS, &String::from_utf8_lossy(marker.text));
    }

    fn lost(&mut self, loss: &Loss) {
        self.instant(loss.time, LOSSES, &format!("lost {} events", loss.count));
    }

    fn blind(&mut self, blind: &Blind) {
        let kind = if blind.edge == BlindEdge::Begin {
            event_type::SLICE_BEGIN
        } else {
            event_type::SLICE_END
        };
        let name = format!("page {} blind: {}", blind.page, blind.reason);
        self.happen(blind.time, BLINDS, kind, |message| {
            message.bytes(field::EVENT_NAME, name.as_bytes())
        });
    }

    fn line(&mut self, _: &[u8]) {}
}

impl<W: Write> PerfettoExporter<'_, W> {
    /// What was put into a trace afterwards, and what the kernel prints of losses, has the time 0,
    /// which is none: it happens with the record before it, or the first.
    fn instant(&mut self, time: Timestamp, track: u64, name: &str) {
        let time = if time == Timestamp::ZERO {
            self.now
        } else {
            time
        };
        if time == Timestamp::ZERO {
            self.untimed.push((track, name.to_owned()));
            return;
        }
        self.happen(time, track, event_type::INSTANT, |message| {
            message.bytes(field::EVENT_NAME, name.as_bytes())
        });
    }
}
