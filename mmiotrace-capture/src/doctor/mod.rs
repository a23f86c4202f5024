//! What each backend needs on this machine, what is missing, and what mends it.
//!
//! ```
//! use mmiotrace_capture::doctor::{Backend, Question, Status, examine};
//! use mmiotrace_capture::machine::Root;
//!
//! let diagnosis = examine(&Root::system(), &Question::default());
//! for check in diagnosis.checks.iter().filter(|check| check.status == Status::Missing) {
//!     println!("{}: {} ({})", check.backend, check.found, check.mend.as_deref().unwrap_or(""));
//! }
//! println!("tracefs usable: {}", diagnosis.is_usable(Backend::Tracefs));
//! ```

mod check;
mod kmod;
mod process;
mod shared;
mod tracefs;

use crate::machine::{PciAddress, Root};
use std::path::PathBuf;

pub use check::{Backend, Check, Status};

/// What is asked beyond the machine itself.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Question {
    /// A driver that is to be traced.
    pub driver: Option<String>,
    /// A PCI device that is to be traced.
    pub device: Option<PciAddress>,
    /// The file of the command, beside which the preloaded library is looked for.
    pub executable: Option<PathBuf>,
}

/// All that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Diagnosis {
    /// The checks, by backend.
    pub checks: Vec<Check>,
}

impl Diagnosis {
    /// Whether nothing that a backend needs is missing.
    #[must_use]
    pub fn is_usable(&self, backend: Backend) -> bool {
        self.of(backend)
            .all(|check| check.status != Status::Missing)
    }

    /// The checks of one backend.
    pub fn of(&self, backend: Backend) -> impl Iterator<Item = &Check> {
        self.checks
            .iter()
            .filter(move |check| check.backend == backend)
    }
}

/// Looks at a machine. Changes nothing.
#[must_use]
pub fn examine(root: &Root, question: &Question) -> Diagnosis {
    let mut checks = process::examine(root, question);
    checks.extend(kmod::examine(root, question));
    checks.extend(tracefs::examine(root, question));
    Diagnosis { checks }
}
