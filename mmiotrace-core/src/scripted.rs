//! A capture backend that plays a script, for tests of everything that consumes a capture.
//!
//! ```
//! use mmiotrace_core::scripted::{Scripted, Step};
//! use mmiotrace_core::{CaptureBackend, DrainState, Event, EventKind, EventSink, Loss, MapId, Timestamp};
//! # use mmiotrace_core::{Blind, Marker};
//!
//! #[derive(Default)]
//! struct Count { events: u32, lost: u64 }
//! impl EventSink for Count {
//!     fn event(&mut self, _: &Event) { self.events += 1; }
//!     fn lost(&mut self, loss: &Loss) { self.lost += loss.count; }
//! #   fn marker(&mut self, _: &Marker<'_>) {}
//! #   fn blind(&mut self, _: &Blind) {}
//! #   fn line(&mut self, _: &[u8]) {}
//! }
//!
//! let script = [
//!     Step::Event(Event::new(Timestamp::ZERO, EventKind::Unmap(MapId(1)))),
//!     Step::Pause,
//!     Step::Lost(Loss::new(Timestamp::ZERO, 7)),
//! ];
//! let mut backend = Scripted::new(&script);
//! let mut count = Count::default();
//! backend.start()?;
//! while backend.drain(&mut count)?.state != DrainState::Ended {}
//! assert_eq!((count.events, count.lost), (1, 7));
//! # Ok::<(), mmiotrace_core::scripted::ScriptedError>(())
//! ```

use crate::{
    Blind, CaptureBackend, DrainState, Drained, Event, EventSink, Loss, Marker, Summary, Timestamp,
};
use core::fmt;

/// One step of a script.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Step<'a> {
    /// Give this event.
    Event(Event),
    /// Give this marker.
    Marker(Marker<'a>),
    /// Tell this loss.
    Lost(Loss),
    /// Tell this end of a blind interval.
    Blind(Blind),
    /// Give this line.
    Line(&'a [u8]),
    /// End this call of `drain`: more comes with the next.
    Pause,
    /// Fail this call of `drain`; the next goes on behind it.
    Fail,
}

/// What a [`Scripted`] backend can fail with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScriptedError {
    /// The script said so ([`Step::Fail`]).
    Scripted,
    /// A method was called outside the order that [`CaptureBackend`] gives.
    OutOfOrder,
    /// The marker's text has the reserved beginning.
    ReservedMarker,
}

impl fmt::Display for ScriptedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scripted => "the script fails here",
            Self::OutOfOrder => "called before start or after stop",
            Self::ReservedMarker => "the marker begins with the reserved word mmiotrace1",
        })
    }
}

impl core::error::Error for ScriptedError {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Running,
    Stopped,
}

/// Plays a script of [`Step`]s and checks that its caller keeps the order of calls.
#[derive(Debug)]
pub struct Scripted<'a> {
    rest: &'a [Step<'a>],
    phase: Phase,
    summary: Summary,
}

impl<'a> Scripted<'a> {
    /// A backend that will play `script`.
    #[must_use]
    pub fn new(script: &'a [Step<'a>]) -> Self {
        Self {
            rest: script,
            phase: Phase::New,
            summary: Summary::default(),
        }
    }

    /// Plays one step; `false` where it ends the call.
    fn play(&mut self, step: &Step<'_>, sink: &mut dyn EventSink) -> Result<bool, ScriptedError> {
        match step {
            Step::Event(event) => {
                self.summary.events += 1;
                sink.event(event);
            }
            Step::Marker(marker) => sink.marker(marker),
            Step::Lost(loss) => {
                self.summary.lost += loss.count;
                sink.lost(loss);
            }
            Step::Blind(blind) => {
                self.summary.blind_intervals += u64::from(blind.edge == crate::BlindEdge::Begin);
                sink.blind(blind);
            }
            Step::Line(line) => sink.line(line),
            Step::Pause => return Ok(false),
            Step::Fail => return Err(ScriptedError::Scripted),
        }
        Ok(true)
    }
}

impl CaptureBackend for Scripted<'_> {
    type Error = ScriptedError;

    fn name(&self) -> &str {
        "scripted"
    }

    fn start(&mut self) -> Result<(), ScriptedError> {
        if self.phase != Phase::New {
            return Err(ScriptedError::OutOfOrder);
        }
        self.phase = Phase::Running;
        Ok(())
    }

    fn drain(&mut self, sink: &mut dyn EventSink) -> Result<Drained, ScriptedError> {
        if self.phase == Phase::New {
            return Err(ScriptedError::OutOfOrder);
        }
        let mut records = 0;
        while let Some((step, rest)) = self.rest.split_first() {
            self.rest = rest;
            if !self.play(step, sink)? {
                return Ok(Drained {
                    records,
                    state: DrainState::Idle,
                });
            }
            records += 1;
        }
        Ok(Drained {
            records,
            state: DrainState::Ended,
        })
    }

    fn marker(&mut self, text: &[u8]) -> Result<(), ScriptedError> {
        if self.phase != Phase::Running {
            return Err(ScriptedError::OutOfOrder);
        }
        if (Marker {
            time: Timestamp::ZERO,
            text,
        })
        .is_reserved()
        {
            return Err(ScriptedError::ReservedMarker);
        }
        self.summary.markers += 1;
        Ok(())
    }

    fn stop(&mut self) -> Result<Summary, ScriptedError> {
        if self.phase != Phase::Running {
            return Err(ScriptedError::OutOfOrder);
        }
        self.phase = Phase::Stopped;
        Ok(self.summary)
    }
}
