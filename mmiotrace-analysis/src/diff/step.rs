//! One step of a sequence, with everything taken out that does not matter.

use mmiotrace_core::{Timestamp, Width};

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Act {
    /// A read, or several reads of one register in a row.
    Read,
    /// A write.
    Write,
    /// An access that the tracer could not decode.
    Unknown,
    /// A range was mapped.
    Map,
    /// A mapping ended.
    Unmap,
    /// A marker.
    Mark,
}

/// A step: 32 bytes, because traces have millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) time: Timestamp,
    /// The value; of a marker the number of its text; of an
    /// undecoded access its code bytes.
    pub(super) value: u64,
    /// Line, counted from 1; of lines beyond 2^32 the greatest number.
    pub(super) line: u32,
    /// The number of its register.
    pub(super) register: u32,
    /// Of so many reads of the register in a row it is the last.
    pub(super) count: u32,
    /// In bytes; 0 where the step has none.
    pub(super) width: u8,
    pub(super) act: Act,
    /// The value is not known.
    pub(super) blank: bool,
    /// Any value is as good.
    pub(super) any_value: bool,
}

const _: () = assert!(size_of::<Step>() == 32);

impl Step {
    /// Whether both are reads of one register: side by side they may be turns of a poll.
    pub(super) fn is_same_read(&self, other: &Self) -> bool {
        self.act == Act::Read && self.key() == other.key()
    }

    /// Whether the step before is a read of the same register.
    pub(super) const fn is_second(&self) -> bool {
        matches!(self.act, Act::Read) && self.count == 2
    }

    pub(super) fn width(&self) -> Option<Width> {
        Width::from_bytes(self.width)
    }

    /// What it does to which register, without the value.
    pub(super) const fn key(&self) -> Key {
        let value = if matches!(self.act, Act::Mark | Act::Unknown) {
            self.value
        } else {
            0
        };
        Key {
            act: self.act,
            register: self.register,
            width: self.width,
            value,
        }
    }

    /// The key, with the value of what the driver decides. What the device answers is not part of
    /// it: an answer that differs makes no other step.
    pub(super) const fn exact_key(&self) -> Key {
        let mut key = self.key();
        if matches!(self.act, Act::Write) && !self.any_value {
            key.value = self.value;
        }
        key
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    act: Act,
    register: u32,
    width: u8,
    value: u64,
}

impl Key {
    /// Equal keys have equal hashes; of others hardly any have.
    pub(super) const fn hash(&self) -> u32 {
        let place = (self.register as u64) << 32 | (self.width as u64) << 8 | self.act as u64;
        // The golden ratio, as a fraction of 2^64.
        let mixed = (place ^ self.value.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32) as u32
    }
}
