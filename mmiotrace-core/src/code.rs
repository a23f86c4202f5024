//! The bytes of an instruction.

use core::fmt;

/// The first bytes of an instruction, 0 to 15 of them (Intel SDM volume 2, section 2.3.11: no
/// instruction is longer than 15 bytes). The kernel's `UNKNOWN` records carry three.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Code {
    // INVARIANT: bytes at and above `len` are zero.
    bytes: [u8; 15],
    len: u8,
}

impl Code {
    /// No bytes known.
    pub const EMPTY: Self = Self {
        bytes: [0; 15],
        len: 0,
    };

    /// The first 15 of `bytes`.
    #[must_use]
    pub fn from_prefix(bytes: &[u8]) -> Self {
        let mut code = Self::EMPTY;
        for (to, from) in code.bytes.iter_mut().zip(bytes) {
            *to = *from;
            code.len += 1;
        }
        code
    }

    /// The bytes in the order of execution.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len.min(15))]
    }

    /// Whether no byte is known.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl fmt::LowerHex for Code {
    /// Two digits a byte, in the order of execution, no separator.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({self:x})")
    }
}
