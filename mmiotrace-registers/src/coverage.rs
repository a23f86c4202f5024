//! How many of a trace's accesses have a name.

use crate::name::{Named, Namer};
use std::collections::BTreeMap;

/// How many accesses have a name: of a whole trace and of each device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Coverage {
    /// The accesses, those that could not be decoded included.
    pub accesses: u64,
    /// Those with a name for all their bytes.
    pub named: u64,
    /// Those whose name rests on something that was not seen.
    pub inferred: u64,
    /// The same for each device; the empty name: accesses that belong to no known device.
    pub devices: BTreeMap<String, DeviceCoverage>,
}

/// How many accesses of a device have a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DeviceCoverage {
    /// The map's name; empty where there is none.
    pub map: String,
    /// The accesses.
    pub accesses: u64,
    /// Those with a name for all their bytes.
    pub named: u64,
    /// BAR and offset of unnamed accesses with their counts; at most 1,000 are kept.
    pub unnamed: BTreeMap<(u8, u64), u64>,
}

/// How many unnamed offsets are kept.
const MAX_UNNAMED: usize = 1000;

impl Coverage {
    /// Counts nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts an access.
    pub fn add(&mut self, named: &Named<'_>) {
        let is_named = named.name().is_some() && named.parts().all(|part| part.name.is_some());
        let label = named
            .device_facts()
            .map_or_else(String::new, |device| device.address.to_string());
        let device = self.devices.entry(label).or_default();
        self.accesses += 1;
        device.accesses += 1;
        if device.map.is_empty() {
            device.map = named
                .map()
                .map_or_else(String::new, |map| map.map().name.clone());
        }
        if is_named {
            self.named += 1;
            self.inferred += u64::from(!named.inference().is_none());
            device.named += 1;
        } else if let (Some(bar), Some(offset)) = (named.bar(), named.offset())
            && (device.unnamed.len() < MAX_UNNAMED || device.unnamed.contains_key(&(bar, offset)))
        {
            *device.unnamed.entry((bar, offset)).or_default() += 1;
        }
    }

    /// Named accesses of all, from 0 to 1; 1 where there are none.
    #[must_use]
    pub fn share(&self) -> f64 {
        share(self.named, self.accesses)
    }
}

impl DeviceCoverage {
    /// Named accesses of all, from 0 to 1; 1 where there are none.
    #[must_use]
    pub fn share(&self) -> f64 {
        share(self.named, self.accesses)
    }
}

impl Namer {
    /// Names an event and counts it.
    pub fn cover(&mut self, event: &mmiotrace_core::Event, coverage: &mut Coverage) {
        if let Some(named) = self.event(event) {
            coverage.add(&named);
        }
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}
