//! From the kernel's lines to the calls of a sink.

use super::lines::each_line;
use mmiotrace_core::EventSink;
use mmiotrace_format::{Lifter, Parser};

/// From lines to calls of a sink.
#[derive(Debug, Default)]
pub(super) struct SinkSide {
    parser: Parser,
    lifter: Lifter,
}

impl SinkSide {
    pub(super) fn take(&mut self, lines: &[u8], sink: &mut dyn EventSink) {
        each_line(&mut self.parser, lines, |line| {
            // A line that does not parse has reached the sink as a line.
            let _ = self.lifter.push_line(line, sink);
        });
    }

    pub(super) fn finish(&mut self, sink: &mut dyn EventSink) {
        self.lifter.finish(sink);
    }
}
