//! What one actor of a schedule does.

use super::schedule::Baton;
use super::{SimCpu, SimFrame, World, world};
use crate::{Claim, Fault, Frame, PAGE, Platform, Point, Raise};
use mmiotrace_core::{AccessKind, VirtAddr};
use mmiotrace_decode::{
    Bus, BusFault, DecodedInstruction, Decoder, Hint, Locked, LockedOp, MemoryKind, Registers,
};
use std::sync::Arc;
use std::vec::Vec;

#[derive(Clone, Debug)]
pub(super) enum Task {
    Code,
    Attach(u64),
    Detach(u64),
    Rearm,
}

/// What one actor does: a CPU that runs code, or a task that changes what is traced.
#[derive(Clone, Debug)]
pub struct Program {
    pub(super) world: World,
    pub(super) cpu: u32,
    task: Task,
    registers: Registers,
    end: u64,
    nmi: Option<std::boxed::Box<Self>>,
    may_raise: bool,
}

impl Program {
    pub(super) fn new(world: World, cpu: u32, task: Task) -> Self {
        Self {
            world,
            cpu,
            task,
            registers: Registers {
                rflags: 2,
                ..Registers::default()
            },
            end: 0,
            nmi: None,
            may_raise: false,
        }
    }

    /// The code to run, once from its beginning to its end.
    #[must_use]
    pub fn with_code(mut self, code: &[u8]) -> Self {
        self.registers.rip = self.world.place_code(code);
        self.end = self.registers.rip + code.len() as u64;
        self
    }

    /// A register before the first instruction, by its number.
    #[must_use]
    pub const fn with(mut self, gpr: usize, value: u64) -> Self {
        self.registers.gpr[gpr % 16] = value;
        self
    }

    /// An NMI that comes once, at any point of this program, and runs `handler`.
    #[must_use]
    pub fn with_nmi(mut self, handler: Self) -> Self {
        self.nmi = Some(std::boxed::Box::new(handler));
        self
    }

    /// The program may end in a fault.
    #[must_use]
    pub const fn may_raise(mut self) -> Self {
        self.may_raise = true;
        self
    }

    /// Hides the first instruction from the engine.
    #[must_use]
    pub fn hidden(self) -> Self {
        self.world.hide(self.registers.rip);
        self
    }

    pub(super) fn run(self, baton: &Arc<Baton>, actor: usize) {
        let owner = u64::from(self.cpu) + 1;
        let nmi = self.nmi.clone();
        let platform = SimCpu::inside(&self.world.0, self.cpu, owner, baton, actor, nmi);
        let machine = &self.world.0;
        match self.task {
            Task::Code => {
                let _ = self.run_code(&platform);
            }
            Task::Attach(start) => {
                world::attach(machine, &platform, start).expect("attached");
            }
            Task::Detach(start) => {
                let mut found = None;
                machine.engine.each_region(&platform, |id, region| {
                    if region.start.0 == start {
                        found = Some(id);
                    }
                });
                if let Some(id) = found {
                    machine.engine.detach(&platform, id).expect("detached");
                }
            }
            Task::Rearm => {
                machine.lock().clock += 2 * crate::REARM_AFTER_NANOS;
                let _ = machine.engine.rearm(&platform);
            }
        }
    }

    /// Runs the code; gives what it ended in.
    pub(super) fn run_code(&self, platform: &SimCpu) -> Option<Claim> {
        let mut frame = SimFrame::new(self.registers);
        let mut decoder = Decoder::new();
        decoder.warm_up_with(0);
        // More turns than any program of a test takes: a page that never opens would loop.
        for _ in 0..10_000 {
            if frame.registers().rip == self.end {
                platform.world.lock().memory.extend(dump(&frame, self.cpu));
                return None;
            }
            let claim = turn(platform, &mut frame, &mut decoder);
            if !matches!(claim, None | Some(Claim::Handled)) {
                let expected =
                    self.may_raise && matches!(claim, Some(Claim::Raise(Raise::Device(_))));
                assert!(expected, "CPU {} ended in {claim:?}", self.cpu);
                return claim;
            }
        }
        panic!("CPU {} does not get on", self.cpu);
    }
}

/// Where a CPU leaves its registers when its program has ended.
pub(super) const fn dump_at(cpu: u32) -> u64 {
    0xd000_0000 + 0x100 * cpu as u64
}

fn dump(frame: &SimFrame, cpu: u32) -> Vec<(u64, u8)> {
    let bytes = frame.registers().gpr.into_iter().flat_map(u64::to_le_bytes);
    (dump_at(cpu)..).zip(bytes).collect()
}

/// One instruction, or one fault.
fn turn(platform: &SimCpu, frame: &mut SimFrame, decoder: &mut Decoder) -> Option<Claim> {
    let mut registers = frame.registers();
    let code = platform.fetch(registers.rip);
    let instruction = decoder.decode_uncached(&code).expect("an instruction");
    // A CPU that steps touches the alias, which is never armed.
    if let Some((address, write)) = first_armed(platform, &instruction, &registers) {
        let fault = Fault {
            address: VirtAddr(address),
            write,
        };
        let claim = platform.world.engine.on_page_fault(platform, frame, fault);
        return Some(claim);
    }
    let mut bus = NativeBus(platform);
    let progress = instruction.emulate(&mut registers, &mut bus, 1);
    let _ = progress.expect("a CPU can do anything");
    frame.set_registers(&registers);
    if frame.is_stepping() {
        let claim = platform.world.engine.on_debug_trap(platform, frame);
        assert_eq!(claim, Claim::Handled);
    }
    platform.point(Point::Faulted);
    None
}

/// The first byte on a page that is not present, and whether a write follows.
fn first_armed(
    platform: &SimCpu,
    instruction: &DecodedInstruction,
    registers: &Registers,
) -> Option<(u64, bool)> {
    let state = platform.world.lock();
    let writes = |access: &mmiotrace_decode::DecodedAccess| access.kind == AccessKind::Write;
    // Of a repeated string the first element only.
    let all: Vec<_> = instruction.accesses(registers).take(2).collect();
    all.iter().find_map(|access| {
        let first = access.address.0;
        let last = first + u64::from(access.width.bytes()) - 1;
        [first, last & !(PAGE - 1)]
            .into_iter()
            .find(|at| *at >= first && state.armed.contains(&(at & !(PAGE - 1))))
            .map(|at| (at, all.iter().any(writes)))
    })
}

/// Memory as the CPU sees it: no engine in between.
struct NativeBus<'a>(&'a SimCpu);

impl Bus for NativeBus<'_> {
    fn locate(&self, _: VirtAddr, _: usize) -> MemoryKind {
        MemoryKind::Memory
    }

    fn read_device(&mut self, address: VirtAddr, into: &mut [u8]) -> Result<(), BusFault> {
        self.read_memory(address, into)
    }

    fn write_device(&mut self, address: VirtAddr, bytes: &[u8], _: Hint) -> Result<(), BusFault> {
        self.write_memory(address, bytes)
    }

    fn locked(&mut self, address: VirtAddr, width: u8, op: LockedOp) -> Result<Locked, BusFault> {
        self.0.atomic(address.0, width, op)
    }

    fn read_memory(&mut self, address: VirtAddr, into: &mut [u8]) -> Result<(), BusFault> {
        self.0.load(address.0, into)
    }

    fn write_memory(&mut self, address: VirtAddr, bytes: &[u8]) -> Result<(), BusFault> {
        self.0.store(address.0, bytes)
    }

    fn prepare_write(&mut self, _: VirtAddr, _: usize) -> Result<(), BusFault> {
        Ok(())
    }
}
