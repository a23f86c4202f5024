//! Exported code, compiled and run on the model: it does what the plan does.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../replay/accesses.rs"]
mod accesses;
#[path = "../../../mmiotrace-analysis/tests/support/fixtures.rs"]
mod fixtures;
mod harness;
mod hostile;
mod programs;
