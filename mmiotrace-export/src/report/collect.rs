//! What a report keeps of a trace.

use crate::tracks::{Naming, Tracks};
use mmiotrace_core::{
    Access, AccessKind, Blind, BlindEdge, Event, EventKind, EventSink, Loss, Marker,
};
use serde::Serialize;

/// One access, compact.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) nanos: u64,
    pub(super) value: u64,
    pub(super) track: u32,
    pub(super) kind: AccessKind,
    pub(super) known: bool,
}

/// What a register's row of the table says.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub(super) name: String,
    /// The device and its BAR, if they are known.
    pub(super) device: Option<String>,
    pub(super) bar: Option<u8>,
    pub(super) map: i32,
    pub(super) phys: String,
    pub(super) width: u8,
    pub(super) reads: u64,
    pub(super) writes: u64,
    /// How often the value differed from the one before.
    pub(super) changes: u64,
    pub(super) last: String,
    #[serde(skip)]
    pub(super) address: u64,
    #[serde(skip)]
    last_value: Option<u64>,
}

/// Something at one point of time that belongs to no register.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Mark {
    /// Nanoseconds.
    pub(super) t: u64,
    /// Accesses before it.
    pub(super) i: u64,
    pub(super) kind: &'static str,
    pub(super) text: String,
}

/// A trace, gathered for drawing.
#[derive(Debug)]
pub(super) struct Collected<'n> {
    tracks: Tracks<'n>,
    pub(super) points: Vec<Point>,
    pub(super) rows: Vec<Row>,
    pub(super) marks: Vec<Mark>,
    /// UNKNOWN records: seen, not decoded.
    pub(super) undecoded: u64,
}

/// Marks beyond this many are counted, not drawn.
const MAX_MARKS: usize = 10_000;

impl<'n> Collected<'n> {
    pub(super) fn new(naming: Naming<'n>) -> Self {
        Self {
            tracks: Tracks::new(naming),
            points: Vec::new(),
            rows: Vec::new(),
            marks: Vec::new(),
            undecoded: 0,
        }
    }

    fn access(&mut self, event: &Event, access: &Access) {
        let number = self.tracks.number(access);
        if let Some(track) = self
            .tracks
            .list()
            .get(self.rows.len()..)
            .and_then(<[_]>::first)
        {
            self.rows.push(Row {
                name: track.name.clone(),
                device: track.device.clone(),
                bar: track.bar,
                map: track.map_id.0,
                phys: access.phys.to_string(),
                width: 0,
                reads: 0,
                writes: 0,
                changes: 0,
                last: String::new(),
                address: access.phys.0,
                last_value: None,
            });
        }
        let number_or_low = access.value.map(|value| {
            value
                .to_u64()
                .unwrap_or_else(|| low_bytes(value.as_le_bytes()))
        });
        if let Some(row) = self.rows.get_mut(number) {
            row.width = row.width.max(access.width.bytes());
            match access.kind {
                AccessKind::Read => row.reads += 1,
                AccessKind::Write => row.writes += 1,
            }
            if number_or_low.is_some() && row.last_value != number_or_low {
                row.changes += u64::from(row.last_value.is_some());
                row.last_value = number_or_low;
                row.last = access
                    .value
                    .map_or_else(String::new, |value| value.to_string());
            }
        }
        self.points.push(Point {
            nanos: event.time.as_nanos(),
            value: number_or_low.unwrap_or(0),
            track: u32::try_from(number).unwrap_or(u32::MAX),
            kind: access.kind,
            known: number_or_low.is_some(),
        });
    }

    fn mark(&mut self, nanos: u64, kind: &'static str, text: String) {
        if self.marks.len() < MAX_MARKS {
            // Losses carry time 0 in the kernel's traces: they belong where they stand.
            let last = self.points.last().map_or(0, |point| point.nanos);
            let t = if nanos == 0 { last } else { nanos };
            self.marks.push(Mark {
                t,
                i: self.points.len() as u64,
                kind,
                text,
            });
        }
    }

    /// What each register is called: by its name, and with device and BAR before it if the trace has
    /// several.
    pub(super) fn labels(&self) -> Vec<String> {
        let owner = |row: &Row| (row.device.clone(), row.bar);
        let first = self.rows.first().map(owner);
        let several = self.rows.iter().any(|row| Some(owner(row)) != first);
        let label = |row: &Row| match (&row.device, row.bar) {
            (Some(device), Some(bar)) if several => format!("{device} BAR{bar} {}", row.name),
            _ => row.name.clone(),
        };
        self.rows.iter().map(label).collect()
    }

    /// Rank of each register when they are sorted by device, BAR, mapping and address: its row in the picture.
    pub(super) fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by_key(|number| {
            let row = self.rows.get(*number);
            row.map(|row| (&row.device, row.bar, row.map, row.address))
        });
        let mut ranks = vec![0; order.len()];
        for (rank, number) in order.into_iter().enumerate() {
            if let Some(slot) = ranks.get_mut(number) {
                *slot = u32::try_from(rank).unwrap_or(u32::MAX);
            }
        }
        ranks
    }

    /// The first and the last time.
    pub(super) fn span(&self) -> (u64, u64) {
        let times = self.points.iter().map(|point| point.nanos);
        let first = times.clone().min().unwrap_or(0);
        (first, times.max().unwrap_or(0).max(first + 1))
    }
}

/// The lowest eight bytes of a wide value: what fits a lane.
fn low_bytes(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .take(8)
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl EventSink for Collected<'_> {
    fn event(&mut self, event: &Event) {
        self.tracks.apply(event);
        match &event.kind {
            EventKind::Access(access) => self.access(event, access),
            EventKind::Map(mapping) => {
                let text = format!(
                    "map {} {} length {:#x}",
                    mapping.id, mapping.phys, mapping.len
                );
                self.mark(event.time.as_nanos(), "map", text);
            }
            EventKind::Unmap(id) => self.mark(event.time.as_nanos(), "map", format!("unmap {id}")),
            EventKind::UnknownOpcode(_) => self.undecoded += 1,
            _ => {}
        }
    }
    fn marker(&mut self, marker: &Marker<'_>) {
        let text = String::from_utf8_lossy(marker.text).into_owned();
        self.mark(marker.time.as_nanos(), "mark", text);
    }
    fn lost(&mut self, loss: &Loss) {
        self.mark(
            loss.time.as_nanos(),
            "lost",
            format!("{} events lost", loss.count),
        );
    }
    fn blind(&mut self, blind: &Blind) {
        let kind = if blind.edge == BlindEdge::Begin {
            "blind-begin"
        } else {
            "blind-end"
        };
        self.mark(
            blind.time.as_nanos(),
            kind,
            format!("page {}: {}", blind.page, blind.reason),
        );
    }
    fn line(&mut self, _: &[u8]) {}
}
