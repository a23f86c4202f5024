//! The values of a run of accesses, without repeating those that repeat.

use mmiotrace_core::Value;

/// The values of successive accesses. A value that came several times in a row is held once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Values {
    runs: Vec<(Value, u64)>,
}

impl Values {
    /// Adds `value`, `count` times.
    pub(super) fn push(&mut self, value: Value, count: u64) {
        match self.runs.last_mut() {
            Some((last, times)) if *last == value => *times += count,
            _ => self.runs.push((value, count)),
        }
    }

    /// How many values.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.runs.iter().map(|(_, count)| count).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The values with the number of times each came in a row.
    #[must_use]
    pub fn runs(&self) -> &[(Value, u64)] {
        &self.runs
    }

    /// Every value, as often as it came.
    pub fn iter(&self) -> impl Iterator<Item = Value> + '_ {
        let times = |count: u64| (0..count).map(|_| ());
        self.runs
            .iter()
            .flat_map(move |&(value, count)| times(count).map(move |()| value))
    }

    /// The first.
    #[must_use]
    pub fn first(&self) -> Option<Value> {
        self.runs.first().map(|run| run.0)
    }

    /// The last.
    #[must_use]
    pub fn last(&self) -> Option<Value> {
        self.runs.last().map(|run| run.0)
    }

    /// The bytes of all values, one after the other, least significant first: what a firmware
    /// upload wrote.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (value, count) in &self.runs {
            for _ in 0..*count {
                bytes.extend_from_slice(value.as_le_bytes());
            }
        }
        bytes
    }
}

impl FromIterator<Value> for Values {
    fn from_iter<I: IntoIterator<Item = Value>>(values: I) -> Self {
        let mut all = Self::default();
        for value in values {
            all.push(value, 1);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mmiotrace_core::Width;

    #[test]
    fn runs_and_back() {
        let value = |number| Value::from_u64(number, Width::W2).unwrap();
        let list = [1, 1, 1, 2, 3, 3].map(value);
        let values: Values = list.into_iter().collect();
        assert_eq!(values.runs().len(), 3);
        assert_eq!(values.iter().collect::<Vec<_>>(), list);
        assert_eq!(values.to_bytes(), [1, 0, 1, 0, 1, 0, 2, 0, 3, 0, 3, 0]);
    }
}
