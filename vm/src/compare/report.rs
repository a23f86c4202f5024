//! The outcome of a comparison.

use super::key::Key;
use core::fmt;
use std::collections::BTreeMap;

/// The outcome of a comparison.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Accesses that the devices saw.
    pub(crate) device: usize,
    /// Accesses that the trace has, counted in the pieces that the devices see of them.
    pub(crate) trace: usize,
    /// What the devices saw and the trace has not.
    pub(super) missing: Vec<Key>,
    /// What the trace has and no device saw.
    pub(super) spurious: Vec<Key>,
    /// Accesses whose value the trace does not know.
    pub(crate) unknown_values: usize,
    /// How often, going along the trace, the device's place goes backwards.
    pub(crate) inversions: usize,
    /// Whether the log, with some of its accesses left out, is the trace.
    pub(crate) in_order: bool,
    /// How far the most displaced access is from its position.
    pub(crate) displacement: usize,
    /// How often the log goes from one CPU to another: the measure of contention.
    pub(crate) cpu_switches: usize,
    /// Accesses by QEMU's region.
    pub(crate) regions: BTreeMap<String, usize>,
}

impl Report {
    /// Whether nothing is missing or spurious and the order is the device's.
    pub(crate) fn is_exact(&self) -> bool {
        self.missing.is_empty() && self.spurious.is_empty() && self.inversions == 0
    }

    pub(crate) fn missing(&self) -> usize {
        self.missing.len()
    }

    pub(crate) fn spurious(&self) -> usize {
        self.spurious.len()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "device {} trace {} missing {} spurious {} inversions {} (displacement {}) unknown values {} CPU switches {}",
            self.device,
            self.trace,
            self.missing.len(),
            self.spurious.len(),
            self.inversions,
            self.displacement,
            self.unknown_values,
            self.cpu_switches
        )?;
        for (what, keys) in [("missing", &self.missing), ("spurious", &self.spurious)] {
            for key in keys.iter().take(8) {
                write!(f, "\n  {what}: {key}")?;
            }
        }
        Ok(())
    }
}
