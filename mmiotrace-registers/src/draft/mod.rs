//! A first map of an unknown device, from a trace.

mod build;
mod drafter;
mod seen;

pub use drafter::{Draft, Drafted};
