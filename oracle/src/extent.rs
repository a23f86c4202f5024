//! Where an operand begins and ends: slid against pages that are not there.

use crate::aim::Aim;
use crate::kinds::in_region;
use crate::machine::End;
use crate::mappings::{EDGE, PAGE, PAGES, Protection, Region};
use crate::report::{Category, Report};
use crate::trial::{Bench, Setup, Trial};
use mmiotrace_core::AccessKind;

/// Stores that may want all bytes of their operand to be there, whatever the mask: `maskmovdqu` (which
/// bytes fault is "implementation-specific": Intel SDM volume 2) and `vextract` (exception class
/// E6NF). Only a full mask tells.
fn wants_all_bytes(iced: &iced_x86::Instruction) -> bool {
    use iced_x86::Mnemonic::*;
    matches!(
        iced.mnemonic(),
        Maskmovq
            | Maskmovdqu
            | Vmaskmovdqu
            | Vextractf32x4
            | Vextractf32x8
            | Vextractf64x2
            | Vextractf64x4
            | Vextracti32x4
            | Vextracti32x8
            | Vextracti64x2
            | Vextracti64x4
    )
}

/// Where all bytes of such an operand are.
fn whole(trial: &Trial<'_>, setup: &Setup) -> (u64, u64) {
    let start = trial
        .instruction
        .address(&setup.state.registers)
        .map_or(0, |address| address.0);
    let len = match trial.iced.memory_size().size() {
        // `maskmovdqu` names no operand.
        0 => trial.iced.op1_register().size(),
        len => len,
    };
    (start, start + len as u64)
}

/// Slides the operand against a page that is not there, from below and from above.
pub(crate) fn extent(
    trial: &Trial<'_>,
    bench: &Bench,
    number: u64,
    which: usize,
    report: &mut Report,
) {
    let region = bench.mappings.regions()[which];
    let own = trial.own_aim(number);
    let setup = trial.setup(bench, number, None);
    let hull = |setup: &Setup, conditional: bool| {
        let ends = in_region(setup, region)
            .filter(|access| conditional || !access.conditional)
            .map(|access| {
                let start = access.address.0;
                let end = start + u64::from(access.width.bytes());
                let least = u64::from(access.least.bytes());
                match access.kind {
                    _ if conditional => (start, end),
                    AccessKind::Read => (start, start + least),
                    AccessKind::Write => (end - least, end),
                }
            });
        ends.reduce(|(low, high), (start, end)| (low.min(start), high.max(end)))
    };
    // What is accessed for sure must fault; what may be is what may fault.
    let (Some(sure), Some(most)) = (hull(&setup, false), hull(&setup, true)) else {
        return;
    };
    if wants_all_bytes(&trial.iced) && sure != whole(trial, &setup) {
        report.not_slid += 1;
        return;
    }
    let slide = |ends: (u64, u64), above: bool, past: i64, sure: bool| {
        let by = (region.base + EDGE)
            .wrapping_sub(if above { ends.1 } else { ends.0 })
            .wrapping_add_signed(past);
        let aim = if which == 0 {
            Aim {
                operand: own.operand.wrapping_add(by),
                ..own
            }
        } else {
            Aim {
                other: own.other.wrapping_add(by),
                ..own
            }
        };
        let moved = trial.setup(bench, number, Some(aim));
        let there = hull(&moved, !sure) == Some((ends.0.wrapping_add(by), ends.1.wrapping_add(by)));
        if !there || !moved.is_inside(&bench.mappings) {
            return Slid::NotThere;
        }
        run_at_edge(trial, bench, region, &moved, above)
    };
    // Above: the last byte is just there, then one byte is missing. Below the same.
    let shifts = [
        (true, 0, false),
        (true, 1, true),
        (false, 0, false),
        (false, -1, true),
    ];
    for (above, past, must_fault) in shifts {
        let ends = if must_fault { sure } else { most };
        let (faulted, end) = match slide(ends, above, past, must_fault) {
            Slid::NotThere => {
                report.not_slid += 1;
                continue;
            }
            Slid::OtherException => continue,
            Slid::Ran { faulted, end } => (faulted, end),
        };
        report.checks += 1;
        if faulted != must_fault {
            let found = measure(ends, above, faulted, |past| {
                slide(ends, above, past, must_fault)
            });
            let (side, (low, high)) = (if above { "above" } else { "below" }, ends);
            report.problem(
                Category::Extent,
                format!(
                    "{past} bytes past the edge {side}: {end:?}, extent {low:#x}..{high:#x} says otherwise; \
                     measured {found}, decoder {} bytes",
                    high - low
                ),
            );
        }
    }
}

/// What came of an operand at the edge.
enum Slid {
    /// No registers put it there.
    NotThere,
    /// Alignment: the CPU looks at that first.
    OtherException,
    Ran {
        faulted: bool,
        end: End,
    },
}

/// Runs with the half of the region missing that is above or below its edge.
fn run_at_edge(
    trial: &Trial<'_>,
    bench: &Bench,
    region: &Region,
    setup: &Setup,
    above: bool,
) -> Slid {
    let half = EDGE / PAGE;
    let (first, count) = if above {
        (half, PAGES - half)
    } else {
        (0, half)
    };
    region.protect_pages(first, count, Protection::None);
    let end = trial.run(bench, setup).end;
    region.protect(Protection::ReadWrite);
    match end {
        End::PageFault { address, .. } if region.contains(address, 1) => {
            Slid::Ran { faulted: true, end }
        }
        End::Done => Slid::Ran {
            faulted: false,
            end,
        },
        _ => Slid::OtherException,
    }
}

/// How many bytes the CPU accesses, found by sliding on: further past the edge where it has accessed
/// fewer than the decoder says, back from it where more.
fn measure(ends: (u64, u64), above: bool, faulted: bool, slide: impl Fn(i64) -> Slid) -> String {
    let said = (ends.1 - ends.0) as i64;
    let faults = |past: i64| match slide(if above { past } else { -past }) {
        Slid::Ran { faulted, .. } => Some(faulted),
        _ => None,
    };
    // The number of the operand's bytes past the edge at which it first faults.
    let first = if faulted {
        (-64..0)
            .rev()
            .find(|past| faults(*past) == Some(false))
            .map(|past| past + 1)
    } else {
        (2..=said).find(|past| faults(*past) == Some(true))
    };
    match first {
        Some(past) => format!("{} bytes", said - past + 1),
        None if faulted => format!("more than {said} bytes"),
        None => "none at this end".to_owned(),
    }
}
