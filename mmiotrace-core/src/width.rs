//! How many bytes an access touches.

use core::fmt;

/// The width of an access in bytes: 1 to 64, and not only powers of two (x87 stores 10 bytes,
/// a masked store any number).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "u8", into = "u8"))]
pub struct Width(u8);

impl Width {
    /// The widest access: one AVX-512 register or one `movdir64b`.
    pub const MAX: Self = Self(64);
    /// One byte.
    pub const W1: Self = Self(1);
    /// Two bytes.
    pub const W2: Self = Self(2);
    /// Four bytes.
    pub const W4: Self = Self(4);
    /// Eight bytes.
    pub const W8: Self = Self(8);

    /// A width of `bytes`, or `None` outside 1..=64.
    #[must_use]
    #[inline]
    pub const fn from_bytes(bytes: u8) -> Option<Self> {
        if bytes >= 1 && bytes <= 64 {
            Some(Self(bytes))
        } else {
            None
        }
    }

    /// The number of bytes, 1 to 64.
    #[must_use]
    #[inline]
    pub const fn bytes(self) -> u8 {
        self.0
    }

    /// The number of bytes as an index.
    #[must_use]
    #[inline]
    pub const fn as_usize(self) -> usize {
        self.0 as usize
    }

    /// The largest number that fits, where the width is at most 8 bytes.
    #[must_use]
    #[inline]
    pub const fn max_u64(self) -> Option<u64> {
        match self.0 {
            1..=8 => Some(u64::MAX >> (64 - 8 * self.0 as u32)),
            _ => None,
        }
    }
}

/// The number given is no width of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidWidth(pub u8);

impl fmt::Display for InvalidWidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "width {} is not between 1 and 64 bytes", self.0)
    }
}

impl core::error::Error for InvalidWidth {}

impl TryFrom<u8> for Width {
    type Error = InvalidWidth;

    fn try_from(bytes: u8) -> Result<Self, InvalidWidth> {
        Self::from_bytes(bytes).ok_or(InvalidWidth(bytes))
    }
}

impl From<Width> for u8 {
    fn from(width: Width) -> Self {
        width.0
    }
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        assert_eq!(Width::from_bytes(0), None);
        assert_eq!(Width::from_bytes(65), None);
        assert_eq!(Width::W4.max_u64(), Some(0xffff_ffff));
        assert_eq!(Width::W8.max_u64(), Some(u64::MAX));
        assert_eq!(Width::MAX.max_u64(), None);
    }
}
