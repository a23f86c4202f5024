//! A first map of an unknown device, from a trace.

mod build;
mod drafter;
mod history;

pub use drafter::{Draft, Drafted};
