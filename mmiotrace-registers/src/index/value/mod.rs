//! Taking values apart: bit fields, enum values, numbers in their form.

mod fields;
mod float;
mod program;
mod render;

pub use fields::{FieldValue, Fields, Known};
pub(crate) use program::{Program, Programs};
