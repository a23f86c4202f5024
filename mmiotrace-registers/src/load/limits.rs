//! How large a map may be.
//!
//! The largest real ones (vendor SVD files, rnndb, NVIDIA manuals) have a few ten megabytes and
//! some hundred thousand registers; everything here is far above that.

/// Bytes in one file.
pub(crate) const MAX_TEXT_BYTES: usize = 256 << 20;
/// Warnings that are kept.
pub(crate) const MAX_WARNINGS: usize = 1000;
/// Registers, fields and values together.
pub(crate) const MAX_ITEMS: usize = 4 << 20;
