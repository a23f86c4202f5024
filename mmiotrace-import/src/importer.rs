//! From lines of a log to events.

use crate::Format;
use crate::error::LineError;
use crate::source::{self, EVENTS, Pattern, Taken};
use crate::stamp::Stamp;
use crate::state::State;
use crate::window::KnownWindow;
use mmiotrace_core::{EventSink, Loss, Marker, RESERVED_MARKER_PREFIX, Timestamp, Width};

/// What an import needs to know beyond the log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Windows whose addresses the log does not tell.
    pub windows: Vec<KnownWindow>,
    /// The width of accesses of which the log prints none (regmap, some patterns): 4 bytes.
    pub default_width: Width,
    /// The pattern, for [`Format::Pattern`].
    pub pattern: Option<Pattern>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            windows: Vec::new(),
            default_width: Width::W4,
            pattern: None,
        }
    }
}

/// What became of the lines of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Accesses given.
    pub accesses: u64,
    /// Lines kept as markers: configuration accesses, interrupts, failures.
    pub notes: u64,
    /// Lines that name a known event and cannot be read. Each is told as one lost event.
    pub malformed: u64,
    /// Lines about other things.
    pub unrelated: u64,
}

/// Turns the lines of one log into events. Feed it all lines, then call
/// [`finish`](Self::finish).
#[derive(Debug)]
pub struct Importer {
    format: Format,
    state: State,
    pattern: Option<Pattern>,
    counts: Counts,
    line: u64,
    byte: u64,
    last_time: Timestamp,
}

impl Importer {
    /// An importer of logs of this format.
    #[must_use]
    pub fn new(format: Format, options: Options) -> Self {
        let state = State::new(&options.windows, options.default_width);
        Self {
            format,
            state,
            pattern: options.pattern,
            counts: Counts::default(),
            line: 0,
            byte: 0,
            last_time: Timestamp::ZERO,
        }
    }

    /// Takes the next line, with or without its line ending.
    ///
    /// # Errors
    /// Where the line names an event of the format and is not as that event is printed. The sink
    /// has then been told one lost event; the next line goes on.
    pub fn push_line(&mut self, line: &[u8], sink: &mut dyn EventSink) -> Result<(), LineError> {
        let at = (self.line + 1, self.byte);
        self.line += 1;
        self.byte += line.len() as u64;
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches(['\n', '\r']);
        let (name, taken) = match &self.pattern {
            Some(pattern) if self.format == Format::Pattern => (
                "the pattern's line",
                pattern
                    .take(&mut self.state, text, sink)
                    .map(|fits| fits.then_some(Taken::Access)),
            ),
            _ => self.push_event(text, sink),
        };
        match taken {
            None => self.counts.unrelated += 1,
            Some(Some(Taken::Note)) => self.keep(text, sink),
            Some(Some(Taken::Access | Taken::Silent)) => {}
            Some(None) => {
                self.counts.malformed += 1;
                sink.lost(&Loss::new(self.last_time, 1));
                return Err(LineError {
                    line: at.0,
                    byte: at.1,
                    event: name,
                });
            }
        }
        Ok(())
    }

    /// Gives what was still waiting for a second half, and the count of everything.
    pub fn finish(&mut self, sink: &mut dyn EventSink) -> Counts {
        self.state.finish(sink);
        self.counts.accesses = self.state.accesses;
        self.counts
    }

    /// Finds the event that the line names and hands it on. The outer option is whether there is
    /// one, the inner whether it could be read.
    fn push_event(
        &mut self,
        text: &str,
        sink: &mut dyn EventSink,
    ) -> (&'static str, Option<Option<Taken>>) {
        let events = EVENTS.iter().filter(|event| event.format == self.format);
        for event in events {
            let Some(at) = source::position(text, event.name) else {
                continue;
            };
            let (prefix, rest) = text.split_at(at);
            let stamp = Stamp::parse(prefix);
            self.last_time = stamp.time;
            let rest = rest.get(event.name.len()..).unwrap_or("");
            return (
                event.name,
                Some((event.handler)(&mut self.state, stamp, rest, sink)),
            );
        }
        ("", None)
    }

    fn keep(&mut self, text: &str, sink: &mut dyn EventSink) {
        self.counts.notes += 1;
        let mut note = text.as_bytes();
        if note.starts_with(RESERVED_MARKER_PREFIX) {
            note = note.get(1..).unwrap_or(note);
        }
        sink.marker(&Marker {
            time: self.last_time,
            text: note,
        });
    }
}
