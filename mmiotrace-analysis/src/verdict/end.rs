//! The end that a capture promises, and what a copy says of itself.

use super::cause::{Cause, Damaged};
use super::groups::Tally;
use mmiotrace_format::{Line, Totals, TraceEnd};

/// Bytes gathered before they are summed: short pieces cost more each.
const PIECE: usize = 8 * 1024;

/// Follows what a capture counts at its end.
#[derive(Debug, Default)]
pub(super) struct End {
    sum: Sum,
    /// The line that promises an end, until the end comes.
    promised: Option<u64>,
    /// The line that says that the trace was made from another, and by what.
    derived: Option<(u64, String)>,
    /// Captures that promised an end, and ends, in all of the trace.
    promises: u64,
    ends: u64,
    has_ended: bool,
    after_end: Option<Tally>,
}

/// The counts and the checksum of all lines so far. Of a trace that promises no end, only those of
/// its header are made.
#[derive(Debug, Default)]
enum Sum {
    #[default]
    Header,
    Of(Box<(Totals, Vec<u8>)>),
    Nothing,
}

impl Sum {
    fn begun(&mut self) -> Option<&mut (Totals, Vec<u8>)> {
        if let Self::Header = self {
            *self = Self::Of(Box::default());
        }
        match self {
            Self::Of(sum) => Some(sum),
            _ => None,
        }
    }
}

impl End {
    /// A line, or a part of one that is fused, is done with.
    #[inline]
    pub(super) fn line(&mut self, line: &Line<'_>) {
        if !matches!(self.sum, Sum::Nothing) {
            self.add(line);
        }
    }

    #[inline(never)]
    fn add(&mut self, line: &Line<'_>) {
        if let Some((totals, bytes)) = self.sum.begun() {
            totals.add_line(line);
            bytes.extend_from_slice(line.as_bytes());
            if bytes.len() >= PIECE {
                totals.add_bytes(bytes);
                bytes.clear();
            }
        }
    }

    /// An event: the header is at its end.
    #[inline]
    pub(super) fn event(&mut self, line: u64) {
        if self.promised.is_none() {
            self.sum = Sum::Nothing;
            if self.has_ended && self.derived.is_none() {
                self.after_end.get_or_insert(Tally { line, count: 0 }).count += 1;
            }
        }
    }

    /// A capture says what it is.
    pub(super) const fn capture(&mut self, end_promised: bool, line: u64) {
        if end_promised {
            self.promises += 1;
            self.promised = Some(line);
            self.has_ended = false;
        }
    }

    pub(super) fn derived(&mut self, by: String, line: u64) {
        self.derived.get_or_insert((line, by));
    }

    /// A `VERSION` line: another capture may begin. Returns whether the one before it lacks its
    /// end.
    pub(super) fn version(&mut self) -> bool {
        let is_cut = self.promised.take().is_some() && self.derived.is_none();
        (self.sum, self.has_ended) = (Sum::Header, false);
        is_cut
    }

    /// The end. Returns what of it differs from what was read.
    pub(super) fn ends(&mut self, end: &TraceEnd) -> Option<&'static str> {
        self.ends += 1;
        self.has_ended = true;
        let was_promised = self.promised.take().is_some();
        let sum = core::mem::replace(&mut self.sum, Sum::Nothing);
        if self.derived.is_some() {
            return None;
        }
        let Sum::Of(mut sum) = sum else {
            return Some("the promise of an end");
        };
        if !was_promised {
            return Some("the promise of an end");
        }
        let (totals, bytes) = &mut *sum;
        totals.add_bytes(bytes);
        let differs = [
            ("events", end.events != totals.events()),
            ("losses", end.losses != totals.losses()),
            ("lost events", end.lost != totals.lost()),
            ("blind intervals", end.blind != totals.blind_intervals()),
            ("markers", end.markers != totals.markers()),
            ("last sequence number", end.last_seq != totals.last_seq()),
            ("bytes", end.bytes != totals.bytes()),
            ("checksum", end.crc != totals.crc()),
        ];
        let mut differs = differs.into_iter().filter(|(_, differs)| *differs);
        differs.next().map(|(what, _)| what)
    }

    /// Whether records that an annotation describes may have been left out on purpose.
    pub(super) const fn is_derived(&self) -> bool {
        self.derived.is_some()
    }

    /// Whether the end of the capture is here: nothing need be inferred from how the trace ends.
    pub(super) const fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// What was found; `last` is the last line.
    pub(super) fn finish(self, last: u64) -> Vec<(Cause, Tally)> {
        let mut found = Vec::new();
        let is_merged = matches!(&self.derived, Some((_, by)) if by == "merge");
        let missing = match self.derived {
            None => u64::from(self.promised.is_some()),
            // Each source has its own.
            Some(_) if is_merged => self.promises.saturating_sub(self.ends),
            Some(_) => 0,
        };
        if missing > 0 {
            let tally = Tally {
                line: last,
                count: missing,
            };
            found.push((Cause::NoEnd, tally));
        }
        if let Some(tally) = self.after_end {
            found.push((Cause::Damaged(Damaged::AfterEnd), tally));
        }
        if let Some((line, by)) = self.derived {
            found.push((Cause::Derived { by }, Tally { line, count: 1 }));
        }
        found
    }
}
