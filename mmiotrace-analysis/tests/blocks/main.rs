//! Blocks of the recorded traces: nothing lost, and the drivers' waits found.

mod conditions;
mod fixtures;
mod lossless;
mod synthetic;
