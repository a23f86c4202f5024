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
    /// The how manieth read of the register in a row it is, counted from 1.
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
