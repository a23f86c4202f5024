//! What a capture's text holds, as its last line says it.

use crate::{Annotation, Line, LineKind, Record};
use core::fmt;
use mmiotrace_core::{BlindEdge, RESERVED_MARKER_PREFIX};

/// Counts and checksum of the text of a capture, from its first byte to the line that ends it.
///
/// A capture whose header promises an end (`mmiotrace1 capture backend=NAME end=promised`) ends with the line
/// `MARK 0.000000 mmiotrace1 end …`, which holds these, in this order:
///
/// | key | counts |
/// | --- | --- |
/// | `events` | lines that begin with `R`, `W`, `MAP`, `UNMAP` or `UNKNOWN` |
/// | `losses` | lines `MARK <time> Lost n events.` |
/// | `lost` | the sum of their `n` |
/// | `blind` | annotations `blind begin` |
/// | `markers` | the other `MARK` lines, except for annotations (text that begins with `mmiotrace1 `); the lines that an annotation `lines` announces are markers |
/// | `last-seq` | the sequence number of the last event; `none` if it has none |
/// | `bytes` | the bytes before the line |
/// | `crc` | their CRC-32 (IEEE 802.3, as in gzip), eight hex digits |
///
/// Counts are by line: the pieces of a wide access are an event each.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    events: u64,
    losses: u64,
    lost: u64,
    blind: u64,
    markers: u64,
    last_seq: Option<u64>,
    bytes: u64,
    crc: crc32fast::Hasher,
    /// The number of the next event.
    next_seq: Option<u64>,
    /// Pieces still to come of an access, which share its number.
    pieces: u8,
    /// Lines still to come of a marker that may look like annotations and are not.
    marker_lines: u32,
}

impl Totals {
    /// The totals of an empty text.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a line. Its bytes are added by [`add_bytes`](Self::add_bytes), in pieces of any size.
    pub fn add_line(&mut self, line: &Line<'_>) {
        match line.kind() {
            LineKind::Read
            | LineKind::Write
            | LineKind::Map
            | LineKind::Unmap
            | LineKind::Unknown => self.add_event(),
            LineKind::Mark => self.add_mark(line),
            _ => {}
        }
    }

    /// Adds bytes of the text to their number and checksum.
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.wrapping_add(bytes.len() as u64);
        self.crc.update(bytes);
    }

    /// Counts an event's line.
    #[inline]
    pub(super) fn add_event(&mut self) {
        self.events += 1;
        self.last_seq = self.next_seq;
        self.pieces = self.pieces.saturating_sub(1);
        if self.pieces == 0 {
            self.next_seq = self.next_seq.map(|seq| seq.wrapping_add(1));
        }
    }

    fn add_mark(&mut self, line: &Line<'_>) {
        let text = match line.parse() {
            Ok(Record::Lost(loss)) => {
                self.losses += 1;
                self.lost = self.lost.saturating_add(loss.count);
                return;
            }
            Ok(Record::Marker(marker)) => marker.text,
            _ => b"",
        };
        if self.marker_lines > 0 {
            self.marker_lines -= 1;
        } else if text.starts_with(RESERVED_MARKER_PREFIX) {
            return self.add_annotation(text);
        }
        self.markers += 1;
    }

    fn add_annotation(&mut self, text: &[u8]) {
        match Annotation::parse(text).ok().flatten() {
            Some(Annotation::Seq { seq }) => self.next_seq = seq,
            Some(Annotation::Wide { n, .. }) => self.pieces = n,
            Some(Annotation::Lines { n }) => self.marker_lines = n,
            Some(Annotation::Blind {
                edge: BlindEdge::Begin,
                ..
            }) => self.blind += 1,
            _ => {}
        }
    }

    /// Lines that are events.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// Lines that are losses.
    #[must_use]
    pub const fn losses(&self) -> u64 {
        self.losses
    }

    /// Events that these losses count.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Blind intervals begun.
    #[must_use]
    pub const fn blind_intervals(&self) -> u64 {
        self.blind
    }

    /// Lines that are markers, annotations and losses excepted.
    #[must_use]
    pub const fn markers(&self) -> u64 {
        self.markers
    }

    /// The sequence number of the last event.
    #[must_use]
    pub const fn last_seq(&self) -> Option<u64> {
        self.last_seq
    }

    /// The length of the text in bytes.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The CRC-32 of the text.
    #[must_use]
    pub fn crc(&self) -> u32 {
        self.crc.clone().finalize()
    }
}

/// The words after `mmiotrace1 end `.
impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            events,
            losses,
            lost,
            blind,
            markers,
            ..
        } = self;
        write!(
            f,
            "events={events} losses={losses} lost={lost} blind={blind} markers={markers} last-seq="
        )?;
        match self.last_seq {
            Some(seq) => write!(f, "{seq}")?,
            None => f.write_str("none")?,
        }
        write!(f, " bytes={} crc={:08x}", self.bytes, self.crc())
    }
}
