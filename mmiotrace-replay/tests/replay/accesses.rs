//! What a trace did.

use mmiotrace_core::{Access, Blind, Event, EventSink, Loss, Marker};
use mmiotrace_format::{Lifter, Reader};

/// The accesses that a trace shows with their value.
pub(crate) fn accesses(trace: &[u8]) -> Vec<Access> {
    #[derive(Default)]
    struct All(Vec<Access>);
    impl EventSink for All {
        fn event(&mut self, event: &Event) {
            self.0.extend(event.as_access());
        }
        fn marker(&mut self, _: &Marker<'_>) {}
        fn lost(&mut self, _: &Loss) {}
        fn blind(&mut self, _: &Blind) {}
        fn line(&mut self, _: &[u8]) {}
    }
    let (mut reader, mut lifter, mut all) = (Reader::new(trace), Lifter::new(), All::default());
    while let Some(line) = reader.next_line().unwrap() {
        let _ = lifter.push_line(&line, &mut all);
    }
    lifter.finish(&mut all);
    all.0
}
