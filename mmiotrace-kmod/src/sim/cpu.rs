//! A simulated CPU, as the engine's platform.

use super::Program;
use super::schedule::Baton;
use super::world::{ALIAS, Bug, Machine};
use crate::{Fault, Frame, PAGE, Platform, Point, Region, Stepping};
use core::cell::{Cell, RefCell};
use mmiotrace_core::{AccessKind, Timestamp, VirtAddr};
use mmiotrace_decode::{BusFault, Context, Hint, Locked, LockedOp, Registers};
use std::boxed::Box;
use std::sync::Arc;

/// The registers of a simulated CPU.
#[derive(Clone, Debug)]
pub struct SimFrame {
    registers: Registers,
    stepping: bool,
}

impl SimFrame {
    pub(super) const fn new(registers: Registers) -> Self {
        Self {
            registers,
            stepping: false,
        }
    }

    pub(super) const fn is_stepping(&self) -> bool {
        self.stepping
    }
}

impl Frame for SimFrame {
    fn registers(&self) -> Registers {
        self.registers
    }

    fn set_registers(&mut self, registers: &Registers) {
        self.registers = *registers;
    }
}

/// A simulated CPU.
pub struct SimCpu {
    pub(super) world: Arc<Machine>,
    cpu: u32,
    owner: u64,
    baton: Option<(Arc<Baton>, usize)>,
    nmi: RefCell<Option<Box<Program>>>,
    in_nmi: Cell<bool>,
}

impl core::fmt::Debug for SimCpu {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SimCpu")
            .field("cpu", &self.cpu)
            .finish_non_exhaustive()
    }
}

impl SimCpu {
    /// One that acts outside any schedule.
    pub(super) fn outside(world: &Arc<Machine>) -> Self {
        Self {
            world: Arc::clone(world),
            cpu: 99,
            owner: 99,
            baton: None,
            nmi: RefCell::new(None),
            in_nmi: Cell::new(false),
        }
    }

    pub(super) fn inside(
        world: &Arc<Machine>,
        cpu: u32,
        owner: u64,
        baton: &Arc<Baton>,
        actor: usize,
        nmi: Option<Box<Program>>,
    ) -> Self {
        Self {
            world: Arc::clone(world),
            cpu,
            owner,
            baton: Some((Arc::clone(baton), actor)),
            nmi: RefCell::new(nmi),
            in_nmi: Cell::new(false),
        }
    }

    fn bug(&self) -> Option<Bug> {
        self.world.lock().bug
    }

    /// The bytes at `rip`, as the CPU fetches them.
    pub(super) fn fetch(&self, rip: u64) -> [u8; 15] {
        let state = self.world.lock();
        core::array::from_fn(|at| {
            let at = rip + at as u64;
            state.memory.get(&at).copied().unwrap_or(0x90)
        })
    }

    pub(super) fn load(&self, address: u64, into: &mut [u8]) -> Result<(), BusFault> {
        let mut state = self.world.lock();
        if state.device(address).is_some() {
            let done = state.access(self.cpu, address, AccessKind::Read, into);
            return done.ok_or(fault(address));
        }
        for (at, byte) in (address..).zip(into) {
            *byte = state.memory.get(&at).copied().unwrap_or(0);
        }
        Ok(())
    }

    pub(super) fn store(&self, address: u64, bytes: &[u8]) -> Result<(), BusFault> {
        let mut state = self.world.lock();
        if state.device(address).is_some() {
            let mut bytes = bytes.to_vec();
            let done = state.access(self.cpu, address, AccessKind::Write, &mut bytes);
            return done.ok_or(fault(address));
        }
        state.memory.extend((address..).zip(bytes.iter().copied()));
        Ok(())
    }

    pub(super) fn atomic(&self, address: u64, width: u8, op: LockedOp) -> Result<Locked, BusFault> {
        let mut bytes = [0; 16];
        let bytes = &mut bytes[..usize::from(width)];
        self.load(address, bytes)?;
        let old = bytes
            .iter()
            .rev()
            .fold(0, |all, byte| all << 8 | u128::from(*byte));
        let new = match op {
            LockedOp::Exchange(new) => u128::from(new),
            LockedOp::Add(add) => old.wrapping_add(u128::from(add)),
            LockedOp::CompareExchange { expected, new } if expected == old => new,
            LockedOp::CompareExchange { .. } => old,
            other => panic!("the simulation has no {other:?}"),
        };
        self.store(address, &new.to_le_bytes()[..usize::from(width)])?;
        Ok(Locked::Old(old))
    }
}

const fn fault(address: u64) -> BusFault {
    BusFault {
        address: VirtAddr(address),
    }
}

impl Platform for SimCpu {
    type Frame = SimFrame;
    type Lane = ();

    const CONTEXT: Context = Context::Kernel;

    fn owner(&self) -> u64 {
        self.owner
    }

    fn is_alive(&self, _: u64) -> bool {
        true
    }

    fn thread_id(&self) -> i32 {
        i32::try_from(self.cpu).unwrap_or(0) + 1000
    }

    fn cpu(&self) -> Option<u32> {
        Some(self.cpu)
    }

    fn now(&self) -> Timestamp {
        let mut state = self.world.lock();
        state.clock += 100;
        Timestamp::from_nanos(state.clock)
    }

    fn code(&self, pc: VirtAddr, into: &mut [u8; 15]) -> usize {
        if self.world.lock().unreadable.contains(&pc.0) {
            return 0;
        }
        *into = self.fetch(pc.0);
        15
    }

    fn code_words(&self, pc: VirtAddr) -> Option<[u64; 2]> {
        // What is hidden from the engine is so here too.
        let mut bytes = [0; 15];
        (self.code(pc, &mut bytes) == 15).then(|| {
            let word =
                |at: usize| u64::from_le_bytes(core::array::from_fn(|byte| bytes[at + byte]));
            [word(0), word(7)]
        })
    }

    fn read_device(&self, alias: u64, into: &mut [u8]) -> Result<(), BusFault> {
        if self.bug() == Some(Bug::ReadsTwice) {
            self.load(alias, into)?;
        }
        self.load(alias, into)
    }

    fn write_device(&self, alias: u64, bytes: &[u8], _: Hint) -> Result<(), BusFault> {
        if self.bug() != Some(Bug::OpensThePage) {
            return self.store(alias, bytes);
        }
        let page = alias & !ALIAS & !(PAGE - 1);
        self.world.lock().armed.remove(&page);
        self.point(Point::Page);
        let done = self.store(alias, bytes);
        self.world.lock().armed.insert(page);
        done
    }

    fn locked(&self, alias: u64, width: u8, op: LockedOp) -> Result<Locked, BusFault> {
        self.atomic(alias, width, op)
    }

    fn read_memory(&self, address: VirtAddr, into: &mut [u8]) -> Result<(), BusFault> {
        self.load(address.0, into)
    }

    fn write_memory(&self, address: VirtAddr, bytes: &[u8]) -> Result<(), BusFault> {
        self.store(address.0, bytes)
    }

    fn prepare_write(&self, _: VirtAddr, _: usize) -> Result<(), BusFault> {
        Ok(())
    }

    fn set_armed(&self, _: &Region, page: VirtAddr, len: u64, armed: bool) -> bool {
        let mut state = self.world.lock();
        for page in (page.0..page.0 + len).step_by(4096) {
            if armed {
                state.armed.insert(page);
                state.opened.remove(&page);
            } else {
                state.armed.remove(&page);
                state.opened.insert(page);
            }
        }
        true
    }

    fn allows(&self, fault: &Fault) -> bool {
        let page = fault.address.0 & !(PAGE - 1);
        !self.world.lock().armed.contains(&page)
    }

    fn relax(&self, _: u32) {
        if let Some((baton, actor)) = &self.baton {
            // An NMI that waits for its own CPU would wait for ever; the engine must not ask.
            assert!(!self.in_nmi.get() || baton.others(*actor), "an NMI waits");
            baton.relax(*actor);
        }
    }

    fn stepping(&self) -> Option<&dyn Stepping<SimFrame>> {
        Some(self)
    }

    fn point(&self, point: Point) {
        let Some((baton, actor)) = &self.baton else {
            return;
        };
        let pending = self.nmi.borrow().is_some();
        if baton.point(*actor, point, pending) {
            let handler = self.nmi.borrow_mut().take();
            if let Some(handler) = handler {
                self.in_nmi.set(true);
                let _ = handler.run_code(self);
                self.in_nmi.set(false);
            }
        }
    }
}

impl Stepping<SimFrame> for SimCpu {
    fn begin(&self, frame: &mut SimFrame) -> bool {
        frame.stepping = true;
        true
    }

    fn end(&self, frame: &mut SimFrame) {
        frame.stepping = false;
    }
}
