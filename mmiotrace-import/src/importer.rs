//! From lines of a log to events.

use crate::Format;
use crate::error::LineError;
use crate::source::{self, How, Line, Pattern, Taken};
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
    /// Accesses that the log says it does not hold.
    pub lost: u64,
    /// Lines that name a known event and cannot be read. Each is told as one lost event.
    pub malformed: u64,
    /// Lines about other things.
    pub unrelated: u64,
}

impl Counts {
    /// Whether there were lines, and none of them was of the format.
    #[must_use]
    pub const fn is_foreign(&self) -> bool {
        let taken = self.accesses + self.notes + self.malformed + self.lost;
        taken == 0 && self.unrelated > 0
    }
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
    /// Whether the sink has been told where the events come from.
    announced: bool,
    /// Losses before the first event.
    waiting_loss: u64,
    /// How many nanoseconds a tick is shown as; 0: no tick was met.
    tick_nanos: u64,
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
            announced: false,
            waiting_loss: 0,
            tick_nanos: 0,
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
        if self.format == Format::Pattern {
            self.announce(false, sink);
        }
        let (name, taken) = match &self.pattern {
            Some(pattern) if self.format == Format::Pattern => {
                let fits = pattern.take(&mut self.state, text, sink);
                (
                    "the pattern's line",
                    fits.map(|fits| fits.then_some(Taken::Access)),
                )
            }
            _ => self.push_event(text, sink),
        };
        match taken {
            None => match lost_by_the_log(text) {
                // Of a whole log the line says nothing.
                Some(0) => {}
                Some(count) => self.lost(text, count, sink),
                None => self.counts.unrelated += 1,
            },
            Some(Some(Taken::Note)) => self.keep(text, sink),
            Some(Some(Taken::Lost(count))) => self.lost(text, count, sink),
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
        self.announce(false, sink);
        if self.waiting_loss > 0 {
            sink.lost(&Loss::new(self.last_time, self.waiting_loss));
        }
        self.state.finish(sink);
        self.counts.accesses = self.state.accesses;
        self.counts
    }

    /// Says, before everything else, where the events come from: at the time of the first, so that
    /// the trace does not seem to begin when the machine was booted.
    fn announce(&mut self, ticks: bool, sink: &mut dyn EventSink) {
        if core::mem::replace(&mut self.announced, true) {
            return;
        }
        let time = self.last_time;
        let text = format!("import: {}", self.format.as_str());
        sink.marker(&Marker {
            time,
            text: text.as_bytes(),
        });
        if ticks {
            let text = format!(
                "import: the log has ticks of a clock instead of times; one tick is shown as {}",
                if self.tick_nanos == 1 { "1 ns" } else { "1 us" }
            );
            sink.marker(&Marker {
                time,
                text: text.as_bytes(),
            });
        }
        if self.waiting_loss > 0 {
            sink.lost(&Loss::new(time, core::mem::take(&mut self.waiting_loss)));
        }
    }

    /// Finds the event that the line names and hands it on. The outer option is whether there is
    /// one, the inner whether it could be read.
    fn push_event(
        &mut self,
        text: &str,
        sink: &mut dyn EventSink,
    ) -> (&'static str, Option<Option<Taken>>) {
        let Some((event, at)) = source::find(text, Some(self.format)) else {
            return ("", None);
        };
        let (prefix, rest) = text.split_at(at);
        let rest = rest.get(event.name.len()..).unwrap_or("");
        let is_perf_trace = event.format == Format::Ftrace && rest.starts_with('(');
        let mut stamp = if is_perf_trace {
            Stamp::parse_perf_trace(prefix)
        } else {
            Stamp::parse(prefix)
        };
        if let Some(ticks) = stamp.ticks {
            stamp.time = self.time_of(ticks);
        }
        self.last_time = stamp.time;
        self.announce(stamp.ticks.is_some(), sink);
        let line = Line { stamp, rest };
        let taken = match event.how {
            How::By(handler) => handler(&mut self.state, line, sink),
            How::Access(kind, handler) => handler(kind, &mut self.state, line, sink),
            How::Note => Some(Taken::Note),
            How::Silent => Some(Taken::Silent),
            How::Text => {
                self.counts.notes += 1;
                let text = marker_text(event.name, rest);
                sink.marker(&Marker {
                    time: stamp.time,
                    text: text.as_bytes(),
                });
                Some(Taken::Silent)
            }
        };
        (event.name, Some(taken))
    }

    /// A tick is shown as a microsecond, which is what the text format can tell apart; where that
    /// is too much for its times, as a nanosecond.
    fn time_of(&mut self, ticks: u64) -> Timestamp {
        if self.tick_nanos == 0 {
            self.tick_nanos = if ticks < u64::MAX / 2000 { 1000 } else { 1 };
        }
        Timestamp::from_nanos(ticks.saturating_mul(self.tick_nanos))
    }

    /// Accesses that the log does not hold, with the line that says so.
    fn lost(&mut self, text: &str, count: u64, sink: &mut dyn EventSink) {
        self.counts.lost += count;
        if !self.announced {
            // The time is not known yet.
            self.waiting_loss += count;
            return;
        }
        sink.lost(&Loss::new(self.last_time, count));
        self.keep(text, sink);
    }

    fn keep(&mut self, text: &str, sink: &mut dyn EventSink) {
        self.counts.notes += 1;
        let note = unreserved(text).as_bytes();
        sink.marker(&Marker {
            time: self.last_time,
            text: note,
        });
    }
}

/// The text of `tracing_mark_write: TEXT`, `print: ADDRESS: TEXT` and their like, as it was written.
fn marker_text<'t>(event: &str, rest: &'t str) -> &'t str {
    let mut text = rest.trim_start_matches(':').trim_start();
    if event != "tracing_mark_write" {
        // The function or the address that wrote it.
        let address = |word: &str| {
            let digits = word.strip_prefix("0x")?.trim_end_matches('s');
            u64::from_str_radix(digits, 16).ok()
        };
        if let Some((by, after)) = text.split_once(": ")
            && (by == "tracing_mark_write" || address(by).is_some())
        {
            text = after;
        }
    }
    unreserved(text)
}

/// A text that is not taken for an annotation.
fn unreserved(text: &str) -> &str {
    let is_reserved = text.as_bytes().starts_with(RESERVED_MARKER_PREFIX);
    if is_reserved {
        text.get(1..).unwrap_or(text)
    } else {
        text
    }
}

/// How many events a line about the log itself says are missing: ftrace's `CPU:1 [LOST 52 EVENTS]`
/// and the header of its file, trace-cmd's `CPU:1 [52 EVENTS DROPPED]`, perf's `PERF_RECORD_LOST`.
fn lost_by_the_log(text: &str) -> Option<u64> {
    let number = |text: &str| {
        let digits = text
            .trim()
            .split(|c: char| !c.is_ascii_digit())
            .find(|word| !word.is_empty());
        digits.and_then(|digits| digits.parse::<u64>().ok())
    };
    if let Some(counts) = text.strip_prefix("# entries-in-buffer/entries-written:") {
        let (kept, written) = counts.split_once('/')?;
        return Some(number(written)?.saturating_sub(number(kept)?));
    }
    if text.starts_with("CPU:") {
        let (_, said) = text.split_once('[')?;
        let is_loss = said.contains("LOST") || said.contains("DROPPED");
        // trace-cmd does not always know how many.
        return is_loss.then(|| number(said).unwrap_or(1));
    }
    let (_, said) = text.split_once("PERF_RECORD_LOST")?;
    Some(number(said).unwrap_or(1))
}
