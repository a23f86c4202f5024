//! Runs of plans.

mod bisect;
mod breadcrumbs;
mod observer;
mod options;
mod outcome;
mod report;
mod runner;
mod step;

pub use bisect::{Bisect, BisectState, RunVerdict};
pub use breadcrumbs::{Breadcrumbs, LastCrumb};
pub use observer::{Decision, Observer, Silent, StepView};
pub use options::{OnMismatch, RunOptions};
pub use outcome::{Divergence, Outcome, SkipReason, Timeout};
pub use report::{Ending, RegisterReport, Report};
pub use runner::Runner;
