//! The way `step`: one instruction under the trap flag, its base register moved to the alias.
//!
//! Between the fault and the debug trap the context stays inside (nobody takes the alias away), its
//! lane stays taken, and the order lock stays with it.

use super::copy::Copy;
use super::record::OrderGuard;
use super::{Engine, RecordingBus, Work};
use crate::channel::{Body, ContextGuard, Entry};
use crate::lane::Lane;
use crate::number::index;
use crate::platform::{Claim, Frame, Platform, Point};
use crate::region::Region;
use crate::sync::{AtomicU32, Ordering};
use alloc::vec::Vec;
use mmiotrace_core::{Access, AccessKind, Code, PhysAddr, VirtAddr};
use mmiotrace_decode::{
    Bus, DecodedAccess, DecodedInstruction, Hint, Reason, RegisterFile, Registers, Step,
};

/// Most accesses of one instruction that can be stepped: a read and a write.
const MOST: usize = 2;
/// An NMI may step while a step is under way.
const DEPTH: usize = 2;

/// A step under way, kept in its lane.
#[derive(Debug)]
pub(super) struct PendingStep {
    step: Step,
    guard: Option<OrderGuard>,
    region: Region,
    pc: VirtAddr,
    instruction: DecodedInstruction,
    accesses: [Option<DecodedAccess>; MOST],
    /// It runs on a copy, which is written to the device afterwards.
    write_back: Option<DecodedAccess>,
}

/// The registers of the code under a step.
struct File<'p, P> {
    registers: Registers,
    platform: &'p P,
}

impl<P: Platform> RegisterFile for File<'_, P> {
    fn registers(&self) -> &Registers {
        &self.registers
    }

    fn vector(&self, number: u8) -> Option<[u8; 64]> {
        self.platform.stepping()?.vector(number)
    }
}

/// The steps under way in one context, innermost last.
#[derive(Debug)]
pub(super) struct Steps {
    /// 0, or 2 * (1 + the lane's number) + whether the context was nested.
    slots: [AtomicU32; DEPTH],
}

impl Steps {
    pub(super) fn new() -> Self {
        Self {
            slots: core::array::from_fn(|_| AtomicU32::new(0)),
        }
    }

    fn has_room(&self) -> bool {
        self.slots
            .iter()
            .any(|slot| slot.load(Ordering::Relaxed) == 0)
    }

    /// Written and taken by one CPU only; an NMI in between leaves it as it was.
    fn push(&self, word: u32) {
        let free = self
            .slots
            .iter()
            .find(|slot| slot.load(Ordering::Relaxed) == 0);
        if let Some(slot) = free {
            slot.store(word, Ordering::Relaxed);
        }
    }

    fn pop(&self) -> Option<u32> {
        self.slots
            .iter()
            .rev()
            .map(|slot| slot.swap(0, Ordering::Relaxed))
            .find(|word| *word != 0)
    }
}

impl<L: Send> Engine<'_, L> {
    /// Prepares the frame for a step.
    ///
    /// # Errors
    /// Why it cannot be stepped; `None` where the platform does not.
    pub(super) fn begin_step<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        inside: &ContextGuard<'_>,
        frame: &mut P::Frame,
        region: &Region,
        instruction: &DecodedInstruction,
        copy: &Copy,
    ) -> Result<PendingStep, Option<Reason>> {
        // The debug trap finds its way back by the owner's number alone.
        let is_preferred = ContextGuard::preferred(&self.channel, inside.owner()) == inside.id();
        let steps = self.steps.get(index(u64::from(inside.id().0)));
        let steps = steps.filter(|_| is_preferred).ok_or(None)?;
        let before = frame.registers();
        let mut moved = before;
        let mut accesses = [None; MOST];
        let file = File {
            registers: before,
            platform,
        };
        let mut all = instruction.accesses(&file);
        for (place, access) in accesses.iter_mut().zip(&mut all) {
            *place = Some(access);
        }
        let whole = |access: &DecodedAccess| {
            region.contains(access.address, u64::from(access.width.bytes()))
        };
        if all.next().is_some() || !accesses.iter().flatten().all(whole) {
            return Err(Some(Reason::Straddles));
        }
        if !steps.has_room() {
            return Err(None);
        }
        let first = accesses.iter().flatten().next().copied();
        let stepper = platform.stepping().ok_or(None)?;
        let on_copy = first.filter(|_| stepper.copies() && instruction.runs_on_copy());
        let delta = match on_copy {
            Some(first) => copy.address(first.address.0).wrapping_sub(first.address.0),
            None => region.alias.wrapping_sub(region.start.0),
        };
        let step = instruction.step(&mut moved, delta).map_err(Some)?;
        let pc = VirtAddr(before.rip);
        let mut stepping = PendingStep {
            step,
            guard: None,
            region: *region,
            pc,
            instruction: *instruction,
            accesses,
            write_back: None,
        };
        if on_copy.is_some() {
            self.fill_copy(platform, inside, &mut stepping, copy)?;
        }
        if !stepper.begin(frame) {
            return Err(None);
        }
        frame.set_registers(&moved);
        if on_copy.is_none() && !self.channel.is_closed() {
            stepping.guard = Some(self.begin_ordered(platform, inside));
        }
        platform.point(Point::Device);
        Ok(stepping)
    }

    /// Reads the operand into the copy, if the instruction reads it.
    fn fill_copy<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        inside: &ContextGuard<'_>,
        stepping: &mut PendingStep,
        copy: &Copy,
    ) -> Result<(), Option<Reason>> {
        let region = stepping.region;
        let (code, pc) = (stepping.instruction.code(), stepping.pc);
        let mut observed = Vec::new();
        let mut bus = RecordingBus::new(self, platform, inside, pc, code, region, &mut observed);
        for access in stepping.accesses.into_iter().flatten() {
            if access.kind == AccessKind::Write {
                stepping.write_back = Some(access);
                continue;
            }
            let mut bytes = [0; 64];
            let bytes = bytes
                .get_mut(..access.width.as_usize())
                .ok_or(Some(Reason::NotEncodable))?;
            bus.read_device(access.address, bytes)
                .map_err(|_| Some(Reason::NoVectorState))?;
            copy.put(access.address.0, bytes);
        }
        stepping.accesses = [None; MOST];
        Ok(())
    }

    /// Writes the copy to the device.
    fn write_copy<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        inside: &ContextGuard<'_>,
        stepping: &PendingStep,
        copy: &Copy,
    ) {
        let Some(access) = stepping.write_back else {
            return;
        };
        let region = stepping.region;
        let (code, pc) = (stepping.instruction.code(), stepping.pc);
        let mut observed = Vec::new();
        let mut bus = RecordingBus::new(self, platform, inside, pc, code, region, &mut observed);
        let mut bytes = [0; 64];
        if let Some(bytes) = bytes.get_mut(..access.width.as_usize()) {
            copy.get(access.address.0, bytes);
            // The alias answers as it did when the instruction read it, or as it does a store.
            let _ = bus.write_device(access.address, bytes, Hint::None);
        }
    }

    /// Leaves everything as it is until the debug trap.
    pub(super) fn park(&self, inside: ContextGuard<'_>, lane: Lane<'_, Work<L>>) {
        if let Some(steps) = self.steps.get(index(u64::from(inside.id().0))) {
            let nested = u32::from(inside.suspend());
            steps.push((lane.park() + 1) * 2 + nested);
        }
    }

    /// Deals with a debug trap (#DB): ends the step of this CPU, if one is under way. In fault
    /// context.
    pub fn on_debug_trap<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        frame: &mut P::Frame,
    ) -> Claim {
        let owner = platform.owner();
        let Some((inside, mut lane)) = self.resume(owner) else {
            return Claim::NotOurs;
        };
        platform.point(Point::Device);
        if let Some(stepping) = lane.stepping.take() {
            self.write_copy(platform, &inside, &stepping, &lane.copy);
            drop(lane);
            self.end_step(platform, &inside, frame, stepping);
        }
        Claim::Handled
    }

    fn resume(&self, owner: u64) -> Option<(ContextGuard<'_>, Lane<'_, Work<L>>)> {
        let id = ContextGuard::preferred(&self.channel, owner);
        let word = self.steps.get(index(u64::from(id.0)))?.pop()?;
        let inside = ContextGuard::resume(&self.channel, id, owner, word & 1 == 1)?;
        let lane = resume_lane(&self.lanes, (word >> 1).wrapping_sub(1))?;
        Some((inside, lane))
    }

    fn end_step<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        inside: &ContextGuard<'_>,
        frame: &mut P::Frame,
        stepping: PendingStep,
    ) {
        let mut registers = frame.registers();
        stepping.step.finish(&mut registers);
        frame.set_registers(&registers);
        if let Some(stepper) = platform.stepping() {
            stepper.end(frame);
        }
        let instruction = &stepping.instruction;
        let file = File {
            registers,
            platform,
        };
        let Some(mut guard) = stepping.guard else {
            return;
        };
        let time = platform.now();
        let positions = stepping
            .accesses
            .map(|access| access.map(|access| (self.order_position(&mut guard), access)));
        self.end_ordered(platform, inside, guard);
        for (position, access) in positions.into_iter().flatten() {
            let stamp = self.stamp(platform, position.seq, stepping.pc, time);
            let offset = stepping.region.offset(access.address);
            let value = match access.kind {
                AccessKind::Read => access.value.or_else(|| instruction.value_loaded(&file)),
                AccessKind::Write => access.value,
            };
            let body = Body::Access {
                access: Access {
                    kind: access.kind,
                    width: access.width,
                    map_id: stepping.region.map_id,
                    phys: PhysAddr(stepping.region.phys.0.wrapping_add(offset)),
                    value,
                },
                code: if value.is_some() {
                    Code::EMPTY
                } else {
                    instruction.code()
                },
                order: position.order,
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
