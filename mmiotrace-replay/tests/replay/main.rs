//! Plans, runs, models and targets, on the recorded traces.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bisect;
mod fixtures;
mod model;
mod pci;
mod plan;
mod refusals;
