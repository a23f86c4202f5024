//! From the rings of all CPUs to one sequence.

use mmiotrace_core::{Blind, Event, EventSink, Loss, Marker, Timestamp};
use mmiotrace_kmod::{Body, Channel, Entry, EntryBuf};
use std::collections::BTreeMap;

/// Records taken from one ring before the next is looked at.
const AT_ONCE: usize = 1 << 16;

/// A record that waits for its turn.
#[derive(Debug)]
enum Held {
    Event(Event),
    Blind(Blind),
    Marker(Timestamp, Vec<u8>),
    /// A number that nothing came of.
    Void,
}

impl Held {
    fn of(entry: &Entry<'_>) -> Self {
        match (entry.to_event(), entry.body) {
            (Some(event), _) => Self::Event(event),
            (None, Body::Blind(blind)) => Self::Blind(blind),
            (None, Body::Marker(text)) => Self::Marker(entry.stamp.time, text.to_vec()),
            (None, _) => Self::Void,
        }
    }
}

/// What was given to the sink.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Given {
    pub(super) events: u64,
    pub(super) lost: u64,
    pub(super) blind_intervals: u64,
    pub(super) markers: u64,
    /// Everything together, in calls of the sink.
    pub(super) records: u64,
}

/// Puts records in the order of their numbers, and tells numbers that are late from lost ones.
#[derive(Debug, Default)]
pub(super) struct Merge {
    /// The number that comes next.
    next: u64,
    waiting: BTreeMap<u64, Held>,
    given: Given,
    time: Timestamp,
}

impl Merge {
    pub(super) const fn given(&self) -> Given {
        self.given
    }

    /// Begins where an earlier recorder stopped: at the lowest number that waits. What is below
    /// was given by it.
    pub(super) fn continue_at_lowest(&mut self, channel: &Channel<'_>, buf: &mut EntryBuf) {
        self.take(channel, buf);
        self.next = self
            .waiting
            .first_key_value()
            .map_or_else(|| channel.settled(), |(seq, _)| *seq);
    }

    /// Empties the rings; `true` where all were empty at some moment.
    fn take(&mut self, channel: &Channel<'_>, buf: &mut EntryBuf) -> bool {
        let mut empty = true;
        for ring in 0..channel.geometry().rings {
            empty &= channel.pop_all(ring, buf, AT_ONCE, |entry| {
                // What an earlier recorder was given is not given again.
                if entry.stamp.seq >= self.next {
                    self.waiting.insert(entry.stamp.seq, Held::of(entry));
                }
            });
        }
        empty
    }

    /// Gives what is complete to the sink. Says whether anything may still be in the rings.
    pub(super) fn drain(
        &mut self,
        channel: &Channel<'_>,
        buf: &mut EntryBuf,
        sink: &mut dyn EventSink,
    ) -> bool {
        // Before the rings: below it, what is missing afterwards will not come.
        let settled = channel.settled();
        let empty = self.take(channel, buf);
        let horizon = if empty { settled } else { self.next };
        while let Some(entry) = self.waiting.first_entry() {
            let seq = *entry.key();
            if seq > self.next {
                if self.next >= horizon {
                    break;
                }
                let end = seq.min(horizon);
                self.lose(end, sink);
                continue;
            }
            let held = entry.remove();
            self.next = seq + 1;
            self.give(held, sink);
        }
        if self.waiting.is_empty() && self.next < horizon {
            self.lose(horizon, sink);
        }
        empty
    }

    /// Numbers up to `end` are missing for good.
    fn lose(&mut self, end: u64, sink: &mut dyn EventSink) {
        let count = end - self.next;
        sink.lost(&Loss {
            time: self.time,
            count,
            seq: Some((self.next, end - 1)),
            cpu: None,
        });
        self.given.lost += count;
        self.given.records += 1;
        self.next = end;
    }

    fn give(&mut self, held: Held, sink: &mut dyn EventSink) {
        self.given.records += 1;
        match held {
            Held::Event(event) => {
                self.time = event.time;
                self.given.events += 1;
                sink.event(&event);
            }
            Held::Blind(blind) => {
                self.given.blind_intervals +=
                    u64::from(blind.edge == mmiotrace_core::BlindEdge::Begin);
                sink.blind(&blind);
            }
            Held::Marker(time, text) => {
                self.given.markers += 1;
                sink.marker(&Marker { time, text: &text });
            }
            Held::Void => self.given.records -= 1,
        }
    }
}
