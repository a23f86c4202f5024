//! Where captured things go.

use crate::{Blind, Event, Header, Loss, Marker};

/// Takes everything that a capture yields, borrowed, in the order of the trace.
///
/// All methods but [`header`](Self::header) must be written, so that nobody overlooks a loss. A
/// sink that can fail (a file) keeps its first error and shows it when asked: a backend goes on
/// draining, because what it holds would be lost otherwise.
pub trait EventSink {
    /// Something happened.
    fn event(&mut self, event: &Event);
    /// A mark was written into the capture.
    fn marker(&mut self, marker: &Marker<'_>);
    /// Events are missing.
    fn lost(&mut self, loss: &Loss);
    /// A page went blind, or sees again.
    fn blind(&mut self, blind: &Blind);
    /// A line that is no record, without its line ending.
    fn line(&mut self, line: &[u8]);
    /// A fact about the trace or the machine. By default the line goes to [`line`](Self::line).
    fn header(&mut self, header: &Header<'_>) {
        self.line(header.as_bytes());
    }
}

impl<S: EventSink + ?Sized> EventSink for &mut S {
    fn event(&mut self, event: &Event) {
        (**self).event(event);
    }
    fn marker(&mut self, marker: &Marker<'_>) {
        (**self).marker(marker);
    }
    fn lost(&mut self, loss: &Loss) {
        (**self).lost(loss);
    }
    fn blind(&mut self, blind: &Blind) {
        (**self).blind(blind);
    }
    fn line(&mut self, line: &[u8]) {
        (**self).line(line);
    }
    fn header(&mut self, header: &Header<'_>) {
        (**self).header(header);
    }
}
