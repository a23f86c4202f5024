//! The trace against the device's log.

use super::device::{BAR, Logged};
use mmiotrace_core::{Blind, Event, EventSink, Header, Loss, Marker};

/// Passes everything on, and keeps the accesses.
pub(super) struct Compare<'a> {
    sink: &'a mut dyn EventSink,
    traced: Vec<Logged>,
}

impl<'a> Compare<'a> {
    pub(super) fn new(sink: &'a mut dyn EventSink) -> Self {
        Self {
            sink,
            traced: Vec::new(),
        }
    }

    /// How many accesses of the log the trace does not have at their place, and how many it has
    /// beside.
    pub(super) fn against(&self, log: impl Iterator<Item = Logged>) -> (u64, u64) {
        let mut traced = self.traced.iter().peekable();
        let mut missing = 0;
        for logged in log {
            if traced.peek() == Some(&&logged) {
                traced.next();
            } else {
                missing += 1;
            }
        }
        (missing, traced.count() as u64)
    }
}

impl EventSink for Compare<'_> {
    fn event(&mut self, event: &Event) {
        if let Some(access) = event.as_access() {
            self.traced.push(Logged {
                kind: access.kind,
                offset: access.phys.0.wrapping_sub(BAR.0),
                width: access.width.bytes(),
                value: access.value.and_then(|value| value.to_u64()).unwrap_or(0),
            });
        }
        self.sink.event(event);
    }

    fn marker(&mut self, marker: &Marker<'_>) {
        self.sink.marker(marker);
    }

    fn lost(&mut self, loss: &Loss) {
        self.sink.lost(loss);
    }

    fn blind(&mut self, blind: &Blind) {
        self.sink.blind(blind);
    }

    fn line(&mut self, line: &[u8]) {
        self.sink.line(line);
    }

    fn header(&mut self, header: &Header<'_>) {
        self.sink.header(header);
    }
}
