//! The way `step`: one instruction under the trap flag, its base register moved to the alias.
//!
//! Between the fault and the debug trap the context stays inside (nobody takes the alias away), its
//! lane stays taken, and the order lock stays with it.

use super::record::Turn;
use super::{Claim, Engine, Work};
use crate::channel::{Body, Entry, Inside};
use crate::lane::Lane;
use crate::number::index;
use crate::platform::{Frame, Platform, Point};
use crate::region::Region;
use crate::sync::{AtomicU32, Ordering};
use mmiotrace_core::{Access, Code, PhysAddr, VirtAddr};
use mmiotrace_decode::{DecodedAccess, DecodedInstruction, Reason, Step};

/// Most accesses of one instruction that can be stepped: a read and a write.
const MOST: usize = 2;
/// An NMI may step while a step is under way.
const DEPTH: usize = 2;

/// A step under way, kept in its lane.
#[derive(Debug)]
pub(super) struct Stepping {
    step: Step,
    turn: Option<Turn>,
    region: Region,
    pc: VirtAddr,
    code: Code,
    accesses: [Option<DecodedAccess>; MOST],
}

/// The steps under way in one context, innermost last.
#[derive(Debug)]
pub(super) struct Steps {
    /// 0, or 2 * (1 + the lane's number) + whether the context was nested.
    places: [AtomicU32; DEPTH],
}

impl Steps {
    pub(super) fn new() -> Self {
        Self {
            places: core::array::from_fn(|_| AtomicU32::new(0)),
        }
    }

    fn has_room(&self) -> bool {
        self.places
            .iter()
            .any(|place| place.load(Ordering::Relaxed) == 0)
    }

    /// Written and taken by one CPU only; an NMI in between leaves it as it was.
    fn push(&self, word: u32) {
        let free = self
            .places
            .iter()
            .find(|place| place.load(Ordering::Relaxed) == 0);
        if let Some(place) = free {
            place.store(word, Ordering::Relaxed);
        }
    }

    fn pop(&self) -> Option<u32> {
        self.places
            .iter()
            .rev()
            .map(|place| place.swap(0, Ordering::Relaxed))
            .find(|word| *word != 0)
    }
}

impl<P: Platform> Engine<'_, P> {
    /// Prepares the frame for a step.
    ///
    /// # Errors
    /// Why it cannot be stepped; `None` where the platform does not.
    pub(super) fn begin_step(
        &self,
        platform: &P,
        inside: &Inside<'_>,
        frame: &mut P::Frame,
        region: &Region,
        instruction: &DecodedInstruction,
    ) -> Result<Stepping, Option<Reason>> {
        // The debug trap finds its way back by the owner's number alone.
        let at_home = Inside::home(&self.channel, inside.owner()) == inside.id();
        let steps = self.steps.get(index(u64::from(inside.id().0)));
        let steps = steps.filter(|_| at_home).ok_or(None)?;
        let before = frame.registers();
        let mut moved = before;
        let mut accesses = [None; MOST];
        let mut all = instruction.accesses(&before);
        for (place, access) in accesses.iter_mut().zip(&mut all) {
            *place = Some(access);
        }
        let whole = |access: &DecodedAccess| {
            region.contains(access.address, u64::from(access.width.bytes()))
        };
        if all.next().is_some() || !accesses.iter().flatten().all(whole) {
            return Err(Some(Reason::Straddles));
        }
        let step = instruction
            .step(&mut moved, region.alias.wrapping_sub(region.start.0))
            .map_err(Some)?;
        if !steps.has_room() || !platform.begin_step(frame) {
            return Err(None);
        }
        frame.set_registers(&moved);
        let silent = self.channel.is_closed();
        let turn = (!silent).then(|| self.begin_turn(platform, inside));
        platform.point(Point::Device);
        Ok(Stepping {
            step,
            turn,
            region: *region,
            pc: VirtAddr(before.rip),
            code: instruction.code(),
            accesses,
        })
    }

    /// Leaves everything as it is until the debug trap.
    pub(super) fn park(&self, inside: Inside<'_>, lane: Lane<'_, Work<P::Lane>>) {
        if let Some(steps) = self.steps.get(index(u64::from(inside.id().0))) {
            let nested = u32::from(inside.suspend());
            steps.push((lane.park() + 1) * 2 + nested);
        }
    }

    /// Deals with a debug trap (#DB): ends the step of this CPU, if one is under way. In fault
    /// context.
    pub fn on_debug_trap(&self, platform: &P, frame: &mut P::Frame) -> Claim {
        let owner = platform.owner();
        let Some((inside, mut lane)) = self.resume(owner) else {
            return Claim::NotOurs;
        };
        platform.point(Point::Device);
        let stepping = lane.stepping.take();
        drop(lane);
        if let Some(stepping) = stepping {
            self.end_step(platform, &inside, frame, stepping);
        }
        Claim::Handled
    }

    fn resume(&self, owner: u64) -> Option<(Inside<'_>, Lane<'_, Work<P::Lane>>)> {
        let id = Inside::home(&self.channel, owner);
        let word = self.steps.get(index(u64::from(id.0)))?.pop()?;
        let inside = Inside::resume(&self.channel, id, owner, word & 1 == 1)?;
        let lane = resume_lane(&self.lanes, (word >> 1).wrapping_sub(1))?;
        Some((inside, lane))
    }

    fn end_step(
        &self,
        platform: &P,
        inside: &Inside<'_>,
        frame: &mut P::Frame,
        stepping: Stepping,
    ) {
        let mut registers = frame.registers();
        stepping.step.finish(&mut registers);
        frame.set_registers(&registers);
        platform.end_step(frame);
        let Some(mut turn) = stepping.turn else {
            return;
        };
        let time = platform.now();
        let places = stepping
            .accesses
            .map(|access| access.map(|access| (self.place(&mut turn), access)));
        self.end_turn(platform, inside, turn);
        for (place, access) in places.into_iter().flatten() {
            let stamp = self.stamp(platform, place.seq, stepping.pc, time);
            let offset = stepping.region.offset(access.address);
            let body = Body::Access {
                access: Access {
                    kind: access.kind,
                    width: access.width,
                    map_id: stepping.region.map_id,
                    phys: PhysAddr(stepping.region.phys.0.wrapping_add(offset)),
                    value: access.value,
                },
                code: if access.value.is_some() {
                    Code::EMPTY
                } else {
                    stepping.code
                },
                order: place.order,
            };
            self.write(platform, inside, &Entry { stamp, body });
        }
    }
}

#[expect(
    unsafe_code,
    reason = "the number of a parked lane is used once: see below"
)]
fn resume_lane<T>(lanes: &crate::lane::Lanes<T>, number: u32) -> Option<Lane<'_, T>> {
    // SAFETY: the number comes from `Steps::pop`, which takes out what `park` put in after
    // `Lane::park` gave it; so it is a parked lane's number, and this is its only use.
    unsafe { lanes.unpark(number) }
}
