//! Owned records.

use crate::{Line, LineKind, Other, ParseError, Position, Record};
use bytes::Bytes;
use core::ops::Range;
use mmiotrace_core::{Event, Header, Loss, Marker, PciDevice, Timestamp};

/// A record that owns its line, so that it can be kept and sent to other threads.
///
/// The line is a [`Bytes`]: cloning it, or taking records out of one block, copies nothing and
/// counts a reference. Such a record keeps its whole block alive; [`detach`](Self::detach) gives
/// it a copy of its own.
#[derive(Clone, Debug)]
pub struct RecordBuf {
    line: Bytes,
    position: Position,
    parsed: Parsed,
}

/// A record with ranges of the line instead of borrowed bytes.
#[derive(Clone, Debug)]
enum Parsed {
    Event(Event),
    Marker {
        time: Timestamp,
        text: Range<usize>,
    },
    Lost(Loss),
    Version {
        version: Range<usize>,
        line: Range<usize>,
    },
    PciDev {
        device: PciDevice,
        driver: Range<usize>,
        line: Range<usize>,
    },
    Lspci {
        text: Range<usize>,
        line: Range<usize>,
    },
    Other {
        line: Range<usize>,
    },
}

impl RecordBuf {
    /// Takes a line, with or without its ending, that stands at `position`.
    ///
    /// # Errors
    /// As [`Line::parse`].
    pub fn parse(line: Bytes, position: Position) -> Result<Self, ParseError> {
        let parsed = parsed(&line, &Line::new(&line, position).parse()?);
        Ok(Self {
            line,
            position,
            parsed,
        })
    }

    /// The record of an event whose line has been parsed already.
    #[cfg(feature = "std")]
    pub(crate) const fn from_event(line: Bytes, position: Position, event: Event) -> Self {
        Self {
            line,
            position,
            parsed: Parsed::Event(event),
        }
    }

    /// The record, borrowed.
    #[must_use]
    pub fn as_record(&self) -> Record<'_> {
        let text = |range: &Range<usize>| self.line.get(range.clone()).unwrap_or_default();
        match &self.parsed {
            Parsed::Event(event) => Record::Event(*event),
            Parsed::Marker { time, text: range } => Record::Marker(Marker {
                time: *time,
                text: text(range),
            }),
            Parsed::Lost(loss) => Record::Lost(*loss),
            Parsed::Version { version, line } => Record::Header(Header::Version {
                version: text(version),
                line: text(line),
            }),
            Parsed::PciDev {
                device,
                driver,
                line,
            } => {
                let (driver, line) = (text(driver), text(line));
                Record::Header(Header::PciDev {
                    device: *device,
                    driver,
                    line,
                })
            }
            Parsed::Lspci { text: range, line } => Record::Header(Header::Lspci {
                text: text(range),
                line: text(line),
            }),
            Parsed::Other { line } => Record::Other(Other::new(text(line))),
        }
    }

    /// The event, where this is one.
    #[must_use]
    pub const fn as_event(&self) -> Option<&Event> {
        match &self.parsed {
            Parsed::Event(event) => Some(event),
            _ => None,
        }
    }

    /// The line, with its exact bytes.
    #[must_use]
    pub fn line(&self) -> Line<'_> {
        Line::new(&self.line, self.position)
    }

    /// What the line is by its keyword.
    #[must_use]
    pub fn kind(&self) -> LineKind {
        self.line().kind()
    }

    /// Where the line begins.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// The line's exact bytes, shared.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.line
    }

    /// Gives the record a copy of its line, so that it no longer keeps the block alive that it
    /// was read with.
    #[must_use]
    pub fn detach(mut self) -> Self {
        self.line = Bytes::copy_from_slice(&self.line);
        self
    }
}

/// An empty line at the beginning of a trace: what to hand to `Reader::read_record` first.
impl Default for RecordBuf {
    fn default() -> Self {
        Self {
            line: Bytes::new(),
            position: Position::START,
            parsed: Parsed::Other { line: 0..0 },
        }
    }
}

impl PartialEq for RecordBuf {
    /// Records are equal when their lines and places are: the rest follows from these.
    fn eq(&self, other: &Self) -> bool {
        self.position == other.position && self.line == other.line
    }
}

impl Eq for RecordBuf {}

fn parsed(line: &Bytes, record: &Record<'_>) -> Parsed {
    match *record {
        Record::Event(event) => Parsed::Event(event),
        Record::Marker(Marker { time, text }) => Parsed::Marker {
            time,
            text: within(line, text),
        },
        Record::Lost(loss) => Parsed::Lost(loss),
        Record::Header(Header::Version { version, line: all }) => Parsed::Version {
            version: within(line, version),
            line: within(line, all),
        },
        Record::Header(Header::PciDev {
            device,
            driver,
            line: all,
        }) => Parsed::PciDev {
            device,
            driver: within(line, driver),
            line: within(line, all),
        },
        Record::Header(Header::Lspci { text, line: all }) => Parsed::Lspci {
            text: within(line, text),
            line: within(line, all),
        },
        Record::Header(header) => Parsed::Other {
            line: within(line, header.as_bytes()),
        },
        Record::Other(other) => Parsed::Other {
            line: within(line, other.as_bytes()),
        },
    }
}

/// Where `part`, which borrows from `line`, stands in it.
fn within(line: &[u8], part: &[u8]) -> Range<usize> {
    // An empty part may point anywhere, even outside.
    if part.is_empty() {
        return 0..0;
    }
    let start = (part.as_ptr() as usize).wrapping_sub(line.as_ptr() as usize);
    start..start.saturating_add(part.len())
}
