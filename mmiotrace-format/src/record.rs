//! A line, understood.

use crate::Other;
use mmiotrace_core::{Event, Header, Loss, Marker};

/// What a line says. Borrows the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(
    clippy::large_enum_variant,
    reason = "the usual kind is the large one; a box costs more than its bytes"
)]
pub enum Record<'a> {
    /// `R`, `W`, `MAP`, `UNMAP`, `UNKNOWN`.
    Event(Event),
    /// `MARK`. The text is everything between the blank after the time and the newline, a
    /// carriage return included.
    Marker(Marker<'a>),
    /// `MARK 0.000000 Lost n events.` A marker of that exact text reads the same: rather a loss
    /// too many than one overlooked.
    Lost(Loss),
    /// `VERSION`, `PCIDEV`, `LSPCI`.
    Header(Header<'a>),
    /// A line that is no record.
    Other(Other<'a>),
}

impl<'a> Record<'a> {
    /// The event, where this is one.
    #[must_use]
    pub const fn as_event(&self) -> Option<&Event> {
        match self {
            Self::Event(event) => Some(event),
            _ => None,
        }
    }

    /// The marker, where this is one. A loss is none.
    #[must_use]
    pub const fn as_marker(&self) -> Option<&Marker<'a>> {
        match self {
            Self::Marker(marker) => Some(marker),
            _ => None,
        }
    }
}
