//! Numbers that a device tells only when it runs.

use super::SpaceId;

/// A register, by its full name in a space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegisterRef {
    /// The space it is in.
    pub space: SpaceId,
    /// Its name with the names of what holds it, as `PORT[0].CTRL`.
    pub register: String,
}

impl RegisterRef {
    /// The register of that name.
    #[must_use]
    pub fn new(space: SpaceId, register: impl Into<String>) -> Self {
        Self {
            space,
            register: register.into(),
        }
    }
}

/// A field of a register, or the whole of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldRef {
    /// The register.
    pub register: RegisterRef,
    /// The field's name; `None`: all bits.
    pub field: Option<String>,
}

impl FieldRef {
    /// A field of a register.
    #[must_use]
    pub fn new(register: RegisterRef, field: Option<String>) -> Self {
        Self { register, field }
    }
}

/// What becomes of a field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scale {
    /// `value * times + plus`.
    Linear {
        /// The factor.
        times: u64,
        /// The summand.
        plus: u64,
    },
    /// `unit << value`.
    Power {
        /// What is shifted.
        unit: u64,
    },
}

impl Default for Scale {
    fn default() -> Self {
        Self::Linear { times: 1, plus: 0 }
    }
}

impl Scale {
    /// The number for a field's value, or `None` where it does not fit 64 bits.
    #[must_use]
    pub fn apply(self, value: u64) -> Option<u64> {
        match self {
            Self::Linear { times, plus } => value.checked_mul(times)?.checked_add(plus),
            Self::Power { unit } => {
                let shift = u32::try_from(value).ok()?;
                if shift > unit.leading_zeros() {
                    None
                } else {
                    unit.checked_shl(shift)
                }
            }
        }
    }
}

/// A sign of where something lies: a mapping that a driver makes for just that.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MappingHint {
    /// A mapping of one of these lengths, in bytes.
    Lengths(Vec<u64>),
    /// A mapping whose length is a multiple of this, but not of a page (4096).
    MultipleOf(u64),
}

/// A number that a register of the device holds, or that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dynamic {
    /// Where the device tells it; `None`: it is `default`, always.
    pub from: Option<FieldRef>,
    /// What becomes of the value there.
    pub scale: Scale,
    /// What a driver's mapping may say about it.
    pub hint: Option<MappingHint>,
    /// The number to take as long as the device has not told it. What rests on it is marked as
    /// inferred, unless neither `from` nor `hint` is given.
    pub default: u64,
}

impl Dynamic {
    /// A number that is known.
    #[must_use]
    pub fn known(number: u64) -> Self {
        Self {
            default: number,
            ..Self::default()
        }
    }

    /// Whether it needs nothing from the device.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.from.is_none() && self.hint.is_none()
    }
}
