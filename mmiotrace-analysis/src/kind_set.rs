//! A set of record kinds.

use core::fmt;
use core::str::FromStr;
use mmiotrace_format::LineKind;

/// A set of record kinds.
///
/// ```
/// use mmiotrace_analysis::KindSet;
/// use mmiotrace_format::LineKind;
///
/// let kinds: KindSet = "read,write".parse()?;
/// assert!(kinds.contains(LineKind::Write));
/// assert!(!kinds.contains(LineKind::Map));
/// # Ok::<(), mmiotrace_analysis::CriterionError>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct KindSet(u16);

impl KindSet {
    /// No kind.
    pub const EMPTY: Self = Self(0);

    /// This set and one kind more.
    #[must_use]
    pub const fn with(self, kind: LineKind) -> Self {
        Self(self.0 | Self::bit(kind))
    }

    /// Whether the set holds `kind`.
    #[must_use]
    #[inline]
    pub const fn contains(self, kind: LineKind) -> bool {
        self.0 & Self::bit(kind) != 0
    }

    /// The kinds of the set, in the order of [`LineKind::ALL`].
    pub fn iter(self) -> impl Iterator<Item = LineKind> {
        LineKind::ALL
            .into_iter()
            .filter(move |kind| self.contains(*kind))
    }

    const fn bit(kind: LineKind) -> u16 {
        1 << kind as u16
    }
}

impl FromIterator<LineKind> for KindSet {
    fn from_iter<I: IntoIterator<Item = LineKind>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl FromStr for KindSet {
    type Err = crate::CriterionError;

    /// Names of kinds ([`LineKind::name`]) with commas between.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',')
            .map(|name| {
                LineKind::from_name(name.trim()).ok_or_else(|| {
                    let all: Vec<_> = LineKind::ALL.iter().map(|kind| kind.name()).collect();
                    let why = format!("there is no kind {name:?}; kinds are {}", all.join(", "));
                    crate::CriterionError::new(why)
                })
            })
            .collect()
    }
}

impl fmt::Debug for KindSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
