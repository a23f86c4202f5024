//! Devices that fail.

use super::super::dry::zero;
use crate::plan::all_ones;
use mmiotrace_core::{PhysAddr, Value, Width};

/// How a device fails, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// When.
    pub trigger: Trigger,
    /// How.
    pub effect: Effect,
}

impl Fault {
    /// A fault.
    #[must_use]
    pub const fn new(trigger: Trigger, effect: Effect) -> Self {
        Self { trigger, effect }
    }
}

/// When a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trigger {
    /// After so many accesses.
    Accesses(u64),
    /// When this value is written there. The write is not done.
    Write(PhysAddr, Value),
    /// When this is written for the so-manieth time, counted from 1, whatever the value.
    NthWrite(PhysAddr, u64),
}

/// What a fault does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Writes do nothing any more, and reads give 0.
    Dead,
    /// Every bit reads as 1, as of a device that was removed.
    Removed,
    /// No access ends any more.
    Frozen,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    list: Vec<(Fault, u64)>,
    accesses: u64,
    struck: Option<Effect>,
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.list.push((fault, 0));
    }

    pub(super) const fn has_struck(&self) -> bool {
        self.struck.is_some()
    }

    /// What a read gives instead, where the device has failed.
    pub(super) fn on_read(&mut self, width: Width) -> Option<Value> {
        self.count(None);
        match self.struck? {
            Effect::Dead => Some(zero(width)),
            Effect::Removed => Some(all_ones(width)),
            Effect::Frozen => freeze(),
        }
    }

    /// Whether a write is lost.
    pub(super) fn on_write(&mut self, phys: PhysAddr, value: &Value) -> bool {
        self.count(Some((phys, value)));
        match self.struck {
            None => false,
            Some(Effect::Dead | Effect::Removed) => true,
            Some(Effect::Frozen) => freeze(),
        }
    }

    fn count(&mut self, written: Option<(PhysAddr, &Value)>) {
        if self.list.is_empty() || self.struck.is_some() {
            return;
        }
        self.accesses += 1;
        for (fault, count) in &mut self.list {
            let strikes = match fault.trigger {
                Trigger::Accesses(accesses) => self.accesses > accesses,
                Trigger::Write(phys, value) => written == Some((phys, &value)),
                Trigger::NthWrite(phys, nth) => {
                    *count += u64::from(written.is_some_and(|written| written.0 == phys));
                    *count == nth
                }
            };
            if strikes {
                self.struck = Some(fault.effect);
                return;
            }
        }
    }
}

/// Never returns: whoever runs this on a thread of its own may give up waiting.
fn freeze() -> ! {
    loop {
        std::thread::park();
    }
}
