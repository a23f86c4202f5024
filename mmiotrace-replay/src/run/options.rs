//! How a plan is run.

use super::Breadcrumbs;
use crate::plan::Pacing;
use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::sync::Arc;

/// What to do where a read gives something else than the plan expects, or a wait takes too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnMismatch {
    /// End the run there.
    #[default]
    Stop,
    /// Note it, and go on.
    Continue,
}

/// How a plan is run. The defaults are the careful ones.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct RunOptions {
    /// The pace of all sections, instead of each one's own.
    pub pacing: Option<Pacing>,
    /// What to do at a mismatch.
    pub on_mismatch: OnMismatch,
    /// The step to begin with, counted from 0 over all sections: what came before was done by an
    /// earlier run.
    pub first_step: usize,
    /// How many steps to do at most.
    pub max_steps: Option<usize>,
    /// Whether to go on where the plan says stop. On targets that are no devices a run always
    /// does.
    pub through_stops: bool,
    /// Whether to run although a precondition does not hold. What did not hold is reported.
    pub ignore_preconditions: bool,
    /// The longest that a wait may take, whatever the plan says.
    pub max_timeout: Option<Duration>,
    /// Where to note every step before it is done, so that the last one is known when the machine
    /// freezes.
    pub breadcrumbs: Option<Breadcrumbs>,
    /// Set it from elsewhere, and the run is broken off before the next access.
    pub abort: Option<Arc<AtomicBool>>,
}
