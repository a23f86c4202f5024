//! How the bits of a register are to be read.

use super::{AccessMode, ConditionId, ReadEffect, WriteEffect};

/// The place of a [`NamedType`] in its map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(pub u32);

/// A type that several registers or fields share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamedType {
    /// Its name.
    pub name: String,
    /// What it is.
    pub value_type: ValueType,
}

impl NamedType {
    /// A type with that name.
    #[must_use]
    pub fn new(name: impl Into<String>, value_type: ValueType) -> Self {
        Self {
            name: name.into(),
            value_type,
        }
    }
}

/// How a value is read: the number `(bits << shr) + add`, shown in a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValueType {
    /// The form of the number.
    pub form: Form,
    /// The bits are the number without this many low bits (rules-ng-ng section 2.3, `shr`).
    pub shr: u8,
    /// This is added to the number.
    pub add: u64,
    /// The number is a multiple of this; 0 or 1: of nothing. Shown by tools, not enforced.
    pub align: u64,
}

impl From<Form> for ValueType {
    fn from(form: Form) -> Self {
        Self {
            form,
            ..Self::default()
        }
    }
}

/// The form of a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// Hexadecimal.
    #[default]
    Hex,
    /// Unsigned decimal.
    Uint,
    /// Two's complement decimal.
    Int,
    /// 0 is false, 1 is true.
    Boolean,
    /// IEEE 754 of 16, 32 or 64 bits, by width.
    Float,
    /// Two's complement with this many bits after the point.
    Fixed(u8),
    /// Unsigned with this many bits after the point.
    UnsignedFixed(u8),
    /// A shader register and component, `r1.y` (Mesa's `a3xx_regid`).
    ShaderRegister,
    /// One of these values.
    Enum(Vec<EnumValue>),
    /// Divided into these fields.
    Bitset(Vec<Field>),
    /// As a shared type says.
    Named(TypeId),
}

/// A value with a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnumValue {
    /// The name.
    pub name: String,
    /// The number; `None` where only the order matters (variants without a number).
    pub value: Option<u64>,
    /// The bits of the number that do not matter (CMSIS-SVD writes them `x`).
    pub any: u64,
    /// It is the name of every number that no other value names.
    pub default: bool,
    /// The accesses that it is a name for: some registers mean other things when they are read
    /// than when they are written.
    pub direction: AccessMode,
    /// On which chips.
    pub when: ConditionId,
    /// What it means.
    pub doc: String,
}

impl EnumValue {
    /// A value with a name, on all chips.
    #[must_use]
    pub fn new(name: impl Into<String>, value: u64) -> Self {
        Self {
            name: name.into(),
            value: Some(value),
            ..Self::default()
        }
    }

    /// Whether it is one number, always: what can be found by searching for it.
    pub(crate) fn is_plain(&self) -> bool {
        self.any == 0 && !self.default && self.direction == AccessMode::ReadWrite
    }
}

/// Some neighbouring bits of a register.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Field {
    /// The name.
    pub name: String,
    /// The lowest bit, from 0.
    pub low: u8,
    /// The highest bit, not below `low`, at most 63.
    pub high: u8,
    /// How its value is read.
    pub value_type: ValueType,
    /// On which chips.
    pub when: ConditionId,
    /// Which directions it is meant for.
    pub access: AccessMode,
    /// What reading does to it.
    pub read_effect: ReadEffect,
    /// What writing means to it.
    pub write_effect: WriteEffect,
    /// It changes by itself.
    pub volatile: bool,
    /// What it means.
    pub doc: String,
}

impl Field {
    /// A field of the bits `low` to `high`; boolean where that is one bit, else hexadecimal.
    #[must_use]
    pub fn new(name: impl Into<String>, low: u8, high: u8) -> Self {
        let form = if low == high {
            Form::Boolean
        } else {
            Form::Hex
        };
        Self {
            name: name.into(),
            low,
            high,
            value_type: form.into(),
            ..Self::default()
        }
    }

    /// How many bits it has.
    #[must_use]
    pub const fn bit_len(&self) -> u32 {
        self.high.saturating_sub(self.low) as u32 + 1
    }

    /// Its bits in the register.
    #[must_use]
    pub const fn mask(&self) -> u64 {
        low_mask(self.bit_len()).wrapping_shl(self.low as u32)
    }
}

/// The lowest `bits` bits.
pub(crate) const fn low_mask(bits: u32) -> u64 {
    if bits >= 64 {
        u64::MAX
    } else {
        (1 << bits) - 1
    }
}
