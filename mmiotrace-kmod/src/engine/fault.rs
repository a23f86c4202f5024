//! A page fault, from the look at its address to the return.

use super::copy::Copy;
use super::move_cache::MoveCache;
use super::reason::{self, DEVICE, EXCEPTION, MEMORY, NO_CODE, NO_INSTRUCTION, NO_STEP, UNNAMED};
use super::step::PendingStep;
use super::{Engine, RecordingBus, Work};
use crate::blind::Opening;
use crate::channel::{Body, ContextGuard};
use crate::lane::Lane;
use crate::platform::{Claim, DeviceBus as _, Fault, Frame, Platform, Point, Raise};
use crate::region::{PAGE, Region};
use crate::sync::Ordering;
use mmiotrace_core::{Blind, BlindEdge, BlindReason, Code, PhysAddr, Timestamp, VirtAddr};
use mmiotrace_decode::{BusFault, DecodedInstruction, Progress, Reason, Stop, Way};

/// How an instruction that is now understood went on.
enum Course<'e, L> {
    Claim(Claim),
    /// It is stepped; the debug trap goes on with it.
    Stepping(Lane<'e, Work<L>>),
    /// It needs its page open.
    Open(BlindReason),
}

/// Why a page is opened.
struct Why {
    pc: VirtAddr,
    reason: BlindReason,
    code: Code,
}

impl<L: Send> Engine<'_, L> {
    /// Deals with a page fault. In fault context, on any CPU or thread, also nested.
    pub fn on_page_fault<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        frame: &mut P::Frame,
        fault: Fault,
    ) -> Claim {
        platform.point(Point::Faulted);
        let owner = platform.owner();
        // In two branches: what comes in is not moved before the access is made.
        if P::CPUS {
            if let Some(cache) = self.move_caches.of(owner) {
                let own = ContextGuard::enter_own(&self.channel, cache.context, cache.id, owner);
                if let Some(inside) = own {
                    return self.on_fault_at(platform, inside, cache, frame, &fault);
                }
            }
        } else if let Some(inside) =
            ContextGuard::enter_first(&self.channel, owner, platform.remote_fence().is_some())
        {
            if let Some(cache) = self.move_caches.at(inside.id()) {
                return self.on_fault_at(platform, inside, cache, frame, &fault);
            }
            return self.on_other_fault(platform, inside, frame, &fault);
        }
        self.on_other_fault(platform, self.enter(platform), frame, &fault)
    }

    /// A fault, inside the engine, with the move cache of its context.
    #[inline(always)]
    fn on_fault_at<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        inside: ContextGuard<'_>,
        cache: &MoveCache<'_>,
        frame: &mut P::Frame,
        fault: &Fault,
    ) -> Claim {
        if !inside.is_nested()
            && let Some(done) = self.try_cached(platform, &inside, cache, frame)
        {
            let Err(broken) = done else {
                return Claim::Handled;
            };
            return self.no_answer(platform, &inside, frame, fault, broken);
        }
        self.on_other_fault(platform, inside, frame, fault)
    }

    /// The alias did not answer a plain move.
    #[cold]
    #[inline(never)]
    fn no_answer<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        inside: &ContextGuard<'_>,
        frame: &P::Frame,
        fault: &Fault,
        broken: BusFault,
    ) -> Claim {
        let region = self.regions.lookup(fault.address);
        match (region, course_of_raise::<P>(Raise::Device(broken.address))) {
            (Some(region), Course::Open(reason)) => {
                let why = Why {
                    pc: VirtAddr(frame.rip()),
                    reason,
                    code: Code::EMPTY,
                };
                let page = VirtAddr(fault.address.0 & !(PAGE - 1));
                self.open(platform, inside, &region, page, &why)
            }
            (_, Course::Claim(claim)) => claim,
            _ => Claim::NotOurs,
        }
    }

    /// A fault of which nothing is remembered.
    #[inline(never)]
    fn on_other_fault<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        inside: ContextGuard<'_>,
        frame: &mut P::Frame,
        fault: &Fault,
    ) -> Claim {
        let Some(region) = self.regions.lookup(fault.address) else {
            return self.on_foreign_fault(platform, fault);
        };
        platform.point(Point::Found);
        let pc = VirtAddr(frame.rip());
        let mut bytes = [0; 15];
        let have = platform.code(pc, &mut bytes);
        let bytes = bytes.get(..have).unwrap_or(&[]);
        let why = match self.carry_out(platform, &inside, frame, &region, pc, bytes) {
            Course::Claim(claim) => return claim,
            Course::Stepping(lane) => {
                self.park(inside, lane);
                return Claim::Handled;
            }
            Course::Open(reason) => Why {
                pc,
                reason,
                code: Code::from_prefix(bytes),
            },
        };
        let page = VirtAddr(fault.address.0 & !(PAGE - 1));
        self.open(platform, &inside, &region, page, &why)
    }

    /// A fault outside all regions. It may have been taken before its region was removed.
    #[cold]
    #[inline(never)]
    fn on_foreign_fault<P: Platform<Lane = L>>(&self, platform: &P, fault: &Fault) -> Claim {
        if self.regions.held_lately(fault.address) && platform.allows(fault) {
            return Claim::Handled;
        }
        self.foreign.fetch_add(1, Ordering::Relaxed);
        Claim::NotOurs
    }

    fn carry_out<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        inside: &ContextGuard<'_>,
        frame: &mut P::Frame,
        region: &Region,
        pc: VirtAddr,
        bytes: &[u8],
    ) -> Course<'_, L> {
        if bytes.is_empty() {
            self.faults.fetch_add(1, Ordering::Relaxed);
            return Course::Open(NO_CODE);
        }
        let mut lane = self.lane(platform, inside);
        lane.count();
        let work = &mut *lane;
        let Ok(instruction) = work.decoder.decode(bytes, pc) else {
            return Course::Open(NO_INSTRUCTION);
        };
        match self.carry_out_plain(platform, inside, frame, region, instruction) {
            None => {}
            Some(Ok(())) => {
                if !inside.is_nested() {
                    self.cache_move(platform, inside, pc, region, instruction);
                }
                return Course::Claim(Claim::Handled);
            }
            // The alias did not answer.
            Some(Err(fault)) => return course_of_raise::<P>(Raise::Device(fault.address)),
        }
        let mut bus = RecordingBus::new(
            self,
            platform,
            inside,
            pc,
            instruction.code(),
            *region,
            &mut work.observed,
        );
        match self.carry_out_any(&mut bus, &mut work.platform, &work.copy, frame, instruction) {
            Ok(course) => course,
            Err(stepping) => {
                lane.stepping = Some(stepping);
                Course::Stepping(lane)
            }
        }
    }

    /// An instruction of any kind. As an error where it is stepped.
    #[inline(never)]
    #[expect(
        clippy::result_large_err,
        reason = "large, and there is nowhere to put it in a fault"
    )]
    fn carry_out_any<P: Platform<Lane = L>>(
        &self,
        bus: &mut RecordingBus<'_, '_, P>,
        lane: &mut L,
        copy: &Copy,
        frame: &mut P::Frame,
        instruction: &DecodedInstruction,
    ) -> Result<Course<'_, L>, PendingStep> {
        let stop = match instruction.way(P::CONTEXT) {
            Way::Emulate => self.emulate(frame, instruction, bus),
            Way::Bounce | Way::Alias => {
                let result = match bus.platform.execution() {
                    Some(execution) => execution.execute(lane, instruction, frame, bus),
                    None => Err(Stop::Cannot(Reason::NoVectorState)),
                };
                bus.end_ordered();
                result
            }
            Way::Step => {
                let (platform, inside, region) = (bus.platform, bus.inside, bus.region);
                match self.begin_step(platform, inside, frame, &region, instruction, copy) {
                    Ok(stepping) => return Err(stepping),
                    Err(Some(reason)) => return Ok(Course::Open(reason::of(reason))),
                    Err(None) => return Ok(Course::Open(NO_STEP)),
                }
            }
            Way::Cannot(reason) => Err(Stop::Cannot(reason)),
            // It touches nothing by itself (a cache line flush faults all the same).
            _ => {
                let mut registers = frame.registers();
                registers.rip = registers.rip.wrapping_add(u64::from(instruction.len()));
                frame.set_registers(&registers);
                Ok(Progress::Done)
            }
        };
        Ok(self.course(bus, stop))
    }

    fn emulate<P: Platform<Lane = L>>(
        &self,
        frame: &mut P::Frame,
        instruction: &DecodedInstruction,
        bus: &mut RecordingBus<'_, '_, P>,
    ) -> Result<Progress, Stop> {
        let mut registers = frame.registers();
        let result = instruction.emulate(&mut registers, bus, self.string_elements);
        // Also where it stopped: elements of a string that are done are done.
        frame.set_registers(&registers);
        result
    }

    fn course<P: Platform<Lane = L>>(
        &self,
        bus: &RecordingBus<'_, '_, P>,
        result: Result<Progress, Stop>,
    ) -> Course<'_, L> {
        let raise = match result {
            Ok(_) => return Course::Claim(Claim::Handled),
            Err(Stop::Cannot(reason)) => return Course::Open(reason::of(reason)),
            Err(Stop::Exception(exception)) => Raise::Exception(exception),
            Err(Stop::Fault(fault)) if bus.is_traced(fault.address) => Raise::Device(fault.address),
            Err(Stop::Fault(fault)) => Raise::Memory(fault.address),
            // A stop of a kind that this engine does not know.
            Err(_) => return Course::Open(UNNAMED),
        };
        course_of_raise::<P>(raise)
    }

    /// Opens a page because an instruction cannot be carried out exactly, and says so first.
    #[cold]
    #[inline(never)]
    fn open<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        inside: &ContextGuard<'_>,
        region: &Region,
        page: VirtAddr,
        why: &Why,
    ) -> Claim {
        let mut waited = 0;
        let token = loop {
            match self.blinds.begin(page.0) {
                Opening::Open(token) => break Some(token),
                Opening::Full => break None,
                // Who is to open it may be the one that was interrupted here.
                Opening::Already if inside.is_nested() => {
                    let _ = platform.set_armed(region, page, PAGE, false);
                    return Claim::Handled;
                }
                Opening::Already => {
                    platform.relax(waited);
                    return Claim::Handled;
                }
                Opening::Busy => platform.relax(waited),
            }
            waited = u32::saturating_add(waited, 1);
        };
        self.blind.fetch_add(1, Ordering::Relaxed);
        let phys = PhysAddr(region.phys.0.wrapping_add(region.offset(page)));
        let blind = Blind {
            time: Timestamp::ZERO,
            edge: BlindEdge::Begin,
            page: phys,
            reason: why.reason,
            code: why.code,
        };
        // The record first: what follows its number may be unseen, what precedes it is not.
        if !self.channel.is_closed() {
            self.note(platform, inside, why.pc, Body::Blind(blind));
        }
        platform.point(Point::Page);
        let for_good = self.blinds.strike(why.pc.0) || token.is_none();
        let opened = platform.set_armed(region, page, PAGE, false);
        if let Some(token) = token {
            if opened {
                self.blinds.opened(token, platform.now(), for_good);
            } else {
                self.blinds.cancel(token);
            }
        }
        if opened {
            Claim::Handled
        } else {
            Claim::NotOurs
        }
    }
}

/// The instruction natively ends in something else.
fn course_of_raise<'e, P: Platform>(raise: Raise) -> Course<'e, P::Lane> {
    if P::RAISES {
        return Course::Claim(Claim::Raise(raise));
    }
    Course::Open(match raise {
        Raise::Exception(_) => EXCEPTION,
        Raise::Memory(_) => MEMORY,
        Raise::Device(_) => DEVICE,
    })
}
