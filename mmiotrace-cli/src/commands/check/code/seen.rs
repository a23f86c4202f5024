//! What a trace says of instructions.

use mmiotrace_core::{AccessKind, Event, EventKind, Width};
use mmiotrace_format::Entry;
use std::collections::BTreeMap;

/// Sorts of records that are kept apart; what comes beyond is counted.
const MOST_SORTS: usize = 65_536;

/// Records that one instruction has made, all of a sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sort {
    pub(super) pc: u64,
    pub(super) logged: Logged,
}

/// What a record says of the instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Logged {
    /// `UNKNOWN` with the first bytes of code, and how many they are.
    Unknown([u8; 15], usize),
    Access(AccessKind, Width),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Count {
    pub(super) line: u64,
    pub(super) count: u64,
}

/// What a trace says of instructions.
#[derive(Default)]
pub(in super::super) struct Seen {
    pub(super) sorts: BTreeMap<Sort, Count>,
    /// Records that no room was left for.
    pub(super) more: u64,
}

impl Seen {
    /// Takes an entry in. What is malformed, the checker reports.
    pub(in super::super) fn entry(&mut self, entry: &Entry<'_>) {
        let Some(event) = entry.event() else { return };
        let Some(sort) = Sort::of(event) else { return };
        let number = entry.line().position().line();
        if let Some(known) = self.sorts.get_mut(&sort) {
            known.count += 1;
        } else if self.sorts.len() < MOST_SORTS {
            self.sorts.insert(
                sort,
                Count {
                    line: number,
                    count: 1,
                },
            );
        } else {
            self.more += 1;
        }
    }
}

impl Sort {
    fn of(event: &Event) -> Option<Self> {
        let logged = match event.kind {
            EventKind::UnknownOpcode(unknown) => {
                let mut code = [0; 15];
                let bytes = unknown.code.as_bytes();
                code.get_mut(..bytes.len())?.copy_from_slice(bytes);
                Logged::Unknown(code, bytes.len())
            }
            // Without its address nothing is known of an instruction that was decoded.
            EventKind::Access(access) if event.pc.0 != 0 => {
                Logged::Access(access.kind, access.width)
            }
            _ => return None,
        };
        Some(Self {
            pc: event.pc.0,
            logged,
        })
    }
}
