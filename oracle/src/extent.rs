//! Where an operand begins and ends: slid against pages that are not there.

use crate::aim::Aim;
use crate::kinds::in_region;
use crate::machine::End;
use crate::place::{EDGE, PAGE, PAGES, Protection};
use crate::report::{Category, Report};
use crate::trial::{Bench, Setup, Trial};

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
    let region = bench.place.regions()[which];
    let own = trial.own_aim(number);
    let setup = trial.setup(bench, number, None);
    let hull = |setup: &Setup, conditional: bool| {
        let ends = in_region(setup, region)
            .filter(|access| conditional || !access.conditional)
            .map(|access| {
                (
                    access.address.0,
                    access.address.0 + u64::from(access.width.bytes()),
                )
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
    let edge = region.base + EDGE;
    let half = EDGE / PAGE;
    // Above: the last byte is just there, then one byte is missing. Below the same.
    let shifts = [
        (true, 0, false),
        (true, 1, true),
        (false, 0, false),
        (false, -1, true),
    ];
    for (above, past, must_fault) in shifts {
        let (low, high) = if must_fault { sure } else { most };
        let by = edge
            .wrapping_sub(if above { high } else { low })
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
        let there =
            hull(&moved, !must_fault) == Some((low.wrapping_add(by), high.wrapping_add(by)));
        if !there || !moved.is_inside(&bench.place) {
            report.not_slid += 1;
            continue;
        }
        let (first, count) = if above {
            (half, PAGES - half)
        } else {
            (0, half)
        };
        region.protect_pages(first, count, Protection::None);
        let outcome = trial.run(bench, &moved).end;
        region.protect(Protection::ReadWrite);
        let faulted = match outcome {
            End::PageFault { address, .. } if region.contains(address, 1) => true,
            End::Done => false,
            // Alignment: the CPU looks at that first.
            _ => continue,
        };
        report.checks += 1;
        if faulted != must_fault {
            let side = if above { "above" } else { "below" };
            report.problem(
                Category::Extent,
                format!("{past} bytes past the edge {side}: {outcome:?}, extent {low:#x}..{high:#x} says otherwise"),
            );
        }
    }
}
