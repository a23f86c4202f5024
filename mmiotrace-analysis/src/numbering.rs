//! The CPU and the sequence number of each event, line by line.

use mmiotrace_core::Marker;
use mmiotrace_format::{Annotation, Record};

/// Follows the annotations that tell CPUs and sequence numbers, for those who work on lines.
/// (Those who work on events take `mmiotrace_format::Lifter`, which fills them in.)
///
/// ```
/// use mmiotrace_analysis::{Numbering, Origin};
/// use mmiotrace_format::{Line, Position};
///
/// let lines = ["MARK 1.000000 mmiotrace1 cpu cpu=3", "R 4 1.000001 1 0xfebc0008 0x1 0x0 9"];
/// let mut numbering = Numbering::new();
/// let mut origin = Origin::default();
/// for line in lines {
///     let line = Line::new(line.as_bytes(), Position::START);
///     origin = numbering.see(&line.parse()?);
/// }
/// assert_eq!(origin.cpu, Some(3));
/// # Ok::<(), mmiotrace_format::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Numbering {
    cpu: Option<u32>,
    next_seq: Option<u64>,
    /// So many of the next events are pieces of one access and share its number.
    pieces: u8,
}

/// Where an event comes from, as far as the trace tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin {
    /// The CPU that made it.
    pub cpu: Option<u32>,
    /// Its sequence number.
    pub seq: Option<u64>,
}

impl Numbering {
    /// At the beginning of a trace.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            cpu: None,
            next_seq: None,
            pieces: 0,
        }
    }

    /// Takes the next record of the trace. Returns the origin of an event; of other records,
    /// nothing.
    #[inline]
    pub fn see(&mut self, record: &Record<'_>) -> Origin {
        match record {
            Record::Event(_) => self.event(),
            Record::Marker(marker) => {
                self.marker(marker);
                Origin::default()
            }
            _ => Origin::default(),
        }
    }

    /// The CPU of the events that follow.
    #[must_use]
    pub const fn cpu(&self) -> Option<u32> {
        self.cpu
    }

    /// The sequence number of the next event.
    pub(crate) const fn next_seq(&self) -> Option<u64> {
        self.next_seq
    }

    /// The next event of the trace.
    pub(crate) const fn event(&mut self) -> Origin {
        let origin = Origin {
            cpu: self.cpu,
            seq: self.next_seq,
        };
        self.pieces = self.pieces.saturating_sub(1);
        if let (0, Some(seq)) = (self.pieces, self.next_seq) {
            self.next_seq = Some(seq.wrapping_add(1));
        }
        origin
    }

    pub(crate) fn marker(&mut self, marker: &Marker<'_>) {
        if !marker.is_reserved() {
            return;
        }
        match Annotation::parse(marker.text).ok().flatten() {
            Some(Annotation::Cpu { cpu }) => self.cpu = cpu,
            Some(Annotation::Seq { seq }) => self.next_seq = seq,
            Some(Annotation::Wide { n, .. }) => self.pieces = n,
            _ => {}
        }
    }
}
