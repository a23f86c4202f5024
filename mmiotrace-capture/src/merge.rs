//! From the rings of all CPUs to one sequence.

use mmiotrace_core::{Blind, BlindEdge, Event, EventSink, Loss, Marker, Timestamp};
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
pub(crate) struct Given {
    pub(crate) events: u64,
    pub(crate) lost: u64,
    pub(crate) blind_intervals: u64,
    pub(crate) markers: u64,
    /// Everything together, in calls of the sink.
    pub(crate) records: u64,
}

/// Puts records in the order of their numbers, and tells numbers that are late from lost ones.
#[derive(Debug, Default)]
pub(crate) struct Merge {
    /// The number that comes next.
    next: u64,
    waiting: BTreeMap<u64, Held>,
    /// How many numbers went to what is no event: markers, blind intervals, accesses that were not
    /// made. A trace numbers events only, so theirs are less by this.
    unnumbered: u64,
    given: Given,
    time: Timestamp,
}

impl Merge {
    pub(crate) const fn given(&self) -> Given {
        self.given
    }

    /// Begins where an earlier recorder stopped: at the lowest number that waits. What is below
    /// was given by it.
    pub(crate) fn continue_at_lowest(&mut self, channel: &Channel<'_>, buf: &mut EntryBuf) {
        self.take(channel, buf);
        self.next = self
            .waiting
            .first_key_value()
            .map_or_else(|| channel.settled(), |(seq, _)| *seq);
    }

    /// Takes what is in the rings and keeps it.
    pub(crate) fn fetch(&mut self, channel: &Channel<'_>, buf: &mut EntryBuf) {
        let _ = self.take(channel, buf);
    }

    /// What is kept and was not given.
    pub(crate) fn held(&self) -> Given {
        let mut held = Given::default();
        for one in self.waiting.values() {
            match one {
                Held::Event(_) => held.events += 1,
                Held::Marker(..) => held.markers += 1,
                Held::Blind(blind) if blind.edge == BlindEdge::Begin => held.blind_intervals += 1,
                Held::Blind(_) | Held::Void => {}
            }
        }
        held
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
    pub(crate) fn drain(
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

    /// Gives up what the dead will never write, so that nothing waits for them: `alive` is asked of
    /// every owner who is inside the engine.
    pub(crate) fn bury(&mut self, channel: &Channel<'_>, alive: impl FnMut(u64) -> bool) {
        let _ = channel.release_dead(alive);
        let rings = 0..channel.geometry().rings;
        let heads: Vec<u64> = rings.clone().map(|ring| channel.head(ring)).collect();
        // After the heads: what was reserved below them and is not written has no owner left.
        if channel.inside().next().is_none() {
            for (ring, head) in rings.zip(heads) {
                channel.skip_unfinished(ring, head);
            }
        }
    }

    /// Whether records wait for a number that has not come.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Numbers up to `end` are missing for good.
    fn lose(&mut self, end: u64, sink: &mut dyn EventSink) {
        let count = end - self.next;
        sink.lost(&Loss {
            time: self.time,
            count,
            seq: Some((
                self.next.wrapping_sub(self.unnumbered),
                (end - 1).wrapping_sub(self.unnumbered),
            )),
            cpu: None,
        });
        self.given.lost += count;
        self.given.records += 1;
        self.next = end;
    }

    fn give(&mut self, held: Held, sink: &mut dyn EventSink) {
        self.given.records += 1;
        self.unnumbered += u64::from(!matches!(held, Held::Event(_)));
        match held {
            Held::Event(mut event) => {
                event.seq = event.seq.map(|seq| seq.wrapping_sub(self.unnumbered));
                self.time = event.time;
                self.given.events += 1;
                sink.event(&event);
            }
            Held::Blind(blind) => {
                self.given.blind_intervals += u64::from(blind.edge == BlindEdge::Begin);
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
