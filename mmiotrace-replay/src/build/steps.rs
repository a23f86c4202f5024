//! From blocks to steps.

use super::regions::RegionFinder;
use super::unknowable::Sign;
use super::{PlanOptions, masks};
use crate::plan::{
    Action, Fill, MAX_STEP_ACCESSES, Place, Poll, Read, Section, SideFiles, Skip, Step, Transfer,
    UnknowableKind, Write,
};
use core::time::Duration;
use mmiotrace_analysis::blocks::{
    self, Block, BlockKind, Location, OtherRecord, Outcome, RegisterFacts, Registers,
};
use mmiotrace_core::{Access, AccessKind, EventKind, MapId, Marker, Value};

/// Makes steps, and notes what points beyond the trace.
pub(super) struct StepMaker<'a> {
    options: &'a PlanOptions,
    regions: &'a RegionFinder,
    registers: &'a Registers,
    sections: Vec<Section>,
    current: Section,
    files: SideFiles,
    signs: Vec<Sign>,
    /// The time that a delay step has already taken.
    delayed: bool,
    /// Whether the last transfer goes on in the next block.
    goes_on: bool,
}

/// The first line and the time before a step, as a block gives them.
#[derive(Clone, Copy)]
struct Start {
    line: u64,
    after: Duration,
    /// Between the accesses of the block.
    step: Duration,
}

impl<'a> StepMaker<'a> {
    pub(super) fn new(
        options: &'a PlanOptions,
        regions: &'a RegionFinder,
        registers: &'a Registers,
    ) -> Self {
        let mut current = Section::new("start");
        current.pacing = options.pacing;
        Self {
            options,
            regions,
            registers,
            sections: Vec::new(),
            current,
            files: SideFiles::new(),
            signs: Vec::new(),
            delayed: false,
            goes_on: false,
        }
    }

    pub(super) fn finish(mut self) -> (Vec<Section>, SideFiles, Vec<Sign>) {
        self.end_section();
        (self.sections, self.files, self.signs)
    }

    fn end_section(&mut self) {
        let mut next = Section::new("");
        next.pacing = self.options.pacing;
        let ended = core::mem::replace(&mut self.current, next);
        if !ended.steps.is_empty() {
            self.sections.push(ended);
        }
    }

    pub(super) fn add(&mut self, block: &Block) {
        let accesses = block.accesses();
        let step = block
            .duration()
            .checked_div(u32::try_from(accesses.saturating_sub(1)).unwrap_or(u32::MAX));
        let after = if core::mem::take(&mut self.delayed) {
            Duration::ZERO
        } else {
            block.gap
        };
        let start = Start {
            line: block.lines.first(),
            after,
            step: step.unwrap_or_default(),
        };
        let went_on = core::mem::take(&mut self.goes_on);
        match &block.kind {
            BlockKind::Access(access) => self.access(access, start),
            BlockKind::Poll(poll) => self.poll(poll, start, block.duration()),
            BlockKind::Modify(modify) => {
                self.two(modify.location, Some(modify.read), modify.written, start);
            }
            BlockKind::Acknowledge(ack) => self.two(ack.location, ack.read, ack.written, start),
            BlockKind::Upload(transfer) | BlockKind::Download(transfer) => {
                self.transfer(transfer, start, went_on);
                self.goes_on = block.continued;
            }
            BlockKind::Fill(fill) => self.fill(fill, start),
            BlockKind::Indexed(indexed) => {
                let index = Access {
                    kind: AccessKind::Write,
                    width: indexed.index.width,
                    map_id: indexed.index.map_id,
                    phys: indexed.index.phys,
                    value: Some(indexed.number),
                };
                self.access(&index, start);
                self.access(&indexed.data, start.next());
            }
            BlockKind::Repeat(repeat) => {
                // The time before the first block inside is the whole block's.
                self.delayed = start.after.is_zero();
                for block in &repeat.blocks {
                    self.add(block);
                }
            }
            BlockKind::Undecoded(undecoded) => self.undecoded(undecoded, start),
            BlockKind::Delay(time) => {
                self.current.steps.push(Step::new(Action::Delay(*time)));
                self.delayed = true;
            }
            BlockKind::Other(other) => self.other(other, start),
            _ => {}
        }
    }

    fn push(&mut self, start: Start, action: Action) {
        self.current.steps.push(Step {
            line: start.line,
            after: start.after,
            action,
        });
    }

    fn facts(&self, location: Location) -> Option<&'a RegisterFacts> {
        self.registers.get(location)
    }

    fn access(&mut self, access: &Access, start: Start) {
        let Some(place) = self.regions.place(access.phys) else {
            return self.skip(start, None, 1, "no region holds this address");
        };
        match (access.kind, access.value) {
            (AccessKind::Read, value) => {
                let facts = self.facts(Location::of(access));
                let expect = value.and_then(|value| masks::expect(value, access.width, facts));
                let read = Read {
                    expect,
                    ..Read::new(place, access.width)
                };
                self.push(start, Action::Read(read));
            }
            (AccessKind::Write, Some(value)) if !access.is_suspicious() => {
                self.push(start, Action::Write(Write::new(place, value)));
            }
            (AccessKind::Write, None) => {
                self.sign(UnknowableKind::Undecoded, start.line, Some(place), None, 1);
                self.skip(start, Some(place), 1, "the value written was not learnt");
            }
            (AccessKind::Write, value) => {
                self.sign(UnknowableKind::Undecoded, start.line, Some(place), value, 1);
                self.skip(
                    start,
                    Some(place),
                    1,
                    "the value is wider than the access: the tracer decoded it wrongly",
                );
            }
        }
    }

    fn two(&mut self, at: Location, read: Option<Value>, written: Value, start: Start) {
        let access = |kind, value| Access {
            kind,
            width: at.width,
            map_id: at.map_id,
            phys: at.phys,
            value: Some(value),
        };
        let mut start = start;
        if let Some(read) = read {
            self.access(&access(AccessKind::Read, read), start);
            start = start.next();
        }
        self.access(&access(AccessKind::Write, written), start);
    }

    fn poll(&mut self, poll: &blocks::Poll, start: Start, took: Duration) {
        let Some(place) = self.regions.place(poll.location.phys) else {
            return self.skip(
                start,
                None,
                poll.values.len(),
                "no region holds this address",
            );
        };
        let width = poll.location.width;
        let facts = self.facts(poll.location);
        let last = poll
            .values
            .last()
            .and_then(|value| masks::expect(value, width, facts));
        let Some(until) = poll.condition else {
            let read = Read {
                times: poll.values.len().min(MAX_STEP_ACCESSES),
                expect: last,
                ..Read::new(place, width)
            };
            return self.push(start, Action::Read(read));
        };
        let timed_out = poll.outcome == Outcome::TimedOut;
        let timeout = if timed_out {
            took
        } else {
            (took * 10).max(self.options.min_timeout)
        };
        // One read tells nothing of the driver's pace: 10 µs is what drivers choose.
        let interval = if poll.values.len() > 1 {
            start.step
        } else {
            Duration::from_micros(10)
        };
        self.push(
            start,
            Action::Poll(Poll {
                place,
                width,
                until,
                timeout,
                interval,
                reads: poll.values.len().min(MAX_STEP_ACCESSES),
                timed_out,
                expect: last,
            }),
        );
    }

    fn transfer(&mut self, transfer: &blocks::Transfer, start: Start, went_on: bool) {
        let count = transfer.values.len();
        let place = self.whole(transfer);
        let goes_on = went_on && self.append(transfer, place);
        if goes_on {
            return;
        }
        let fits = (self.options.min_side_file..=MAX_STEP_ACCESSES).contains(&count);
        let Some(place) = place.filter(|_| fits) else {
            return self.one_by_one(transfer, start);
        };
        let way = if transfer.direction == AccessKind::Write {
            "upload"
        } else {
            "download"
        };
        let stem = if self.options.trace.is_empty() {
            "trace"
        } else {
            &self.options.trace
        };
        let file = format!("{stem}.{way}-{}.bin", start.line);
        *self.files.entry(&file) = transfer.values.to_bytes();
        let width = transfer.location.width;
        let step = Transfer {
            place,
            width,
            stride: transfer.stride,
            file,
            from: 0,
            count,
        };
        let write = transfer.direction == AccessKind::Write;
        self.push(
            start,
            if write {
                Action::Upload(step)
            } else {
                Action::Download(step)
            },
        );
    }

    /// Appends to the transfer that the last step is, where this one goes on with it.
    fn append(&mut self, transfer: &blocks::Transfer, place: Option<Place>) -> bool {
        let Some(Step {
            action: Action::Upload(last) | Action::Download(last),
            ..
        }) = self.current.steps.last_mut()
        else {
            return false;
        };
        let steps = i64::try_from(last.count)
            .ok()
            .and_then(|count| last.stride.checked_mul(count));
        let next = steps.and_then(|steps| last.place.checked_add(steps));
        if next != place
            || place.is_none()
            || (last.width, last.stride) != (transfer.location.width, transfer.stride)
            || last.count + transfer.values.len() > MAX_STEP_ACCESSES
        {
            return false;
        }
        last.count += transfer.values.len();
        self.files
            .entry(&last.file)
            .extend(transfer.values.to_bytes());
        true
    }

    /// The place of a transfer, where all of it lies in one region.
    fn whole(&self, transfer: &blocks::Transfer) -> Option<Place> {
        let first = self.regions.place(transfer.location.phys)?;
        let steps = i64::try_from(transfer.values.len().checked_sub(1)?).ok()?;
        let last = first.checked_add(transfer.stride.checked_mul(steps)?)?;
        (last.offset < self.regions.region(first.region)?.len).then_some(first)
    }

    fn fill(&mut self, fill: &blocks::Transfer, start: Start) {
        let (count, place, value) = (fill.values.len(), self.whole(fill), fill.values.first());
        match (place, value) {
            (Some(place), Some(value)) if (8..=MAX_STEP_ACCESSES).contains(&count) => {
                self.push(
                    start,
                    Action::Fill(Fill {
                        place,
                        value,
                        stride: fill.stride,
                        count,
                    }),
                );
            }
            _ => self.one_by_one(fill, start),
        }
    }

    fn one_by_one(&mut self, transfer: &blocks::Transfer, start: Start) {
        let mut start = start;
        transfer.each(&mut |access| {
            self.access(&access, start);
            start = start.next();
        });
    }

    fn undecoded(&mut self, undecoded: &blocks::Undecoded, start: Start) {
        let place = self.regions.place(undecoded.phys);
        self.sign(
            UnknowableKind::Undecoded,
            start.line,
            place,
            None,
            undecoded.count,
        );
        self.skip(
            start,
            place,
            undecoded.count,
            "the tracer could not decode the instruction",
        );
    }

    fn other(&mut self, other: &OtherRecord, start: Start) {
        match other {
            // A run writes a section's name as a marker: what cannot be one begins no section.
            OtherRecord::Marker(text) if Marker::check_text(text).is_ok() => {
                self.end_section();
                self.current.name = String::from_utf8_lossy(text).into_owned();
                self.current.line = start.line;
            }
            OtherRecord::Lost(loss) => {
                self.sign(UnknowableKind::Lost, start.line, None, None, loss.count);
                self.skip(start, None, loss.count, "events were lost while recording");
            }
            OtherRecord::Blind(_) => self.sign(UnknowableKind::Unseen, start.line, None, None, 1),
            OtherRecord::Event(event) if event.kind == EventKind::Unmap(MapId::UNLISTED) => {
                self.sign(UnknowableKind::Unseen, start.line, None, None, 1);
            }
            _ => {}
        }
    }

    fn skip(&mut self, start: Start, place: Option<Place>, count: u64, why: &str) {
        self.push(
            start,
            Action::Skip(Skip {
                place,
                count,
                why: why.to_owned(),
            }),
        );
    }

    fn sign(
        &mut self,
        kind: UnknowableKind,
        line: u64,
        place: Option<Place>,
        value: Option<Value>,
        count: u64,
    ) {
        self.signs.push(Sign {
            kind,
            line,
            place,
            value,
            count,
        });
    }
}

impl Start {
    /// The next access of the same block.
    const fn next(self) -> Self {
        Self {
            line: self.line + 1,
            after: self.step,
            step: self.step,
        }
    }
}
