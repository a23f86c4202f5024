//! Our own format. Its description is `docs/register-map.md`.

mod item;
mod map;
mod reference;
mod space;
mod table;
mod value_type;
mod write;

use crate::error::{LoadError, LoadErrorKind, Position};
use crate::model::RegisterMap;
use ::toml::de::DeTable;

impl RegisterMap {
    /// Reads a map in the TOML form, which `docs/register-map.md` describes.
    ///
    /// The map is checked as [`compile`](Self::compile) checks it, and no two registers of a
    /// space may overlap.
    ///
    /// # Errors
    /// With line and column, where the text is no TOML, a key is not known, a name refers to
    /// nothing, or registers overlap.
    pub fn from_toml(text: &str) -> Result<Self, LoadError> {
        if text.len() > super::MAX_TEXT_BYTES {
            return Err(LoadError::new(
                LoadErrorKind::TooLarge,
                "the text is too large for a map",
            ));
        }
        let root = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            LoadError::new(LoadErrorKind::Syntax, error.message()).at(Position::of_byte(text, at))
        })?;
        map::read(text, &root)
    }

    /// The map in the TOML form. Read back, it is the same map, but for lists and types that
    /// nothing uses.
    #[must_use]
    pub fn to_toml(&self) -> String {
        write::map(self)
    }
}
