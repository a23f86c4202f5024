//! How many lines of each kind.

use mmiotrace_format::{Line, LineKind};

/// How many lines of each kind a trace has, by the keyword that begins the line and nothing else:
/// what `grep -c '^R '` and its like count. A line that does not parse counts as what it begins
/// like; a record that a marker's text forges counts too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordCounts {
    counts: [u64; LineKind::ALL.len()],
}

impl RecordCounts {
    /// Counts one line. Of a `PCIDEV` record that a mailer has wrapped over several lines the
    /// first is a `PCIDEV` line and the rest are others.
    #[inline]
    pub fn add_line(&mut self, line: &Line<'_>) {
        let kind = line.kind();
        self.add(kind);
        if kind == LineKind::PciDev {
            self.counts[LineKind::Other as usize] +=
                line.content().iter().filter(|byte| **byte == b'\n').count() as u64;
        }
    }

    /// Counts one line of this kind.
    #[inline]
    pub fn add(&mut self, kind: LineKind) {
        self.counts[kind as usize] += 1;
    }

    /// The number of lines of this kind.
    #[must_use]
    pub const fn get(&self, kind: LineKind) -> u64 {
        self.counts[kind as usize]
    }

    /// Lines that tell an access: `R`, `W` and `UNKNOWN`.
    #[must_use]
    pub const fn accesses(&self) -> u64 {
        self.get(LineKind::Read) + self.get(LineKind::Write) + self.get(LineKind::Unknown)
    }

    /// Lines that tell an event: accesses, `MAP` and `UNMAP`.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.accesses() + self.get(LineKind::Map) + self.get(LineKind::Unmap)
    }

    /// All lines.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Every kind with its number, in the order of [`LineKind::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (LineKind, u64)> {
        LineKind::ALL.into_iter().zip(self.counts)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for RecordCounts {
    /// As a map from the kinds' names.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(kind, count)| (kind.name(), count)))
    }
}
