//! What a trace shows of each register, bit by bit.

use super::Location;
use super::condition::{Candidates, Clusters};
use super::pair::Pair;
use mmiotrace_core::AccessKind;

/// The last value of a register that the trace has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) value: u64,
    pub(super) by_read: bool,
}

/// The access before, whatever it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub(super) location: Location,
    pub(super) kind: AccessKind,
    pub(super) value: u64,
}

/// What a trace shows of one register: evidence, not a description. A bit that never changed is
/// not proven constant.
///
/// All masks are of bits; only accesses of at most eight bytes are counted.
#[derive(Clone, Debug, Default)]
pub struct RegisterFacts {
    reads: u64,
    writes: u64,
    first_read: Option<u64>,
    first_is_read: bool,
    ones: u64,
    zeros: u64,
    held: u64,
    refused: u64,
    /// Bits that were written as 0 and read as 0 at once.
    stayed_off: u64,
    /// Bits that read as 0, were written as 1, and read as 1 next: no acknowledging does that.
    set: u64,
    acknowledged: u64,
    status: u64,
    /// Bits that changed by themselves once, twice, three times or more.
    drifting: [u64; 3],
    falling: u64,
    rises: u64,
    falls: u64,
    lone_reads: u64,
    last: Option<Known>,
    before_write: Option<u64>,
    unread_write: Option<u64>,
    writes_anywhere: u64,
    streak: u64,
    waits: Option<Box<Waits>>,
    pair: Option<Box<Pair>>,
    /// Bits that were on, and bits that were off, when the driver went on to something else after
    /// reading the register.
    left_on: u64,
    left_off: u64,
}

/// What the register was waited for, by the kind of evidence.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waits {
    pub(super) loops: Clusters,
    /// After a write of the register itself, all bits that came back otherwise.
    pub(super) answers: Clusters,
    /// The same without bits that were so before.
    pub(super) changes: Clusters,
    pub(super) after_write: Clusters,
}

impl RegisterFacts {
    /// How often it was read.
    #[must_use]
    pub const fn reads(&self) -> u64 {
        self.reads
    }

    /// How often it was written.
    #[must_use]
    pub const fn writes(&self) -> u64 {
        self.writes
    }

    /// The first value read.
    #[must_use]
    pub const fn first_read(&self) -> Option<u64> {
        self.first_read
    }

    /// Whether the trace reads it before it writes it: what it held before the driver came is
    /// known then.
    #[must_use]
    pub const fn begins_with_read(&self) -> bool {
        self.first_is_read
    }

    /// The last value read or written, and whether it was read.
    #[must_use]
    pub fn last(&self) -> Option<(u64, bool)> {
        self.last.map(|known| (known.value, known.by_read))
    }

    /// Bits that read both as 0 and as 1.
    #[must_use]
    pub const fn varying(&self) -> u64 {
        self.ones & self.zeros
    }

    /// Bits that read back as last written each time that they were read after a write.
    #[must_use]
    pub const fn stored(&self) -> u64 {
        self.held & !self.refused
    }

    /// Bits that once read otherwise than last written.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Bits that went off because a 1 was written.
    #[must_use]
    pub const fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Bits that changed between two reads without a write of this register between them: the
    /// device's own doing, or the effect of another register.
    #[must_use]
    pub const fn status(&self) -> u64 {
        self.status
    }

    /// Bits that changed between two reads without any write between them, at least three times:
    /// no replay can bring the same value at the same place. (One wrong value in a trace makes two
    /// such changes, there and back.)
    #[must_use]
    pub const fn drifting(&self) -> u64 {
        self.drifting[2]
    }

    /// Bits that went off between two reads without any write between them: perhaps the read
    /// itself clears them.
    #[must_use]
    pub const fn falling(&self) -> u64 {
        self.falling
    }

    /// Whether the values only rise from read to read, without being written: a counter or a
    /// clock. At least four rises are wanted, and no fall.
    #[must_use]
    pub const fn is_counter(&self) -> bool {
        self.writes == 0 && self.rises >= 4 && self.falls == 0
    }

    /// Whether (almost) every read follows a write of the register itself: commands go in, and
    /// the answer comes out at the same place.
    pub(super) const fn is_command(&self) -> bool {
        self.writes > 0 && self.lone_reads * 8 <= self.reads
    }

    pub(super) fn waits(&self) -> Option<&Waits> {
        self.waits.as_deref()
    }

    pub(super) fn pair(&self) -> Option<&Pair> {
        self.pair.as_deref()
    }

    /// Whether writing `written`, where it read `before` and then `after`, acknowledged: every bit
    /// written as 1 is off, and writing 0 to the others did not switch all of them off, as it does
    /// where the register just stores.
    pub(super) const fn acknowledges(&self, before: u64, written: u64, after: u64) -> bool {
        let others = before & !written;
        let survived = others == 0 || others & after != 0;
        written & before & !self.set != 0 && after & written == 0 && survived
    }

    /// What it read before it was last written.
    pub(super) const fn before_write(&self) -> Option<u64> {
        self.before_write
    }

    pub(super) const fn known(&self) -> Option<Known> {
        self.last
    }

    /// Takes an access of this register; `writes_anywhere` counts all writes of the trace so far.
    pub(super) fn learn(
        &mut self,
        kind: AccessKind,
        value: u64,
        at: Location,
        before: Option<Before>,
        writes_anywhere: u64,
    ) {
        if self.reads + self.writes == 0 {
            self.first_is_read = kind == AccessKind::Read;
        }
        match kind {
            AccessKind::Read => self.learn_read(value, at, before, writes_anywhere),
            AccessKind::Write => self.learn_write(value),
        }
        self.writes_anywhere = writes_anywhere;
        self.last = Some(Known {
            value,
            by_read: kind == AccessKind::Read,
        });
        if let Some(index) = before {
            if index.kind == AccessKind::Write && index.location != at {
                self.pair.get_or_insert_default().learn(&index, kind, value);
            } else if let Some(pair) = self.pair.as_deref_mut() {
                pair.miss();
            }
        }
    }

    /// The driver goes on to something else after it read this value.
    pub(super) const fn leave(&mut self, value: u64) {
        self.left_on |= value;
        self.left_off |= !value;
    }

    /// Takes an access equal to the last one, `count` times.
    pub(super) fn learn_again(&mut self, kind: AccessKind, count: u64) {
        match kind {
            AccessKind::Read => {
                self.reads += count;
                self.streak += count;
            }
            AccessKind::Write => self.writes += count,
        }
    }

    fn learn_write(&mut self, value: u64) {
        self.writes += 1;
        self.streak = 0;
        self.before_write = self.last.filter(|last| last.by_read).map(|last| last.value);
        self.unread_write = Some(value);
    }

    fn learn_read(
        &mut self,
        value: u64,
        at: Location,
        before: Option<Before>,
        writes_anywhere: u64,
    ) {
        self.reads += 1;
        self.first_read.get_or_insert(value);
        self.ones |= value;
        self.zeros |= !value;
        self.learn_waits(value, at, before);
        if let Some(written) = self.unread_write.take() {
            self.held |= !(written ^ value);
            self.refused |= written ^ value;
            if let Some(prior) = self.before_write {
                self.set |= !prior & written & value;
                if self.acknowledges(prior, written, value) {
                    self.acknowledged |= prior & written;
                }
            }
        }
        if let Some(last) = self.last.filter(|last| last.by_read) {
            let changed = last.value ^ value;
            self.status |= changed;
            if self.writes_anywhere == writes_anywhere {
                self.drifting[2] |= self.drifting[1] & changed;
                self.drifting[1] |= self.drifting[0] & changed;
                self.drifting[0] |= changed;
                self.falling |= last.value & !value;
            }
            self.rises += u64::from(value > last.value);
            self.falls += u64::from(value < last.value);
        }
    }

    fn learn_waits(&mut self, value: u64, at: Location, before: Option<Before>) {
        let own = before.filter(|before| before.location == at);
        if own.is_none() {
            self.lone_reads += 1;
            self.streak = 0;
        }
        match (own, before) {
            (Some(own), _) if own.kind == AccessKind::Read => {
                let seen = Candidates::between(own.value, value);
                if own.value == value {
                    self.streak += 1;
                } else {
                    // One pair of different values may be any data; a row of equal ones with a
                    // different one at its end is a wait.
                    let waiting = self.streak >= 2;
                    if waiting || seen.count() <= 8 {
                        self.waits
                            .get_or_insert_default()
                            .loops
                            .learn(seen, waiting);
                    }
                    self.streak = 1;
                }
            }
            (Some(own), _) => {
                self.streak = 1;
                let (all, changed) = self.answer(own.value, value);
                self.stayed_off |= !(own.value | value);
                if !all.is_empty() {
                    let waits = self.waits.get_or_insert_default();
                    waits.answers.learn(all, false);
                    waits.changes.learn(changed, false);
                }
            }
            (None, Some(before)) if before.kind == AccessKind::Write => {
                self.streak = 1;
                if let Some(seen) = self.effect(value) {
                    self.waits
                        .get_or_insert_default()
                        .after_write
                        .learn(seen, false);
                }
            }
            _ => self.streak = 1,
        }
    }

    /// What came back otherwise than written: all bits, and those that were not so before.
    fn answer(&self, written: u64, read: u64) -> (Candidates, Candidates) {
        let all = Candidates::between(written, read);
        match self.before_write {
            Some(prior) if self.acknowledges(prior, written, read) => Default::default(),
            Some(prior) => {
                let changed = Candidates {
                    set: all.set & !prior,
                    clear: all.clear,
                };
                (all, changed)
            }
            None => (all, all),
        }
    }

    /// What changed since the last read, where the register itself was not written.
    fn effect(&self, read: u64) -> Option<Candidates> {
        let last = self.last.filter(|last| last.by_read)?;
        let seen = Candidates::between(last.value, read);
        (1..=8).contains(&seen.count()).then_some(seen)
    }

    /// Of a register that takes commands and holds the answers: the bits that may be waited for. A
    /// bit that was otherwise when the driver went on once was not waited for, and bytes in which
    /// any bit was are data: bits there that happened to agree are no condition.
    pub(super) const fn without_data(&self, seen: Candidates) -> Candidates {
        if !self.is_command() {
            return seen;
        }
        let agreed = Candidates {
            set: seen.set & !self.left_off,
            clear: seen.clear & !self.left_on,
        };
        let data = whole_bytes(self.left_on & self.left_off);
        let outside = Candidates {
            set: agreed.set & !data,
            clear: agreed.clear & !data,
        };
        if outside.is_empty() { agreed } else { outside }
    }

    /// The bits of `written` to `read` that tell that a command was over.
    pub(super) fn narrow_answer(
        &self,
        prior: Option<u64>,
        written: u64,
        read: u64,
    ) -> Option<super::Condition> {
        let waits = self.waits()?;
        let all = Candidates::between(written, read);
        if prior.is_some_and(|prior| self.acknowledges(prior, written, read)) {
            return None;
        }
        if self.varying() == 0 && self.reads > 1 {
            // Reads are constant whatever is written: a flush.
            return None;
        }
        let known = waits.loops.narrow(all);
        if !known.is_empty() {
            return self.without_data(known).condition();
        }
        if self.is_command() {
            return self.without_data(waits.answers.narrow(all)).completion();
        }
        let changed = Candidates {
            set: all.set & !prior.unwrap_or(0) & !self.stayed_off,
            clear: all.clear,
        };
        waits.changes.narrow(changed).completion()
    }
}

/// All bits of the bytes in which a bit is on.
const fn whole_bytes(bits: u64) -> u64 {
    let bytes = bits.to_le_bytes();
    let mut whole = [0; 8];
    let mut at = 0;
    while at < 8 {
        if bytes[at] != 0 {
            whole[at] = 0xff;
        }
        at += 1;
    }
    u64::from_le_bytes(whole)
}
