//! Register names for verbs that show registers.

use mmiotrace_core::{Event, EventKind};
use mmiotrace_format::Record;
use mmiotrace_registers::Namer;

/// Names accesses on the way through a trace.
#[derive(Debug)]
pub(crate) struct Names(Namer);

impl Names {
    /// The names of the maps that come with the command.
    pub(crate) fn bundled() -> Self {
        Self(Namer::builder().build())
    }

    /// Takes a record, and gives the name of the register where it is an access to one that has a
    /// name, with the device before it where the trace has several.
    pub(crate) fn see(&mut self, record: &Record<'_>) -> Option<String> {
        match record {
            Record::Event(event) => self.event(event),
            Record::Header(header) => {
                self.0.header(header);
                None
            }
            Record::Lost(_) => {
                self.0.doubt();
                None
            }
            _ => None,
        }
    }

    fn event(&mut self, event: &Event) -> Option<String> {
        let named = self.0.event(event)?;
        if !matches!(event.kind, EventKind::Access(_)) {
            return None;
        }
        named.name().map(str::to_owned)
    }
}
