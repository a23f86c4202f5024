//! What a trace cannot know, and the signs of it that it holds.

use super::Place;
use core::fmt;
use mmiotrace_core::Value;
use serde::Deserialize;

/// Something that the device may need and that no trace of memory accesses holds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Unknowable {
    /// What kind.
    pub kind: UnknowableKind,
    /// What it means for this plan.
    pub text: String,
    /// The places in the trace that show that it matters here; empty where there is no sign.
    pub evidence: Vec<Evidence>,
    /// How many signs there are: `evidence` holds only the first.
    pub signs: u64,
}

/// A place in the trace that points beyond it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Evidence {
    /// The line.
    pub line: u64,
    /// Where.
    pub place: Option<Place>,
    /// What was read or written.
    pub value: Option<Value>,
}

/// Kinds of what no trace of memory accesses holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum UnknowableKind {
    /// What the device read from and wrote to the memory of the machine.
    HostMemory,
    /// Interrupts, and what they made the driver do when.
    Interrupts,
    /// PCI configuration space: bus mastering, power states, MSI.
    ConfigSpace,
    /// Ports of the device.
    PortIo,
    /// Accesses that the tracer saw and could not decode.
    Undecoded,
    /// Events that were lost while recording.
    Lost,
    /// Accesses in blind intervals, or before the trace began.
    Unseen,
}

impl UnknowableKind {
    /// All kinds, in the order in which a plan lists them.
    pub const ALL: [Self; 7] = [
        Self::HostMemory,
        Self::Interrupts,
        Self::ConfigSpace,
        Self::PortIo,
        Self::Undecoded,
        Self::Lost,
        Self::Unseen,
    ];

    /// Its name in plans.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HostMemory => "host-memory",
            Self::Interrupts => "interrupts",
            Self::ConfigSpace => "config-space",
            Self::PortIo => "port-io",
            Self::Undecoded => "undecoded",
            Self::Lost => "lost",
            Self::Unseen => "unseen",
        }
    }
}

impl fmt::Display for UnknowableKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
