//! What the devices saw against what the engine recorded.

use super::world::{Machine, Seen};
use crate::{Body, Entry, EntryBuf, Order, Stamp};
use mmiotrace_core::{Access, BlindEdge, MapId};
use std::collections::BTreeMap;
use std::vec::Vec;

/// What [`World::judge`](super::World::judge) found: nothing wrong, or it would have panicked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// Accesses that the devices saw and the engine recorded.
    pub accesses: usize,
    /// Accesses that the devices saw while their page was open.
    pub unseen: usize,
    /// Numbers without a record: as many as the channel counts as lost.
    pub lost: u64,
    /// Blind intervals begun, and ended.
    pub blind: (usize, usize),
    /// Accesses whose place in the order is not exact.
    pub unordered: usize,
    /// Whether the order of the numbers is that in which the devices saw the accesses. Where it is not,
    /// all accesses were `unordered`, or it would have panicked.
    pub in_order: bool,
    /// The registers of each CPU whose program has ended, by the number of the CPU.
    pub registers: BTreeMap<u32, [u64; 16]>,
}

struct Recorded {
    stamp: Stamp,
    access: Access,
    order: Order,
}

#[derive(Default)]
struct Trace {
    accesses: Vec<Recorded>,
    /// Beginnings (true) and ends of mappings, with their numbers.
    mappings: Vec<(u64, MapId, bool)>,
    numbers: Vec<u64>,
    verdict: Verdict,
}

impl Trace {
    fn take(&mut self, entry: &Entry<'_>) {
        self.numbers.push(entry.stamp.seq);
        match &entry.body {
            Body::Access { access, order, .. } => self.accesses.push(Recorded {
                stamp: entry.stamp,
                access: *access,
                order: *order,
            }),
            Body::Map(mapping) => self.mappings.push((entry.stamp.seq, mapping.id, true)),
            Body::Unmap(id) => self.mappings.push((entry.stamp.seq, *id, false)),
            Body::Blind(blind) if blind.edge == BlindEdge::Begin => self.verdict.blind.0 += 1,
            Body::Blind(_) => self.verdict.blind.1 += 1,
            _ => {}
        }
    }

    /// Every access was made while its mapping was traced.
    fn check_mappings(&self) {
        for recorded in &self.accesses {
            let before = self
                .mappings
                .iter()
                .filter(|(seq, id, _)| *seq < recorded.stamp.seq && *id == recorded.access.map_id);
            let last = before.max_by_key(|(seq, ..)| *seq);
            assert!(
                last.is_some_and(|(.., begins)| *begins),
                "an access to what is no longer traced: {:?}",
                recorded.access
            );
        }
    }
}

impl Recorded {
    fn is(&self, seen: &Seen) -> bool {
        self.access.kind == seen.kind
            && self.access.phys.0 == seen.phys
            && usize::from(self.access.width.bytes()) == seen.bytes.len()
            && self.stamp.cpu == Some(seen.cpu)
            && self
                .access
                .value
                .is_none_or(|value| value.as_le_bytes() == seen.bytes)
    }
}

pub(super) fn judge(machine: &Machine) -> Verdict {
    let channel = machine.engine.channel();
    let settled = channel.settled();
    assert_eq!(settled, channel.sequence(), "nobody is inside any more");
    let mut trace = Trace::default();
    let mut buf = EntryBuf::default();
    for ring in 0..channel.geometry().rings {
        assert!(channel.pop_all(ring, &mut buf, usize::MAX, |entry| trace.take(entry)));
    }
    trace.accesses.sort_by_key(|recorded| recorded.stamp.seq);
    trace.numbers.sort_unstable();
    trace.numbers.dedup();
    let state = machine.lock();
    let (seen, unseen): (Vec<&Seen>, Vec<&Seen>) =
        state.log.iter().partition(|seen| seen.by_engine);
    for seen in &unseen {
        assert!(seen.was_open, "the engine did not see {seen:?}");
    }
    let mut verdict = trace.verdict.clone();
    verdict.unseen = unseen.len();
    verdict.lost = settled - trace.numbers.len() as u64;
    assert_eq!(verdict.lost, channel.lost(), "a gap for every loss");
    verdict.unordered = trace
        .accesses
        .iter()
        .filter(|recorded| recorded.order != Order::Total)
        .count();
    verdict.in_order = trace.accesses.len() == seen.len()
        && trace
            .accesses
            .iter()
            .zip(&seen)
            .all(|(recorded, seen)| recorded.is(seen));
    if verdict.lost == 0 {
        trace.check_mappings();
        compare(&trace.accesses, &seen, verdict.unordered == 0);
        verdict.accesses = trace.accesses.len();
    } else {
        // What is left must be in the order of the device.
        let mut rest = seen.iter();
        for recorded in &trace.accesses {
            assert!(
                rest.any(|seen| recorded.is(seen)),
                "invented or out of order"
            );
        }
        assert!(seen.len() <= trace.accesses.len() + verdict.lost as usize);
        verdict.accesses = trace.accesses.len();
    }
    for cpu in 0..16 {
        let at = super::program::dump_at(cpu);
        if state.memory.contains_key(&at) {
            let byte = |at: u64| state.memory.get(&at).copied().unwrap_or(0);
            let registers = core::array::from_fn(|number| {
                u64::from_le_bytes(core::array::from_fn(|n| {
                    byte(at + 8 * number as u64 + n as u64)
                }))
            });
            verdict.registers.insert(cpu, registers);
        }
    }
    verdict
}

/// Every access seen is recorded and the other way round, in the same order where `ordered`.
fn compare(recorded: &[Recorded], seen: &[&Seen], ordered: bool) {
    assert_eq!(recorded.len(), seen.len(), "missing or invented");
    if ordered {
        for (recorded, seen) in recorded.iter().zip(seen) {
            assert!(
                recorded.is(seen),
                "out of order: {:?} {seen:?}",
                recorded.access
            );
        }
        return;
    }
    let mut left: Vec<(usize, &Seen)> = seen.iter().copied().enumerate().collect();
    let mut places = Vec::new();
    for recorded in recorded {
        let found = left.iter().position(|(_, seen)| recorded.is(seen));
        let found = found.unwrap_or_else(|| panic!("invented: {:?}", recorded.access));
        let (place, _) = left.swap_remove(found);
        if let Order::Before(after) = recorded.order {
            places.push((recorded.stamp.seq, after, place));
        }
    }
    // What ended before another began came to the device before it.
    for (_, after, place) in &places {
        let later = places.iter().filter(|(seq, ..)| seq >= after);
        assert!(later.fold(true, |all, (.., other)| all && other > place));
    }
}
