//! Exported code, compiled and run on the model: it does what the plan does.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../replay/fixtures.rs"]
#[allow(dead_code, reason = "shared with the other tests")]
mod fixtures;
mod harness;
mod programs;
