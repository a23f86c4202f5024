//! A namer as the end of a stream.

use super::named::Named;
use super::namer::Namer;
use mmiotrace_core::{Blind, Event, EventSink, Header, Loss, Marker};

/// Takes everything that a capture yields, in order, and calls a function for every access with
/// its name.
#[derive(Debug)]
pub struct NamingSink<'n, F> {
    namer: &'n mut Namer,
    each: F,
}

impl Namer {
    /// This namer as a sink: headers, mappings and losses go to it, accesses are named and given to
    /// `each`.
    pub const fn sink<F: FnMut(&Event, Named<'_>)>(&mut self, each: F) -> NamingSink<'_, F> {
        NamingSink { namer: self, each }
    }
}

impl<F: FnMut(&Event, Named<'_>)> EventSink for NamingSink<'_, F> {
    fn event(&mut self, event: &Event) {
        if let Some(named) = self.namer.event(event) {
            (self.each)(event, named);
        }
    }

    fn marker(&mut self, _marker: &Marker<'_>) {}

    fn lost(&mut self, _loss: &Loss) {
        self.namer.invalidate_values();
    }

    fn blind(&mut self, _blind: &Blind) {
        self.namer.invalidate_values();
    }

    fn line(&mut self, _line: &[u8]) {}

    fn header(&mut self, header: &Header<'_>) {
        self.namer.header(header);
    }
}
