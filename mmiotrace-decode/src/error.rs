//! Why bytes are no instruction.

/// Why bytes could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end before the instruction does.
    #[error("the instruction needs more than the {have} bytes given")]
    Truncated {
        /// How many bytes there were.
        have: usize,
    },
    /// No instruction of 64-bit mode begins with these bytes, or the instruction would be longer
    /// than 15 bytes.
    #[error("the bytes are no instruction in 64-bit mode")]
    Invalid,
}
