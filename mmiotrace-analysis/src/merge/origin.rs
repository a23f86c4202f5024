//! Where the lines of a merged trace come from: what it says of its sources.

use super::MAP_ID_STEP;
use super::rewrite::Shift;
use mmiotrace_core::Timestamp;
use mmiotrace_format::Annotation;

/// A source as a merged trace names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) name: String,
    /// How far its times are shifted.
    pub(super) shift: Shift,
}

impl Origin {
    pub(super) fn new(name: &str, shift: Shift) -> Self {
        let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        Self {
            name: name.chars().map(plain).collect(),
            shift,
        }
    }

    /// `merge: source 2 is log.txt, times +1.500000 s, map ids +1000000`: the number, and the rest.
    pub(crate) fn parse(text: &[u8]) -> Option<(usize, Self)> {
        let text = String::from_utf8_lossy(text.strip_prefix(b"merge: source ")?);
        let (number, text) = text.split_once(" is ")?;
        let name = match text.rsplit_once(", map ids +") {
            Some((name, _)) => name,
            None => text,
        };
        let shifted = name.rsplit_once(", times ").and_then(|(name, shift)| {
            let printed = shift.strip_suffix(" s")?;
            let shift: Shift = printed.parse().ok()?;
            // Not a name that ends like one.
            (shift.to_string() == printed).then_some((name, shift))
        });
        let (name, shift) = shifted.unwrap_or((name, Shift::default()));
        Some((number.parse().ok()?, Self::new(name, shift)))
    }

    /// The same for the source with that index, as a line.
    pub(super) fn line(&self, index: usize) -> String {
        let mut text = format!("MARK 0.000000 merge: source {} is {}", index + 1, self.name);
        if self.shift != Shift::default() {
            text += &format!(", times {} s", self.shift);
        }
        if index > 0 {
            text += &format!(
                ", map ids +{}",
                index as u64 * MAP_ID_STEP.unsigned_abs() as u64
            );
        }
        text + "\n"
    }
}

/// Whose the next line is, or whose event has that number: the text of a reserved marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Announcement {
    /// The index of the source.
    pub(crate) source: usize,
    /// The sequence number of the source's next event; `Some(None)`: it has none from there on.
    pub(crate) seq: Option<Option<u64>>,
}

impl Announcement {
    /// What an annotation announces, if it is `source n=2 seq=77`.
    pub(super) const fn of(annotation: &Annotation<'_>) -> Option<Self> {
        match *annotation {
            Annotation::Source { n, seq } => Some(Self {
                source: (n as usize).saturating_sub(1),
                seq,
            }),
            _ => None,
        }
    }

    pub(super) fn line(self, time: Timestamp) -> Vec<u8> {
        let n = u32::try_from(self.source + 1).unwrap_or(u32::MAX);
        Annotation::Source { n, seq: self.seq }.to_line(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read() {
        for (name, shift, index) in [
            ("a", "0", 0),
            ("a b, times long s", "-1.5", 1),
            ("over there, map ids +3", "0.000000001", 2000),
        ] {
            let origin = Origin::new(name, shift.parse().unwrap());
            let line = origin.line(index);
            let text = line.strip_prefix("MARK 0.000000 ").unwrap().trim_end();
            // Of the first source no map ids are told, and a name may look as if they were.
            if index > 0 {
                assert_eq!(Origin::parse(text.as_bytes()), Some((index + 1, origin)));
            }
        }
        assert_eq!(Origin::parse(b"merge: source x is a"), None);
    }
}
