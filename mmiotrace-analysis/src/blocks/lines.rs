//! Which lines of the trace a block stands for.

use core::fmt;

/// A run of lines, counted from 1, both ends included. May be empty: a [`Delay`] has no line.
///
/// [`Delay`]: super::BlockKind::Delay
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Lines {
    first: u64,
    end: u64,
}

impl Lines {
    /// The lines `first` to `last`.
    #[must_use]
    pub const fn new(first: u64, last: u64) -> Self {
        Self {
            first,
            end: last.saturating_add(1),
        }
    }

    /// No line, at the place before line `before`.
    #[must_use]
    pub const fn empty(before: u64) -> Self {
        Self {
            first: before,
            end: before,
        }
    }

    /// The first line; of an empty run the line before which it stands.
    #[must_use]
    pub const fn first(self) -> u64 {
        self.first
    }

    /// The last line, or `None` where there is none.
    #[must_use]
    pub const fn last(self) -> Option<u64> {
        if self.is_empty() {
            None
        } else {
            Some(self.end - 1)
        }
    }

    /// The line after the last.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.end
    }

    /// How many lines.
    #[must_use]
    pub const fn len(self) -> u64 {
        self.end.saturating_sub(self.first)
    }

    /// Whether there is no line.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.end <= self.first
    }

    /// From the first line of this run to the last of `later`.
    #[must_use]
    pub const fn to(self, later: Self) -> Self {
        Self {
            first: self.first,
            end: later.end,
        }
    }
}

impl fmt::Display for Lines {
    /// `12`, `12-40`, or nothing for no line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.last() {
            None => String::new(),
            Some(last) if last == self.first => format!("{last}"),
            Some(last) => format!("{}-{last}", self.first),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_prints() {
        assert_eq!(Lines::new(3, 5).len(), 3);
        assert_eq!(Lines::new(3, 5).to_string(), "3-5");
        assert_eq!(Lines::new(3, 3).to_string(), "3");
        assert_eq!(Lines::empty(3).to_string(), "");
        assert_eq!(Lines::empty(3).last(), None);
        assert_eq!(Lines::new(3, 5).to(Lines::new(6, 9)), Lines::new(3, 9));
    }
}
