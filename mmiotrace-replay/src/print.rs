//! Steps as text.

use crate::plan::{Action, Place, Plan, Step};
use core::fmt;
use core::time::Duration;
use mmiotrace_core::Width;

/// Names registers, for printing and for exported code. A register map is one implementation.
pub trait PlaceNames {
    /// The name of a register, where it has one.
    fn name(&self, plan: &Plan, place: Place, width: Width) -> Option<String>;
}

/// No register has a name.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoNames;

impl PlaceNames for NoNames {
    fn name(&self, _: &Plan, _: Place, _: Width) -> Option<String> {
        None
    }
}

/// The names that the plan itself has.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlanNames;

impl PlaceNames for PlanNames {
    fn name(&self, plan: &Plan, place: Place, _: Width) -> Option<String> {
        plan.names.get(&place).cloned()
    }
}

impl<N: PlaceNames + ?Sized> PlaceNames for &N {
    fn name(&self, plan: &Plan, place: Place, width: Width) -> Option<String> {
        (**self).name(plan, place, width)
    }
}

/// Writes what a step does, on one line without newline.
///
/// # Errors
/// As `out`.
pub fn step(
    step: &Step,
    plan: &Plan,
    names: &dyn PlaceNames,
    out: &mut dyn fmt::Write,
) -> fmt::Result {
    let at = |place: Place, width: Width| match names.name(plan, place, width) {
        Some(name) => format!("{name} ({})", place.named(&plan.regions)),
        None => place.named(&plan.regions).to_string(),
    };
    match &step.action {
        Action::Write(write) => {
            write!(
                out,
                "write {} {}",
                at(write.place, write.value.width()),
                write.value
            )?;
            width(write.value.width(), out)
        }
        Action::Read(read) => {
            write!(out, "read {}", at(read.place, read.width))?;
            width(read.width, out)?;
            if read.times != 1 {
                write!(out, " {} times", read.times)?;
            }
            match &read.expect {
                Some(expect) if expect.is_exact() => write!(out, ", expect {}", expect.value),
                Some(expect) => write!(out, ", expect {} in bits {}", expect.value, expect.mask),
                None => Ok(()),
            }
        }
        Action::Poll(poll) => {
            write!(
                out,
                "poll {} until {}",
                at(poll.place, poll.width),
                poll.until
            )?;
            width(poll.width, out)?;
            write!(out, ", at most {}", Micros(poll.timeout))
        }
        Action::Upload(transfer) => {
            write!(
                out,
                "upload {} x {} to {}",
                transfer.count,
                transfer.width,
                at(transfer.place, transfer.width)
            )
        }
        Action::Download(transfer) => {
            write!(
                out,
                "download {} x {} from {}",
                transfer.count,
                transfer.width,
                at(transfer.place, transfer.width)
            )
        }
        Action::Fill(fill) => {
            write!(
                out,
                "fill {} x {} from {} on",
                fill.count,
                fill.value,
                at(fill.place, fill.value.width())
            )?;
            width(fill.value.width(), out)
        }
        Action::Delay(time) => write!(out, "delay {}", Micros(*time)),
        Action::Mark(text) => write!(out, "mark {text:?}"),
        Action::Skip(skip) => write!(out, "skip {}: {}", skip.count, skip.why),
        Action::Stop(why) => write!(out, "stop: {why}"),
    }
}

fn width(width: Width, out: &mut dyn fmt::Write) -> fmt::Result {
    if width == Width::W4 {
        Ok(())
    } else {
        write!(out, " ({width} bytes)")
    }
}

struct Micros(Duration);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} us", self.0.as_micros())
    }
}
