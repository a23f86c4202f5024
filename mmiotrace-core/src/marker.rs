//! Marks that people and tools put into a capture.

use crate::Timestamp;

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

impl Marker<'_> {
    /// Whether the text begins with the word that is reserved for mmiotrace itself.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.text.starts_with(RESERVED_MARKER_PREFIX)
    }
}
