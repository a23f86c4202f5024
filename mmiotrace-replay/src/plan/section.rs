//! Parts of a plan, each with its own pace.

use super::Step;
use core::fmt;
use core::str::FromStr;

/// A part of a plan: what stands between two markers of the trace.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Section {
    /// Its name: the text of the marker before it.
    pub name: String,
    /// The line of that marker; 0 where there is none.
    pub line: u64,
    /// How fast it goes.
    pub pacing: Pacing,
    /// What it does.
    pub steps: Vec<Step>,
}

impl Section {
    /// A section without steps, at the recorded pace.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            line: 0,
            pacing: Pacing::Recorded,
            steps: Vec::new(),
        }
    }
}

/// How fast a section goes. What one part of a device needs stops another from starting, so each
/// section has its own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Pacing {
    /// Every step as long after the one before as it was recorded.
    #[default]
    Recorded,
    /// The same times this factor.
    Scaled(f64),
    /// Only the pauses that the driver made on purpose.
    Delays,
    /// As fast as possible, pauses left out too.
    None,
}

impl fmt::Display for Pacing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recorded => f.write_str("recorded"),
            Self::Scaled(factor) => write!(f, "scaled {factor}"),
            Self::Delays => f.write_str("delays"),
            Self::None => f.write_str("none"),
        }
    }
}

/// The text names no pacing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no pacing (recorded, scaled FACTOR, delays, none)")]
pub struct UnknownPacing(pub String);

impl FromStr for Pacing {
    type Err = UnknownPacing;

    fn from_str(text: &str) -> Result<Self, UnknownPacing> {
        let unknown = || UnknownPacing(text.to_owned());
        match text {
            "recorded" => Ok(Self::Recorded),
            "delays" => Ok(Self::Delays),
            "none" => Ok(Self::None),
            _ => {
                let factor = text.strip_prefix("scaled ").ok_or_else(unknown)?;
                let factor: f64 = factor.trim().parse().map_err(|_| unknown())?;
                // A negative or endless pace is none.
                if (0.0..=1e6).contains(&factor) {
                    Ok(Self::Scaled(factor))
                } else {
                    Err(unknown())
                }
            }
        }
    }
}
