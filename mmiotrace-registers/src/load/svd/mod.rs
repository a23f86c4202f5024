//! CMSIS-SVD, over svd-parser.
//!
//! svd-parser reads the elements; arrays stay arrays here, and what is derived is derived here,
//! so that neither a large `dim` nor a circle of `derivedFrom` costs anything.

mod convert;
mod derive;
mod guard;
mod register;

use super::Loaded;
use crate::error::{LoadError, LoadErrorKind, Position};

pub(super) fn load(text: &str, bar: Option<u8>) -> Result<Loaded, LoadError> {
    guard::check(text)?;
    let config = svd_parser::Config::default().validate_level(svd_parser::ValidateLevel::Disabled);
    let device = svd_parser::parse_with_config(text, &config).map_err(|error| {
        // The chain of contexts says in what; the place is in one of them.
        let chain: Vec<_> = error.chain().map(ToString::to_string).collect();
        let load = LoadError::new(LoadErrorKind::Invalid, chain.join(": "));
        match chain.iter().find_map(|part| position(part)) {
            Some(position) => load.at(position),
            None => load,
        }
    })?;
    convert::device(&device, bar)
}

/// The place at the end of `… at LINE:COLUMN`.
fn position(context: &str) -> Option<Position> {
    let (_, place) = context.rsplit_once(" at ")?;
    let (line, column) = place.split_once(':')?;
    Some(Position {
        line: line.parse().ok()?,
        column: column.parse().ok()?,
        byte: 0,
    })
}
