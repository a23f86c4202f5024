//! A record with its line and what the annotations before it say.

mod context;
mod fused;

pub use context::{Context, LineEntries};

use crate::{Annotation, AnnotationError, Line, ParseError, Record};
use mmiotrace_core::Event;

/// One record of a trace, read once: its line, what the line says, and what the annotations before
/// it say of it.
///
/// Made by `Entries`, or from lines by a [`Context`].
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    line: Line<'a>,
    record: Result<Record<'a>, ParseError>,
    annotation: Option<Result<Annotation<'a>, AnnotationError>>,
    origin: Origin,
    is_fused: bool,
    ends_line: bool,
    breaks_annotation: bool,
    awaits_next: bool,
}

/// Where a record comes from, as far as the annotations before it say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin {
    /// The CPU that made the event.
    pub cpu: Option<u32>,
    /// The event's sequence number. The pieces of a wide access share one.
    pub seq: Option<u64>,
    /// Of a piece of a wide access that is not the first, its index from 1; else 0.
    pub piece: u8,
    /// Whether the event's position among the device's accesses is not exactly this one.
    pub unordered: bool,
    /// In a merged trace, the number of the record's source from 1, if an annotation before it
    /// says so.
    pub source: Option<u32>,
}

impl<'a> Entry<'a> {
    /// The line, or the part of a fused line that this record is.
    #[must_use]
    #[inline]
    pub const fn line(&self) -> &Line<'a> {
        &self.line
    }

    /// The record.
    ///
    /// # Errors
    /// As [`Line::parse`].
    #[inline]
    pub const fn record(&self) -> Result<&Record<'a>, ParseError> {
        match &self.record {
            Ok(record) => Ok(record),
            Err(error) => Err(*error),
        }
    }

    /// The event, if this is one.
    #[must_use]
    #[inline]
    pub const fn event(&self) -> Option<&Event> {
        match &self.record {
            Ok(Record::Event(event)) => Some(event),
            _ => None,
        }
    }

    /// What a reserved marker says; `None` for every other record.
    #[must_use]
    #[inline]
    pub const fn annotation(&self) -> Option<&Result<Annotation<'a>, AnnotationError>> {
        self.annotation.as_ref()
    }

    /// Where the record comes from. Empty for records that are not events, but for the source.
    #[must_use]
    #[inline]
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// Whether the record is not the first of its line: it follows a marker whose text ended at a
    /// NUL byte, after which the kernel prints no newline.
    #[must_use]
    #[inline]
    pub const fn is_fused(&self) -> bool {
        self.is_fused
    }

    /// Whether no other record follows in the same line.
    #[must_use]
    #[inline]
    pub const fn ends_line(&self) -> bool {
        self.ends_line
    }

    /// Whether an annotation before this record describes a record that is not here.
    #[must_use]
    #[inline]
    pub const fn breaks_annotation(&self) -> bool {
        self.breaks_annotation
    }

    /// Whether this is an annotation, or the beginning of what one describes, and the record after
    /// it belongs to it.
    #[must_use]
    #[inline]
    pub const fn awaits_next(&self) -> bool {
        self.awaits_next
    }
}
