//! From the rings of all CPUs to one sequence.

use crate::engine::{Body, Channel, Cursor, Entry, EntryBuf, Written};
use mmiotrace_core::{Blind, BlindEdge, Event, EventSink, Loss, Marker, Timestamp};
use std::collections::{BTreeMap, VecDeque};

fn index(ring: u32) -> usize {
    usize::try_from(ring).unwrap_or(usize::MAX)
}

/// Records taken from one ring before the next is looked at.
const AT_ONCE: usize = 1 << 16;

/// A record that waits for its turn.
#[derive(Debug)]
enum Pending {
    Event(Event),
    Blind(Blind),
    Marker(Timestamp, Vec<u8>),
    /// A number that nothing came of.
    Void,
}

impl Pending {
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
pub(crate) struct Totals {
    pub(crate) events: u64,
    pub(crate) lost: u64,
    pub(crate) blind_intervals: u64,
    pub(crate) markers: u64,
    /// Everything together, in calls of the sink.
    pub(crate) records: u64,
}

/// Puts records in the order of their numbers, and distinguishes numbers that are late from lost ones.
#[derive(Debug, Default)]
pub(crate) struct Reorder {
    /// The number that comes next.
    next: u64,
    waiting: BTreeMap<u64, Pending>,
    /// How many numbers went to what is no event: markers, blind intervals, accesses that were not
    /// made. A trace numbers events only, so theirs are less by this.
    unnumbered: u64,
    totals: Totals,
    time: Timestamp,
    /// By ring, where records stay in the rings until they are written.
    kept: Option<Vec<RingCursor>>,
}

/// What was taken from a ring and stays in it.
#[derive(Debug)]
struct RingCursor {
    cursor: Cursor,
    /// For each look at the ring that found something: the highest number found, and where it ended.
    looks: VecDeque<(u64, Cursor)>,
}

impl Reorder {
    pub(crate) const fn totals(&self) -> Totals {
        self.totals
    }

    /// Leaves records in the rings until they are [`written`](Self::written), and begins after
    /// what an earlier recorder has written.
    pub(crate) fn keep(&mut self, channel: &Channel<'_>) {
        let written = channel.written().unwrap_or_default();
        (self.next, self.unnumbered) = (written.next, written.unnumbered);
        let kept = |ring| RingCursor {
            cursor: channel.oldest(ring),
            looks: VecDeque::new(),
        };
        self.kept = Some((0..channel.geometry().rings).map(kept).collect());
    }

    /// Notes that all that was given is on disk, in a trace of this length, and has the rings forget
    /// it. Only with [`keep`](Self::keep).
    pub(crate) fn written(&mut self, channel: &Channel<'_>, bytes: u64) {
        channel.note_written(&Written {
            next: self.next,
            unnumbered: self.unnumbered,
            bytes,
        });
        for (ring, kept) in (0..).zip(self.kept.iter_mut().flatten()) {
            while let Some((highest, end)) = kept.looks.front().copied() {
                if highest >= self.next {
                    break;
                }
                channel.release(ring, end);
                kept.looks.pop_front();
            }
        }
    }

    /// Takes what is in the rings and keeps it.
    pub(crate) fn fetch(&mut self, channel: &Channel<'_>, buf: &mut EntryBuf) {
        let _ = self.take(channel, buf);
    }

    /// What is kept and was not totals.
    pub(crate) fn pending_totals(&self) -> Totals {
        let mut held = Totals::default();
        for one in self.waiting.values() {
            match one {
                Pending::Event(_) => held.events += 1,
                Pending::Marker(..) => held.markers += 1,
                Pending::Blind(blind) if blind.edge == BlindEdge::Begin => {
                    held.blind_intervals += 1
                }
                Pending::Blind(_) | Pending::Void => {}
            }
        }
        held
    }

    /// Empties the rings; `true` where all were empty at some moment.
    fn take(&mut self, channel: &Channel<'_>, buf: &mut EntryBuf) -> bool {
        let mut empty = true;
        let (next, waiting) = (self.next, &mut self.waiting);
        for ring in 0..channel.geometry().rings {
            let mut highest = 0;
            let hold = |entry: &Entry<'_>| {
                let seq = entry.stamp.seq;
                highest = highest.max(seq);
                // What an earlier recorder has written is not given again.
                if seq >= next {
                    waiting.insert(seq, Pending::of(entry));
                }
            };
            let kept = self.kept.as_mut().and_then(|all| all.get_mut(index(ring)));
            let Some(kept) = kept else {
                empty &= channel.pop_all(ring, buf, AT_ONCE, hold);
                continue;
            };
            let before = kept.cursor;
            empty &= channel.look_at_all(ring, &mut kept.cursor, buf, AT_ONCE, hold);
            if kept.cursor != before {
                kept.looks.push_back((highest, kept.cursor));
            }
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
                self.emit_loss(end, sink);
                continue;
            }
            let held = entry.remove();
            self.next = seq + 1;
            self.emit(held, sink);
        }
        if self.waiting.is_empty() && self.next < horizon {
            self.emit_loss(horizon, sink);
        }
        empty
    }

    /// Gives up what the dead will never write, so that nothing waits for them: `alive` is asked of
    /// every owner who is inside the engine.
    pub(crate) fn release_dead(&mut self, channel: &Channel<'_>, alive: impl FnMut(u64) -> bool) {
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
    fn emit_loss(&mut self, end: u64, sink: &mut dyn EventSink) {
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
        self.totals.lost += count;
        self.totals.records += 1;
        self.next = end;
    }

    fn emit(&mut self, held: Pending, sink: &mut dyn EventSink) {
        self.totals.records += 1;
        self.unnumbered += u64::from(!matches!(held, Pending::Event(_)));
        match held {
            Pending::Event(mut event) => {
                event.seq = event.seq.map(|seq| seq.wrapping_sub(self.unnumbered));
                self.time = event.time;
                self.totals.events += 1;
                sink.event(&event);
            }
            Pending::Blind(blind) => {
                self.totals.blind_intervals += u64::from(blind.edge == BlindEdge::Begin);
                sink.blind(&blind);
            }
            Pending::Marker(time, text) => {
                self.totals.markers += 1;
                sink.marker(&Marker { time, text: &text });
            }
            Pending::Void => self.totals.records -= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Geometry, Options};
    use core::sync::atomic::AtomicU64;

    #[derive(Default)]
    struct Texts(Vec<String>);

    impl EventSink for Texts {
        fn event(&mut self, _: &Event) {}
        fn marker(&mut self, marker: &Marker<'_>) {
            self.0
                .push(String::from_utf8_lossy(marker.text).into_owned());
        }
        fn lost(&mut self, loss: &Loss) {
            self.0.push(format!("lost {}", loss.count));
        }
        fn blind(&mut self, _: &Blind) {}
        fn line(&mut self, _: &[u8]) {}
    }

    fn drained(reorder: &mut Reorder, channel: &Channel<'_>) -> Vec<String> {
        let mut texts = Texts::default();
        reorder.drain(channel, &mut EntryBuf::default(), &mut texts);
        texts.0
    }

    /// A recorder dies between taking and writing, twice; the one after it finds all of it, once.
    #[test]
    fn what_was_not_written_comes_again() {
        let geometry = Geometry {
            contexts: 4,
            rings: 2,
            slots: 128,
        };
        let memory: Vec<AtomicU64> = (0..geometry.words().unwrap())
            .map(|_| AtomicU64::new(0))
            .collect();
        let channel = Channel::create(&memory, geometry, Options::default()).unwrap();
        let mark = |owner: u64, text: &str| {
            assert!(channel.mark(owner, Timestamp::ZERO, 1, text.as_bytes()));
        };
        let mut first = Reorder::default();
        first.keep(&channel);
        mark(1, "a");
        mark(2, "b");
        assert_eq!(drained(&mut first, &channel), ["a", "b"]);
        first.written(&channel, 10);
        mark(1, "c");
        assert_eq!(drained(&mut first, &channel), ["c"]);
        drop(first);
        mark(2, "d");
        assert_eq!(channel.written().unwrap().bytes, 10);
        let mut second = Reorder::default();
        second.keep(&channel);
        assert_eq!(drained(&mut second, &channel), ["c", "d"]);
        drop(second);
        let mut third = Reorder::default();
        third.keep(&channel);
        assert_eq!(drained(&mut third, &channel), ["c", "d"]);
        third.written(&channel, 20);
        assert_eq!((channel.fullest(), channel.written().unwrap().next), (0, 4));
        // The room is free again: many laps of the ring.
        for lap in 0..1000 {
            mark(1, "again");
            assert_eq!(drained(&mut third, &channel), ["again"], "{lap}");
            third.written(&channel, 30 + lap);
        }
    }

    /// If nothing is written the ring fills up, and what finds no room is a loss.
    #[test]
    fn what_is_not_written_stays() {
        let geometry = Geometry {
            contexts: 4,
            rings: 1,
            slots: 128,
        };
        let memory: Vec<AtomicU64> = (0..geometry.words().unwrap())
            .map(|_| AtomicU64::new(0))
            .collect();
        let channel = Channel::create(&memory, geometry, Options::default()).unwrap();
        let mut reorder = Reorder::default();
        reorder.keep(&channel);
        let room = (0..1000)
            .take_while(|_| channel.mark(1, Timestamp::ZERO, 1, b"x"))
            .count();
        assert_eq!(
            drained(&mut reorder, &channel).len(),
            room + 1,
            "and a loss"
        );
        assert!(!channel.mark(1, Timestamp::ZERO, 1, b"x"));
        reorder.written(&channel, 1);
        assert!(channel.mark(1, Timestamp::ZERO, 1, b"x"));
    }
}
