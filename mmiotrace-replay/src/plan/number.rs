//! Numbers in plans: decimal or hex, as TOML integers or, where TOML has no room, as text.

use core::fmt;
use core::time::Duration;
use mmiotrace_core::{Value, Width};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

/// A number of up to 64 bytes, as a plan has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    /// Least significant first; zeros above the number.
    bytes: [u8; 64],
}

impl Number {
    pub(super) fn from_u64(number: u64) -> Self {
        let mut bytes = [0; 64];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Self { bytes }
    }

    /// The number, where it has at most 64 bits.
    pub(super) fn to_u64(self) -> Option<u64> {
        let (low, high) = self.bytes.split_first_chunk::<8>()?;
        high.iter()
            .all(|byte| *byte == 0)
            .then(|| u64::from_le_bytes(*low))
    }

    /// The number as a value of that width, where it fits.
    pub(super) fn to_value(self, width: Width) -> Option<Value> {
        let (low, high) = self.bytes.split_at_checked(width.as_usize())?;
        high.iter()
            .all(|byte| *byte == 0)
            .then(|| Value::from_le_bytes(low))?
    }

    fn parse(text: &str) -> Option<Self> {
        let Some(digits) = text.strip_prefix("0x") else {
            return text.parse().ok().map(Self::from_u64);
        };
        let digits = digits.as_bytes();
        if digits.is_empty() || digits.len() > 128 {
            return None;
        }
        let mut bytes = [0; 64];
        for (i, digit) in digits.iter().rev().enumerate() {
            let digit = (*digit as char).to_digit(16)? as u8;
            bytes[i / 2] |= digit << (4 * (i % 2));
        }
        Some(Self { bytes })
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or hex digits as text (\"0x…\")")
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Number, E> {
                let number = u64::try_from(number);
                number
                    .map(Number::from_u64)
                    .map_err(|_| E::custom("a number below 0"))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number::from_u64(number))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                Number::parse(text).ok_or_else(|| E::custom(format!("{text:?} is no number")))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// A time in microseconds: a whole number, exact, or one with a fraction, to the nanosecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Micros(pub(super) Duration);

/// Nanoseconds up to which a fraction in a plan is exact: a TOML float has 53 bits. 104 days.
const EXACT_NANOS: u128 = 1 << 53;

impl Micros {
    fn from_fraction(micros: f64) -> Option<Self> {
        let nanos = (micros * 1000.0).round();
        // As u64 it would be another number from here on; NaN fails, too.
        (0.0..1.8e19)
            .contains(&nanos)
            .then(|| Self(Duration::from_nanos(nanos as u64)))
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Micros;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time in microseconds")
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Micros, E> {
                let micros = u64::try_from(number);
                micros
                    .map(|micros| Micros(Duration::from_micros(micros)))
                    .map_err(|_| E::custom(format!("{number} is no time in microseconds")))
            }
            fn visit_u64<E: de::Error>(self, micros: u64) -> Result<Micros, E> {
                Ok(Micros(Duration::from_micros(micros)))
            }
            fn visit_f64<E: de::Error>(self, micros: f64) -> Result<Micros, E> {
                Micros::from_fraction(micros)
                    .ok_or_else(|| E::custom(format!("{micros} is no time in microseconds")))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// With a fraction only if there is one.
impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let (whole, rest) = (nanos / 1000, nanos % 1000);
        if rest == 0 || nanos >= EXACT_NANOS {
            // TOML's integers end there: 292,000 years.
            write!(f, "{}", whole.min(i64::MAX as u128))
        } else {
            write!(f, "{whole}.{rest:03}")
        }
    }
}

/// Decimal, or hex with `0x`.
pub(super) fn parse_u64(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Prints a value so that a plan has it back: as an integer where TOML has room for it.
pub(super) struct Printed<'a>(pub(super) &'a Value);

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.to_u64() {
            Some(number) => write!(f, "{}", Hex(number)),
            None => write!(f, "\"{:#x}\"", self.0),
        }
    }
}

/// The same for a number.
pub(super) struct Hex(pub(super) u64);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if i64::try_from(self.0).is_ok() {
            write!(f, "{:#x}", self.0)
        } else {
            write!(f, "\"{:#x}\"", self.0)
        }
    }
}
