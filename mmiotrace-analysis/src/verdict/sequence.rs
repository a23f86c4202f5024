//! Sequence numbers without a gap.

use super::cause::Cause;
use super::groups::Tally;

/// Follows the sequence numbers of a trace. A number that is missing is a lost event; where the
/// capture told of the loss, that is where it counts.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    last: Option<u64>,
    missing: u64,
    first_gap: Option<u64>,
    backwards: Option<Tally>,
}

impl Sequence {
    #[inline]
    pub(super) fn event(&mut self, line: u64, seq: Option<u64>) {
        if let Some(seq) = seq {
            self.numbered(line, seq);
        }
    }

    fn numbered(&mut self, line: u64, seq: u64) {
        let last = self.last.replace(seq);
        let Some(last) = last else { return };
        if seq < last {
            self.backwards.get_or_insert(Tally { line, count: 0 }).count += 1;
        } else if seq - last > 1 {
            // Accesses of one instruction share a number.
            self.missing = self.missing.saturating_add(seq - last - 1);
            self.first_gap.get_or_insert(line);
        }
    }

    /// Another capture begins: its numbers are its own.
    pub(super) const fn restart(&mut self) {
        self.last = None;
    }

    pub(super) fn finish(self, lost: u64) -> Vec<(Cause, Tally)> {
        let mut found = Vec::new();
        let unexplained = self.missing.saturating_sub(lost);
        if let (Some(line), 1..) = (self.first_gap, unexplained) {
            found.push((
                Cause::Gap,
                Tally {
                    line,
                    count: unexplained,
                },
            ));
        }
        found.extend(
            self.backwards
                .map(|tally| (Cause::SequenceBackwards, tally)),
        );
        found
    }
}
