//! What a name rests on besides the trace.

use core::fmt;

/// What was not seen but taken to be so, for a name. Empty: the name rests on the trace and the
/// map alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Inference(u8);

impl Inference {
    /// Nothing: everything was seen.
    pub const NONE: Self = Self(0);
    /// That the map is this device's: it was given without saying for which one.
    pub const DEVICE: Self = Self(1);
    /// Where the space lies: the register that tells was not seen, the map's default was taken,
    /// or a driver's mapping gave the hint.
    pub const PLACE: Self = Self(2);
    /// Which chip it is: the register exists only on some.
    pub const VARIANT: Self = Self(4);
    /// What an index or window register holds: accesses may be missing since it was seen.
    pub const STALE: Self = Self(8);
    /// What an index or window register holds: it was never seen. The inner place is not known.
    pub const UNSEEN: Self = Self(16);

    const NAMES: [(Self, &'static str); 5] = [
        (Self::DEVICE, "device"),
        (Self::PLACE, "place"),
        (Self::VARIANT, "variant"),
        (Self::STALE, "stale"),
        (Self::UNSEEN, "unseen"),
    ];

    /// Whether nothing was taken to be so.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `other` is in this.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn and_if(self, condition: bool, other: Self) -> Self {
        if condition { self.and(other) } else { self }
    }

    /// The words for what was taken to be so.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .filter(move |(one, _)| self.contains(*one))
            .map(|(_, name)| name)
    }
}

impl fmt::Display for Inference {
    /// The words, with commas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, name) in self.names().enumerate() {
            if number > 0 {
                f.write_str(",")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}
