//! What is known to be missing.

use crate::{Code, PhysAddr, Timestamp};
use core::fmt;

/// Events that happened and are not in the trace. A loss is data, not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Loss {
    /// When it was noticed. The kernel prints 0.000000.
    pub time: Timestamp,
    /// How many events.
    pub count: u64,
    /// The first and the last sequence number that are missing, where the backend counts. Numbers
    /// between them may be present: rings of several CPUs lose independently.
    pub seq: Option<(u64, u64)>,
    /// The CPU whose ring was full, where known.
    pub cpu: Option<u32>,
}

impl Loss {
    /// A loss of which only time and count are known.
    #[must_use]
    pub const fn new(time: Timestamp, count: u64) -> Self {
        Self {
            time,
            count,
            seq: None,
            cpu: None,
        }
    }
}

/// Which end of a blind interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum BlindEdge {
    /// From here on accesses to the page are not seen.
    Begin,
    /// From here on they are seen again.
    End,
}

impl BlindEdge {
    /// `begin` or `end`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::End => "end",
        }
    }
}

/// Why a page went blind: a word of lower-case letters, digits and hyphens, at most 31 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlindReason {
    // INVARIANT: bytes at and above `len` are zero; those below are [a-z0-9-].
    bytes: [u8; 31],
    len: u8,
}

impl BlindReason {
    /// A reason from its word; `None` where it is empty, too long, or has another character.
    #[must_use]
    pub const fn new(word: &str) -> Option<Self> {
        let word = word.as_bytes();
        if word.is_empty() || word.len() > 31 {
            return None;
        }
        let mut bytes = [0; 31];
        let mut i = 0;
        while i < word.len() {
            if !matches!(word[i], b'a'..=b'z' | b'0'..=b'9' | b'-') {
                return None;
            }
            bytes[i] = word[i];
            i += 1;
        }
        Some(Self {
            bytes,
            len: i as u8,
        })
    }

    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or("")
    }
}

impl fmt::Debug for BlindReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for BlindReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(feature = "serde")]
mod serialization {
    use super::BlindReason;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    impl Serialize for BlindReason {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_str(self.as_str())
        }
    }

    struct Word;

    impl de::Visitor<'_> for Word {
        type Value = BlindReason;

        fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.write_str("a word of a-z, 0-9 and hyphens, at most 31 bytes")
        }

        fn visit_str<E: de::Error>(self, word: &str) -> Result<BlindReason, E> {
            BlindReason::new(word).ok_or_else(|| E::invalid_value(de::Unexpected::Str(word), &self))
        }
    }

    impl<'de> Deserialize<'de> for BlindReason {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_str(Word)
        }
    }
}

/// One end of an interval in which a page was open and its accesses were not seen: the engine
/// met an instruction that it cannot carry out exactly, and let it run rather than guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Blind {
    /// When.
    pub time: Timestamp,
    /// Begin or end.
    pub edge: BlindEdge,
    /// The physical address of the page.
    pub page: PhysAddr,
    /// Why.
    pub reason: BlindReason,
    /// The bytes of the instruction that could not be done; empty where it was none.
    pub code: Code,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_words() {
        assert_eq!(
            BlindReason::new("no-base-register").unwrap().as_str(),
            "no-base-register"
        );
        assert_eq!(BlindReason::new(""), None);
        assert_eq!(BlindReason::new("two words"), None);
        assert_eq!(BlindReason::new("abcdefghijklmnopqrstuvwxyz-0123456"), None);
    }
}
