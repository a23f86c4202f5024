//! Markers whose text holds newlines.

use mmiotrace_core::{Marker, Timestamp};
use mmiotrace_format::{Line, ParseError, ParseErrorKind};

/// No marker of the kernel is longer (`kernel/trace/trace.c`).
const MAX_TEXT: u64 = 4096;

/// The lines behind a marker that may be lines of its text.
///
/// The format has no sign for them: `printf 'one\ntwo' > trace_marker` gives `MARK t one` and a
/// bare `two`. So a line that is no record belongs to the marker before it, where there is one and
/// nothing but such lines in between. A line that looks like a record is one, unless the kernel
/// cannot have printed it: its time has not six decimals, or it lies before the marker's and the
/// address is not mapped. Any other forgery cannot be told from a record.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// The time of the marker, and the byte behind which its text cannot reach.
    open: Option<(Timestamp, u64)>,
}

impl Chain {
    pub(super) fn marker(&mut self, line: &Line<'_>, marker: &Marker<'_>) {
        self.open = Some((marker.time, line.position().byte().saturating_add(MAX_TEXT)));
    }

    /// A line that nothing else explains. Whether it may belong to the marker.
    pub(super) fn explains(&self, line: &Line<'_>) -> bool {
        self.open
            .is_some_and(|(_, end)| line.position().byte() < end)
    }

    /// A line that begins like a record and is none.
    pub(super) fn explains_error(&self, line: &Line<'_>, error: &ParseError) -> bool {
        let odd_time = matches!(
            error.kind(),
            ParseErrorKind::InvalidField(mmiotrace_format::Field::Time)
        ) && line.columns().time_decimals().is_some();
        odd_time && self.explains(line)
    }

    /// The marker's time, for a record right behind it.
    pub(super) fn time_before(&self, line: &Line<'_>) -> Option<Timestamp> {
        self.open
            .filter(|_| self.explains(line))
            .map(|(time, _)| time)
    }

    #[inline]
    pub(super) const fn end(&mut self) {
        self.open = None;
    }
}
