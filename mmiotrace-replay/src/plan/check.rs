//! What must be right with a plan before it is run, or written as code.

use super::{Action, MAX_STEP_ACCESSES, Place, Plan, Points, Region, SideFiles, Step, Write};
use core::fmt;
use mmiotrace_core::{Marker, PhysAddr, Value, Width};

/// What is wrong with a plan, or with the files beside it: [`Plan::check`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct PlanFault {
    place: String,
    what: String,
}

impl PlanFault {
    /// The place in the plan: a step by the line of the trace that it comes from, or a section.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What is wrong there.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    fn new(place: impl fmt::Display, what: impl fmt::Display) -> Self {
        Self {
            place: place.to_string(),
            what: what.to_string(),
        }
    }
}

impl Plan {
    /// Whether the plan can be run with these side files: every access lies in its region, every
    /// step ends, every transfer has its bytes, and no mark would be read as something else.
    ///
    /// # Errors
    /// The first step or section of which that is not so.
    pub fn check(&self, files: &SideFiles) -> Result<(), PlanFault> {
        for section in &self.sections {
            Marker::check_text(section.name.as_bytes()).map_err(|error| {
                PlanFault::new(format_args!("section {:?}", section.name), error)
            })?;
        }
        for step in self.steps().map(|(_, step)| step).chain(&self.on_abort) {
            self.check_step(step, files).map_err(|what| {
                PlanFault::new(format_args!("step from line {}", step.line), what)
            })?;
        }
        for read in &self.preconditions {
            if inside(self, read.place, read.width).is_none() {
                return Err(PlanFault::new("precondition", outside(self, read.place)));
            }
        }
        Ok(())
    }

    fn check_step(&self, step: &Step, files: &SideFiles) -> Result<(), String> {
        let accesses = step.accesses();
        if accesses > MAX_STEP_ACCESSES {
            return Err(format!(
                "{accesses} accesses (a step makes at most {MAX_STEP_ACCESSES})"
            ));
        }
        if let Some((first, last, width)) = span(step) {
            inside(self, first, width)
                .and_then(|()| inside(self, last?, width))
                .ok_or_else(|| outside(self, first))?;
        }
        match &step.action {
            Action::Upload(transfer) | Action::Download(transfer) => {
                let last = transfer.count.saturating_sub(1);
                if transfer.count > 0 && files.value(transfer, last).is_none() {
                    let file = &transfer.file;
                    return Err(format!("the side file {file:?} is missing or too short"));
                }
            }
            Action::Mark(text) => {
                Marker::check_text(text.as_bytes()).map_err(|error| error.to_string())?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn outside(plan: &Plan, place: Place) -> String {
    let len = plan
        .region(place.region)
        .map_or(0, |region: &Region| region.len);
    format!(
        "{} does not lie in its region, all of it ({len:#x} bytes)",
        place.named(&plan.regions)
    )
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
pub(crate) fn moved(write: &Write, plan: &Plan, bases: &[PhysAddr]) -> Option<Value> {
    match write.points {
        Some(Points::Region(id)) => {
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
