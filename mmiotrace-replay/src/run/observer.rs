//! Watching a run, and steering it.

use super::Outcome;
use crate::plan::{Plan, Section, Step};

/// A step that is about to be done, or was.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct StepView<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The section.
    pub section: &'a Section,
    /// The step.
    pub step: &'a Step,
    /// Its number, counted from 0 over all sections.
    pub index: usize,
}

/// Whether to do a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// Do it.
    #[default]
    Do,
    /// Leave it out.
    Skip,
    /// Break the run off.
    Abort,
}

/// Is shown every step before and after it is done.
pub trait Observer {
    /// A step is about to be done.
    fn before(&mut self, step: StepView<'_>) -> Decision {
        let _ = step;
        Decision::Do
    }

    /// A step was done.
    fn after(&mut self, step: StepView<'_>, outcome: &Outcome) {
        let _ = (step, outcome);
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}

impl<O: Observer + ?Sized> Observer for &mut O {
    fn before(&mut self, step: StepView<'_>) -> Decision {
        (**self).before(step)
    }
    fn after(&mut self, step: StepView<'_>, outcome: &Outcome) {
        (**self).after(step, outcome);
    }
}
