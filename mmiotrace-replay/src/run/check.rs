//! What must be right with a plan before it is run.

use crate::plan::{Action, Place, Plan, SideFiles, Step, Write};
use mmiotrace_core::Width;

/// Says what is wrong, where something is.
pub(super) fn plan(plan: &Plan, files: &SideFiles) -> Result<(), String> {
    let steps = plan.steps().map(|(_, step)| step).chain(&plan.on_abort);
    for step in steps {
        let at = |what: &str| format!("step from line {}: {what}", step.line);
        if let Some((first, last, width)) = span(step) {
            inside(plan, first, width)
                .and_then(|()| inside(plan, last?, width))
                .ok_or_else(|| {
                    at(&format!(
                        "{} lies outside of its region",
                        first.named(&plan.regions)
                    ))
                })?;
        }
        if let Action::Upload(transfer) | Action::Download(transfer) = &step.action {
            let last = transfer.count.saturating_sub(1);
            if transfer.count > 0 && files.value(transfer, last).is_none() {
                return Err(at(&format!(
                    "the side file {:?} is missing or too short",
                    transfer.file
                )));
            }
        }
    }
    for read in &plan.preconditions {
        if inside(plan, read.place, read.width).is_none() {
            return Err(format!(
                "precondition: {} lies outside of its region",
                read.place.named(&plan.regions)
            ));
        }
    }
    Ok(())
}

/// The first and the last place of a step, with its width.
fn span(step: &Step) -> Option<(Place, Option<Place>, Width)> {
    let (first, width) = step.place()?;
    let steps = i64::try_from(step.accesses().saturating_sub(1)).ok();
    let last = steps
        .and_then(|steps| step.stride().checked_mul(steps))
        .and_then(|by| first.checked_add(by));
    Some((first, last, width))
}

fn inside(plan: &Plan, place: Place, width: Width) -> Option<()> {
    let region = plan.region(place.region)?;
    (place.offset.checked_add(u64::from(width.bytes()))? <= region.len).then_some(())
}

/// Whether the plan forbids any access of a step.
pub(crate) fn is_forbidden(plan: &Plan, step: &Step) -> bool {
    let Some((first, last, width)) = span(step) else {
        return false;
    };
    let last = last.unwrap_or(first);
    let (low, high) = if first <= last {
        (first, last)
    } else {
        (last, first)
    };
    // A long step between two forbidden places is not done in part: rather not at all.
    plan.forbidden.iter().any(|forbidden| {
        forbidden.place.region == low.region
            && low.offset < forbidden.place.offset.saturating_add(forbidden.len)
            && forbidden.place.offset < high.offset.saturating_add(u64::from(width.bytes()))
    })
}

/// The value to write, with addresses of regions moved to where those lie now.
pub(super) fn moved(
    write: &Write,
    plan: &Plan,
    bases: &[mmiotrace_core::PhysAddr],
) -> Option<mmiotrace_core::Value> {
    match write.points {
        Some(crate::plan::Points::Region(id)) => {
            let recorded = plan.region(id)?.recorded_base;
            let now = *bases.get(usize::from(id.0))?;
            if recorded == now {
                Some(write.value)
            } else {
                write.relocated(recorded, now)
            }
        }
        _ => Some(write.value),
    }
}
