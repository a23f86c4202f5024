//! C headers, as drivers have them: what their constants say about registers.
//!
//! A header does not say what its constants mean. How they are written does, mostly: offsets are
//! short hexadecimal numbers, bits are shifts, masks, full-width numbers or indented below their
//! register; NVIDIA's manuals and AMD's generated headers have conventions of their own that
//! leave no doubt. `docs/register-map.md` lists the rules.

mod amd;
mod build;
mod classify;
mod constants;
mod eval;
mod expression;
mod nvidia;
mod rggen;
mod rnn;
mod source;
mod structs;

use super::Loaded;
use crate::error::{LoadError, LoadErrorKind, Warning};
pub use constants::{HeaderConstant, HeaderValue};

pub(super) fn load(text: &str, name: &str, bar: u8) -> Result<Loaded, LoadError> {
    let source = source::Source::read(text)?;
    let mut left_out = classify::LeftOut::default();
    let found = if nvidia::is_manual(&source) {
        nvidia::registers(&source)
    } else if amd::is_asic_header(&source) {
        amd::registers(&source)
    } else if rggen::is_generated(&source) {
        rggen::registers(&source)
    } else if rnn::is_generated(&source) {
        rnn::registers(&source)
    } else {
        let found;
        (found, left_out) = classify::registers(&source);
        found
    };
    if found.registers.is_empty() && source.structs.is_empty() {
        return Err(LoadError::new(
            LoadErrorKind::Missing,
            "no constant here looks like a register",
        ));
    }
    let mut loaded = build::map(found, &source, name, bar);
    let told = left_out.told();
    loaded.warnings.extend(told.into_iter().map(Warning::new));
    Ok(loaded)
}

/// The constants of a C header: names with their values or, for macros with arguments, what they
/// give for small arguments; enum constants; the members of structures as `struct.member`.
///
/// # Errors
/// Where the text is too large.
pub fn header_constants(text: &str) -> Result<Vec<HeaderConstant>, LoadError> {
    Ok(constants::all(&source::Source::read(text)?))
}
