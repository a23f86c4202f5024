//! The bytes that an access moved.

use crate::Width;
use core::fmt;

/// The bytes that an access moved, 1 to 64 of them, least significant first.
///
/// A value has a width of its own. It is the access's, but for one case: the kernel's decoder
/// prints some values wider than the access (`R 1 … 0xfffffffe` for a `movsx`, `W 4 …
/// 0x1ac7c7487eadbeef` for a `mov` with REX.W). Such a value keeps what was printed, and is
/// eight bytes wide.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Value {
    // INVARIANT: bytes at and above `width` are zero, so that derived equality is right.
    bytes: [u8; 64],
    width: Width,
}

impl Value {
    /// A value of `width` bytes from a number, or `None` where the number does not fit.
    #[must_use]
    #[inline]
    pub const fn from_u64(value: u64, width: Width) -> Option<Self> {
        if let Some(max) = width.max_u64()
            && value > max
        {
            return None;
        }
        let mut bytes = [0; 64];
        let little = value.to_le_bytes();
        let mut i = 0;
        while i < 8 {
            bytes[i] = little[i];
            i += 1;
        }
        Some(Self { bytes, width })
    }

    /// What a trace prints for an access of `width`: of that width where the number fits, else
    /// eight bytes wide (see the type's description).
    #[must_use]
    #[inline]
    pub const fn from_printed(value: u64, width: Width) -> Self {
        match Self::from_u64(value, width) {
            Some(value) => value,
            None => match Self::from_u64(value, Width::W8) {
                Some(value) => value,
                // Any u64 fits eight bytes.
                None => unreachable!(),
            },
        }
    }

    /// A value from its bytes, least significant first, or `None` unless there are 1 to 64.
    #[must_use]
    pub fn from_le_bytes(bytes: &[u8]) -> Option<Self> {
        let width = Width::from_bytes(u8::try_from(bytes.len()).ok()?)?;
        let mut all = [0; 64];
        all.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self { bytes: all, width })
    }

    /// The bytes, least significant first.
    #[must_use]
    #[inline]
    pub fn as_le_bytes(&self) -> &[u8] {
        &self.bytes[..self.width.as_usize()]
    }

    /// How many bytes the value has.
    #[must_use]
    #[inline]
    pub const fn width(&self) -> Width {
        self.width
    }

    /// The value as a number, or `None` where it is wider than eight bytes.
    #[must_use]
    #[inline]
    pub const fn to_u64(&self) -> Option<u64> {
        if self.width.bytes() > 8 {
            return None;
        }
        let mut number = 0;
        let mut i = 0;
        while i < 8 {
            number |= (self.bytes[i] as u64) << (8 * i);
            i += 1;
        }
        Some(number)
    }

    /// The value in pieces of at most eight bytes with their offsets: what the text format
    /// writes, one record a piece. A piece has the widest power of two that is left.
    pub fn pieces(&self) -> impl Iterator<Item = (u8, Self)> + '_ {
        let mut offset = 0usize;
        core::iter::from_fn(move || {
            let rest = self.as_le_bytes().get(offset..)?;
            let len = piece_len(rest.len())?;
            let piece = Self::from_le_bytes(rest.get(..len)?)?;
            let at = u8::try_from(offset).ok()?;
            offset += len;
            Some((at, piece))
        })
    }
}

/// The widest piece, at most eight bytes and a power of two, of `left` bytes.
const fn piece_len(left: usize) -> Option<usize> {
    match left {
        0 => None,
        1 => Some(1),
        2 | 3 => Some(2),
        4..=7 => Some(4),
        _ => Some(8),
    }
}

impl fmt::LowerHex for Value {
    /// The number in hex without leading zeros, most significant digit first, as the kernel
    /// prints it; `{:#x}` has `0x` before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            f.write_str("0x")?;
        }
        let mut begun = false;
        for byte in self.as_le_bytes().iter().rev() {
            if begun {
                write!(f, "{byte:02x}")?;
            } else if *byte != 0 {
                write!(f, "{byte:x}")?;
                begun = true;
            }
        }
        if begun { Ok(()) } else { f.write_str("0") }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:#x}")
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({self:#x}, {} bytes)", self.width)
    }
}

#[cfg(feature = "serde")]
mod serialization {
    //! As the bytes, least significant first: no format loses a digit of them.
    use super::Value;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeSeq};

    impl Serialize for Value {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut seq = serializer.serialize_seq(Some(self.as_le_bytes().len()))?;
            for byte in self.as_le_bytes() {
                seq.serialize_element(byte)?;
            }
            seq.end()
        }
    }

    struct Bytes;

    impl<'de> de::Visitor<'de> for Bytes {
        type Value = Value;

        fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.write_str("1 to 64 bytes, least significant first")
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
            let mut bytes = [0; 64];
            let mut len = 0;
            while let Some(byte) = seq.next_element()? {
                *bytes
                    .get_mut(len)
                    .ok_or_else(|| de::Error::invalid_length(len + 1, &self))? = byte;
                len += 1;
            }
            Value::from_le_bytes(&bytes[..len]).ok_or_else(|| de::Error::invalid_length(len, &self))
        }
    }

    impl<'de> Deserialize<'de> for Value {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_seq(Bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::format;
    use std::vec::Vec;

    #[test]
    fn numbers_and_bytes_agree() {
        let value = Value::from_u64(0x1234, Width::W4).unwrap();
        assert_eq!(value.as_le_bytes(), [0x34, 0x12, 0, 0]);
        assert_eq!(value.to_u64(), Some(0x1234));
        assert_eq!(format!("{value}"), "0x1234");
        assert_eq!(format!("{}", Value::from_u64(0, Width::W8).unwrap()), "0x0");
        assert_eq!(Value::from_u64(0x100, Width::W1), None);
    }

    #[test]
    fn a_value_printed_too_wide_is_kept() {
        let value = Value::from_printed(0xffff_fffe, Width::W1);
        assert_eq!(value.width(), Width::W8);
        assert_eq!(value.to_u64(), Some(0xffff_fffe));
    }

    #[test]
    fn pieces_cover_every_width() {
        for width in 1..=64u8 {
            let bytes: Vec<u8> = (0..width).collect();
            let value = Value::from_le_bytes(&bytes).unwrap();
            let mut back = Vec::new();
            for (offset, piece) in value.pieces() {
                assert_eq!(usize::from(offset), back.len());
                assert!(piece.width().bytes().is_power_of_two() && piece.width().bytes() <= 8);
                back.extend_from_slice(piece.as_le_bytes());
            }
            assert_eq!(back, bytes);
        }
    }
}
