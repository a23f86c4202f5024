//! Plans, runs, models and targets, on the recorded traces.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accesses;
mod bisect;
#[path = "../../../mmiotrace-analysis/tests/support/fixtures.rs"]
mod fixtures;
mod limits;
mod model;
mod pci;
mod plan;
mod refusals;
