//! Which values a register gave and was given.

use core::cmp::Reverse;

/// At most so many values of a register are told apart, for reads and for writes each.
const MAX_VALUES: usize = 16;

/// The values that were read from a register, or written to it.
///
/// The first 16 are counted one by one; accesses with others are counted together, so that a data
/// port does not fill the memory. Which bits were ever 1 and ever 0 is told of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ValueHistogram {
    /// The values, those that came most often first.
    pub values: Vec<ValueCount>,
    /// Accesses with values beyond those.
    pub accesses_of_other_values: u64,
    /// Accesses whose value is not known, or wider than eight bytes.
    pub without_value: u64,
    /// The bits that were ever 1.
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::as_hex_number"))]
    pub ever_set: u64,
    /// The bits that were ever 0.
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::as_hex_number"))]
    pub ever_clear: u64,
}

/// How often a value came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ValueCount {
    /// The value.
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::as_hex_number"))]
    pub value: u64,
    /// In so many accesses.
    pub count: u64,
}

impl ValueHistogram {
    /// The bits that were 1 in some accesses and 0 in others.
    #[must_use]
    pub const fn changing(&self) -> u64 {
        self.ever_set & self.ever_clear
    }

    pub(super) fn add(&mut self, value: Option<u64>) {
        let Some(value) = value else {
            self.without_value += 1;
            return;
        };
        self.ever_set |= value;
        self.ever_clear |= !value;
        if let Some(seen) = self.values.iter_mut().find(|seen| seen.value == value) {
            seen.count += 1;
        } else if self.values.len() < MAX_VALUES {
            self.values.push(ValueCount { value, count: 1 });
        } else {
            self.accesses_of_other_values += 1;
        }
    }

    pub(super) fn sort(&mut self) {
        self.values
            .sort_by_key(|seen| (Reverse(seen.count), seen.value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_beyond_the_first_are_counted_together() {
        let mut histogram = ValueHistogram::default();
        for turn in 0..3 {
            for value in 0..20 {
                histogram.add(Some(value + turn / 2));
            }
        }
        histogram.add(None);
        histogram.sort();
        assert_eq!(histogram.values.len(), MAX_VALUES);
        let told: u64 = histogram.values.iter().map(|seen| seen.count).sum();
        assert_eq!(told + histogram.accesses_of_other_values, 60);
        assert_eq!((histogram.without_value, histogram.ever_set), (1, 0x1f));
        assert_eq!(histogram.changing(), 0x1f);
        let counts: Vec<u64> = histogram.values.iter().map(|seen| seen.count).collect();
        assert!(
            counts.windows(2).all(|pair| pair[0] >= pair[1]),
            "{counts:?}"
        );
    }
}
