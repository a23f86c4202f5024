//! From what was seen to registers.

use super::drafter::Bar;
use super::history::{RegisterHistory, Values};
use crate::model::{
    AccessMode, Block, EnumValue, Form, Item, Register, RegisterMap, Space, SpaceLocation, low_mask,
};
use core::fmt::Write as _;

/// So many neighbours that are treated alike are an array.
const ARRAY: usize = 8;
/// So many are memory: a buffer, a frame buffer, firmware.
const MEMORY: usize = 1024;
/// So few different values, seen so often, may be a choice among them.
const FEW_VALUES: usize = 6;
const OFTEN: u64 = 16;

pub(super) fn space(map: &mut RegisterMap, number: u8, bar: &Bar) {
    let mut items = Vec::new();
    let offsets: Vec<_> = bar.offsets.iter().collect();
    let mut at = 0;
    let mut end = 0;
    while at < offsets.len() {
        let run = run_len(&offsets[at..]);
        let (offset, seen) = offsets[at];
        at += run;
        // Narrower accesses inside a register that is already there are parts of it.
        if *offset < end && run == 1 {
            continue;
        }
        end = offset + u64::from(seen.width.max(1)) * run as u64;
        items.push(if run >= MEMORY {
            let empty = map.add_list(Vec::new());
            let len = u64::from(seen.width.max(1)) * run as u64;
            let name = Some(format!("MEMORY_{offset:X}"));
            let block = Block {
                stride: len,
                reserve: true,
                ..Block::new(name, *offset, empty)
            };
            Item::Block(Block {
                doc: format!("{run} neighbouring accesses alike"),
                ..block
            })
        } else {
            Item::Register(register(*offset, seen, run))
        });
    }
    for (first, last) in page_runs(bar) {
        let empty = map.add_list(Vec::new());
        let block = Block::new(Some(format!("MEMORY_{first:X}")), first, empty);
        if first >= end {
            items.push(Item::Block(Block {
                stride: last - first,
                reserve: true,
                ..block
            }));
            end = last;
        }
    }
    let list = map.add_list(items);
    let space = Space::new(format!("BAR{number}"), SpaceLocation::Bar(number), list);
    map.add_space(Space {
        size: (bar.len > 0).then_some(bar.len),
        ..space
    });
}

/// How many neighbours from the first on are treated alike; 1: it stands alone.
fn run_len(offsets: &[(&u64, &RegisterHistory)]) -> usize {
    let Some((first, like)) = offsets.first() else {
        return 0;
    };
    let stride = u64::from(like.width.max(1));
    let alike = offsets
        .iter()
        .enumerate()
        .take_while(|(index, (offset, seen))| {
            // As distances: a sum could pass the top of the address space.
            **offset - **first == *index as u64 * stride
                && seen.width == like.width
                && (seen.reads, seen.writes) == (like.reads, like.writes)
        });
    let run = alike.count();
    if run >= ARRAY { run } else { 1 }
}

/// Runs of neighbouring pages as first and last byte.
fn page_runs(bar: &Bar) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for page in bar.pages.keys() {
        let start = page << 12;
        match runs.last_mut() {
            Some(last) if last.1 == start => last.1 = start.saturating_add(0x1000),
            _ => runs.push((start, start.saturating_add(0x1000))),
        }
    }
    runs
}

fn register(offset: u64, seen: &RegisterHistory, run: usize) -> Register {
    let width = [1, 2, 4, 8]
        .into_iter()
        .find(|width| *width >= seen.width)
        .unwrap_or(8);
    let access = match (seen.reads, seen.writes) {
        (0, 1..) => AccessMode::Write,
        (1.., 0) => AccessMode::Read,
        _ => AccessMode::ReadWrite,
    };
    let count = run as u64;
    Register {
        count,
        stride: if count > 1 {
            u64::from(seen.width.max(1))
        } else {
            0
        },
        access,
        volatile: seen.changed_by_itself,
        value_type: values(seen).into(),
        doc: description(seen, width),
        ..Register::new(format!("R{offset:04X}"), offset, width)
    }
}

/// A choice among few values, where it looks like one.
fn values(seen: &RegisterHistory) -> Form {
    let used = if seen.writes > 0 {
        &seen.written
    } else {
        &seen.read
    };
    let few = !used.more && (2..=FEW_VALUES).contains(&used.different.len()) && used.count >= OFTEN;
    // Single bits that come and go are flags, not a choice.
    let varying = (used.any & !used.all).count_ones();
    let flags = 1 << varying.min(63) == used.different.len();
    if !few || flags {
        return Form::Hex;
    }
    let mut values = used.different.clone();
    values.sort_unstable();
    Form::Enum(
        values
            .into_iter()
            .map(|value| EnumValue::new(format!("V_{value:X}"), value))
            .collect(),
    )
}

fn description(seen: &RegisterHistory, width: u8) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = write!(text, "{} reads, {} writes", seen.reads, seen.writes);
    let mask = low_mask(u32::from(width) * 8);
    for (what, values) in [("read", &seen.read), ("written", &seen.written)] {
        part(&mut text, what, values, mask);
    }
    if seen.polls.count > 0 {
        let polls = seen.polls;
        let _ = write!(
            text,
            "; polled {} times, at most {} reads",
            polls.count, polls.longest
        );
        if polls.waited_for != 0 {
            let _ = write!(text, ", until bits {:#x} changed", polls.waited_for);
        }
    }
    text
}

fn part(text: &mut String, what: &str, values: &Values, mask: u64) {
    match values.different.as_slice() {
        [] => {}
        [one] => drop(write!(text, "; {what} always {one:#x}")),
        _ => {
            let constant = !(values.any & !values.all) & mask;
            if constant != 0 && constant != mask {
                let _ = write!(
                    text,
                    "; {what} bits {:#x} always set, {:#x} never",
                    values.all,
                    mask & !values.any
                );
            }
            if !values.more {
                let mut values = values.different.clone();
                values.sort_unstable();
                let list: Vec<_> = values.iter().map(|value| format!("{value:#x}")).collect();
                let _ = write!(text, "; {what} values {}", list.join(" "));
            }
        }
    }
}
