//! No device at all.

use super::Target;
use crate::plan::{Action, Device, Place, Plan, Read, Region, RegionId, SideFiles};
use core::convert::Infallible;
use core::time::Duration;
use mmiotrace_core::{PhysAddr, Value, Width};
use std::collections::{HashMap, VecDeque};

/// What a register reads, so many times.
type Answer = (Option<Value>, u64);

/// Touches nothing. Reads give what the plan expects, waits are over at once, and time passes
/// only on its own clock: a run on it shows what a run would do.
#[derive(Clone, Debug)]
pub struct DryTarget {
    answers: HashMap<(Place, Width), VecDeque<Answer>>,
    clock: Duration,
}

impl DryTarget {
    /// A target that answers as this plan expects.
    #[must_use]
    pub fn new(plan: &Plan, files: &SideFiles) -> Self {
        let mut dry = Self {
            answers: HashMap::new(),
            clock: Duration::ZERO,
        };
        for read in &plan.preconditions {
            dry.add_read(read);
        }
        for (_, step) in plan.steps() {
            match &step.action {
                Action::Read(read) => dry.add_read(read),
                Action::Poll(poll) => {
                    let seen = poll.expect.as_ref().map(|expect| expect.value);
                    let met = seen.or_else(|| Value::from_u64(poll.until.value, poll.width));
                    let (value, count) = if poll.timed_out {
                        (seen, poll.reads)
                    } else {
                        (met, 1)
                    };
                    dry.add(poll.place, poll.width, value, count);
                }
                Action::Download(transfer) => {
                    let mut place = Some(transfer.place);
                    for index in 0..transfer.count {
                        // A file that is too short is refused when the plan is run.
                        let value = files.value(transfer, index);
                        let (Some(at), Some(_)) = (place, value) else {
                            break;
                        };
                        dry.add(at, transfer.width, value, 1);
                        place = at.checked_add(transfer.stride);
                    }
                }
                _ => {}
            }
        }
        dry
    }

    fn add_read(&mut self, read: &Read) {
        let value = read.expect.as_ref().map(|expect| expect.value);
        self.add(read.place, read.width, value, read.times);
    }

    fn add(&mut self, place: Place, width: Width, value: Option<Value>, count: u64) {
        self.answers
            .entry((place, width))
            .or_default()
            .push_back((value, count));
    }
}

impl Target for DryTarget {
    type Error = Infallible;

    fn open(
        &mut self,
        _: Option<&Device>,
        _: RegionId,
        region: &Region,
    ) -> Result<PhysAddr, Infallible> {
        Ok(region.recorded_base)
    }

    fn read(&mut self, at: Place, width: Width) -> Result<Value, Infallible> {
        let Some(queue) = self.answers.get_mut(&(at, width)) else {
            return Ok(zero(width));
        };
        let value = queue.front().and_then(|(value, _)| *value);
        let last = queue.len() == 1;
        if let Some((_, count)) = queue.front_mut() {
            *count = count.saturating_sub(1);
            // The last answer stays.
            if *count == 0 && !last {
                queue.pop_front();
            }
        }
        Ok(value.unwrap_or_else(|| zero(width)))
    }

    fn write(&mut self, _: Place, _: &Value) -> Result<(), Infallible> {
        Ok(())
    }

    fn delay(&mut self, time: Duration) {
        self.clock = self.clock.saturating_add(time);
    }

    fn clock(&self) -> Option<Duration> {
        Some(self.clock)
    }

    fn is_real(&self) -> bool {
        false
    }
}

/// Zero, of that width.
pub(crate) fn zero(width: Width) -> Value {
    match Value::from_le_bytes([0; 64].get(..width.as_usize()).unwrap_or(&[0])) {
        Some(value) => value,
        // A width is 1 to 64.
        None => unreachable!(),
    }
}
