//! Marks that people and tools put into a capture.

use crate::Timestamp;
use core::fmt;

/// The word that begins the markers by which a trace carries what 20070824 has no column for.
/// Nobody else may write it; see [`Marker::is_reserved`].
pub const RESERVED_MARKER_PREFIX: &[u8] = b"mmiotrace1 ";

/// A mark in the capture, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Marker<'a> {
    /// When it was written.
    pub time: Timestamp,
    /// The text: any bytes, without the newline that ends the record.
    pub text: &'a [u8],
}

/// Why a text cannot be a marker's: written into a trace, it would be read as something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidMarker {
    /// It has a line feed: what follows would be a record of its own.
    LineFeed,
    /// It has a NUL byte: the kernel ends a marker there and prints the next record in the same
    /// line, so what follows would be read as one.
    Nul,
    /// It begins with [`RESERVED_MARKER_PREFIX`].
    Reserved,
}

impl Marker<'_> {
    /// Whether the text begins with the word that is reserved for mmiotrace itself.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.text.starts_with(RESERVED_MARKER_PREFIX)
    }

    /// Whether a person or a tool may write this text as a marker.
    ///
    /// # Errors
    /// If it would be read as more, or as something else, than a marker.
    pub fn check_text(text: &[u8]) -> Result<(), InvalidMarker> {
        if text.starts_with(RESERVED_MARKER_PREFIX) {
            return Err(InvalidMarker::Reserved);
        }
        for byte in text {
            match byte {
                b'\n' => return Err(InvalidMarker::LineFeed),
                0 => return Err(InvalidMarker::Nul),
                _ => {}
            }
        }
        Ok(())
    }
}

impl fmt::Display for InvalidMarker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LineFeed => "a marker has one line",
            Self::Nul => "a marker has no NUL byte",
            Self::Reserved => {
                "a marker does not begin with mmiotrace1, which traces use themselves"
            }
        })
    }
}

impl core::error::Error for InvalidMarker {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marker_texts_that_are_refused() {
        for (text, result) in [
            (&b"the menu is open"[..], Ok(())),
            (b"", Ok(())),
            (b"mmiotrace1", Ok(())),
            (b"\xff\t\x1b", Ok(())),
            (b"mmiotrace1 lost n=1", Err(InvalidMarker::Reserved)),
            (b"a\nW 4 1.0 1 0x0 0x0 0x0 0", Err(InvalidMarker::LineFeed)),
            (b"a\0W 4 1.0 1 0x0 0x0 0x0 0", Err(InvalidMarker::Nul)),
        ] {
            assert_eq!(Marker::check_text(text), result);
        }
    }
}
