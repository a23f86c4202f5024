//! Blocks of the recorded traces: nothing lost, and the drivers' waits found.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cases;
mod conditions;
#[path = "../support/fixtures.rs"]
mod fixtures;
mod lossless;
mod synthetic;
