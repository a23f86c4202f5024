//! This process as the engine's platform.

#![expect(
    unsafe_code,
    reason = "device memory, the program's memory, and system calls in a handler"
)]

use super::code::{Code, piece};
use super::frame::SignalFrame;
use super::handler_state::{ELEMENTS, HandlerState, Lane};
use super::{barrier, clock, maps, model, thread};
use crate::engine::{DeviceBus, Execution, Fault, Frame, PAGE, Platform, Region, RemoteFence};
use core::time::Duration;
use mmiotrace_core::{Timestamp, VirtAddr};
use mmiotrace_decode::{
    AliasBus, Bus, BusFault, Context, DecodedAccess, DecodedInstruction, Hint, Locked, LockedOp,
    MemoryKind, Progress, Reason, Stop, Way, native,
};
use rustix::mm::{MprotectFlags, mprotect};

/// This process, for one call of the engine.
#[derive(Clone, Copy, Debug)]
pub(super) struct UserSpace<'a> {
    state: &'a HandlerState,
    in_handler: bool,
    /// The thread that this is made and used in.
    thread: i32,
    /// The bytes of the instruction that faulted.
    code: Code,
}

impl<'a> UserSpace<'a> {
    /// In a signal handler of `thread`, with the code of the instruction that faulted.
    #[inline]
    pub(super) const fn in_handler(state: &'a HandlerState, thread: i32, code: Code) -> Self {
        Self {
            state,
            in_handler: true,
            thread,
            code,
        }
    }

    /// Outside of handlers: while the engine waits for others, the rings are emptied if the recorder
    /// is in this process.
    pub(super) fn outside(state: &'a HandlerState) -> Self {
        Self {
            state,
            in_handler: false,
            thread: thread::id(),
            code: Code::NONE,
        }
    }
}

const fn fault(address: u64) -> BusFault {
    BusFault {
        address: VirtAddr(address),
    }
}

impl Platform for UserSpace<'_> {
    type Frame = SignalFrame;
    type Lane = Lane;

    const CONTEXT: Context = Context::Process;

    #[inline]
    fn remote_fence(&self) -> Option<&dyn RemoteFence> {
        self.state.orders_all().then_some(self)
    }

    fn execution(&self) -> Option<&dyn Execution<SignalFrame, Lane>> {
        Some(self)
    }

    #[inline]
    fn owner(&self) -> u64 {
        let space = u64::from(self.state.pid().unsigned_abs());
        space << 32 | u64::from(self.thread.unsigned_abs())
    }

    fn is_alive(&self, owner: u64) -> bool {
        thread::owner_is_alive(owner)
    }

    #[inline]
    fn thread_id(&self) -> i32 {
        self.thread
    }

    fn cpu(&self) -> Option<u32> {
        // It may be another after every instruction.
        None
    }

    #[inline]
    fn now(&self) -> Timestamp {
        clock::now()
    }

    fn code(&self, pc: VirtAddr, into: &mut [u8; 15]) -> usize {
        let code = if self.code.pc == pc.0 {
            self.code
        } else {
            Code::read(pc.0)
        };
        let have;
        (*into, have) = code.bytes();
        have
    }

    #[inline(always)]
    fn code_words(&self, pc: VirtAddr) -> Option<[u64; 2]> {
        self.code.words().filter(|_| self.code.pc == pc.0)
    }

    #[inline]
    fn read_word(&self, alias: u64, width: u8) -> Result<u64, BusFault> {
        if model::is_model(alias) {
            let mut bytes = [0; 8];
            let into = bytes.get_mut(..usize::from(width)).ok_or(fault(alias))?;
            model::read(alias, into)?;
            return Ok(u64::from_le_bytes(bytes));
        }
        // SAFETY: as in `read_device`.
        let read = unsafe { native::read_word(alias as *const u8, width) };
        read.ok_or(fault(alias))
    }

    #[inline]
    fn write_word(&self, alias: u64, width: u8, value: u64) -> Result<(), BusFault> {
        if model::is_model(alias) {
            let bytes = value.to_le_bytes();
            let bytes = bytes.get(..usize::from(width)).ok_or(fault(alias))?;
            return model::write(alias, bytes);
        }
        // SAFETY: as in `write_device`.
        let done = unsafe { native::write_word(alias as *mut u8, width, value, Hint::None) };
        done.then_some(()).ok_or(fault(alias))
    }

    fn read_device(&self, alias: u64, into: &mut [u8]) -> Result<(), BusFault> {
        if model::is_model(alias) {
            return model::read(alias, into);
        }
        // SAFETY: the address lies in the alias of a region that is traced, which is mapped until
        // nobody is inside the engine; and a fault there is recovered by the handler.
        let done = unsafe { native::read(alias as *const u8, into) };
        done.then_some(()).ok_or(fault(alias))
    }

    fn write_device(&self, alias: u64, bytes: &[u8], hint: Hint) -> Result<(), BusFault> {
        if model::is_model(alias) {
            return model::write(alias, bytes);
        }
        // SAFETY: as for a read; nobody has a reference to device memory (the contract of
        // `attach`).
        let done = unsafe { native::write(alias as *mut u8, bytes, hint) };
        done.then_some(()).ok_or(fault(alias))
    }

    fn locked(&self, alias: u64, width: u8, op: LockedOp) -> Result<Locked, BusFault> {
        if model::is_model(alias) {
            return model::locked(alias, width, op);
        }
        // SAFETY: as for a write.
        let done = unsafe { native::locked(alias as *mut u8, width, op) };
        done.ok_or(fault(alias))
    }

    fn read_memory(&self, address: VirtAddr, into: &mut [u8]) -> Result<(), BusFault> {
        let mut at = address.0;
        let mut rest = into;
        while !rest.is_empty() {
            let (now, later) = rest.split_at_mut(piece(rest.len()));
            // SAFETY: the program's own instruction reads this memory; a fault is recovered.
            if !unsafe { native::read(at as *const u8, now) } {
                return Err(fault(at));
            }
            at = at.wrapping_add(now.len() as u64);
            rest = later;
        }
        Ok(())
    }

    fn write_memory(&self, address: VirtAddr, bytes: &[u8]) -> Result<(), BusFault> {
        let mut at = address.0;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(piece(rest.len()));
            // SAFETY: the program's own instruction writes this memory; a fault is recovered.
            if !unsafe { native::write(at as *mut u8, now, Hint::None) } {
                return Err(fault(at));
            }
            at = at.wrapping_add(now.len() as u64);
            rest = later;
        }
        Ok(())
    }

    fn prepare_write(&self, address: VirtAddr, len: usize) -> Result<(), BusFault> {
        let last = address.0.wrapping_add(len.saturating_sub(1) as u64);
        let mut at = address.0;
        loop {
            // SAFETY: the program's own instruction writes this memory; a fault is recovered.
            if !unsafe { native::touch(at as *mut u8) } {
                return Err(fault(at));
            }
            let next = (at | (PAGE - 1)).wrapping_add(1);
            if next > last || next == 0 {
                return Ok(());
            }
            at = next;
        }
    }

    fn set_armed(&self, region: &Region, page: VirtAddr, len: u64, armed: bool) -> bool {
        let protect = |start: u64, len: u64| {
            let protection = if armed { 0 } else { region.tag };
            let flags = MprotectFlags::from_bits_retain(u32::try_from(protection).unwrap_or(0));
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            // SAFETY: pages of a traced region: the caller of `attach` has given the engine the
            // right to change their protection, and `tag` is what it was. Not by the C library, whose
            // functions may be replaced by some that ask the engine.
            unsafe { mprotect(start as *mut libc::c_void, len, flags) }.is_ok()
        };
        if self.in_handler && !armed {
            self.state.wakeup.wake();
        }
        // Pages larger than 4 KiB cannot be opened in part.
        protect(page.0, len) || (!armed && protect(region.start.0, region.len))
    }

    fn allows(&self, fault: &Fault) -> bool {
        maps::allows(fault)
    }

    fn relax(&self, waited: u32) {
        match waited {
            0..100 => core::hint::spin_loop(),
            // SAFETY: a call without arguments.
            100..110 => unsafe {
                libc::syscall(libc::SYS_sched_yield);
            },
            // Who is waited for may have a lower priority and no other CPU: only sleeping lets it
            // run.
            _ => clock::sleep(Duration::from_micros(50)),
        }
        if !self.in_handler {
            self.state.pump();
        }
    }

    fn wait_for_room(&self, waited: u32) -> bool {
        if waited % 128 == 127 && !self.state.recorder_is_alive() {
            return false;
        }
        if !self.in_handler {
            self.state.pump();
        }
        clock::sleep(Duration::from_micros(if waited < 64 { 50 } else { 1000 }));
        true
    }
}

impl Execution<SignalFrame, Lane> for UserSpace<'_> {
    fn execute(
        &self,
        lane: &mut Lane,
        instruction: &DecodedInstruction,
        frame: &mut SignalFrame,
        bus: &mut dyn DeviceBus,
    ) -> Result<Progress, Stop> {
        let native = lane.as_mut().ok_or(Reason::NotEncodable)?;
        let mut registers = frame.registers();
        if instruction.way(Context::Process) == Way::Alias {
            bus.begin_ordered();
        }
        let mut bus = OnAlias(bus);
        let extended = frame.extended();
        let result = native.execute(instruction, &mut registers, extended, &mut bus, ELEMENTS);
        bus.0.end_ordered();
        frame.set_registers(&registers);
        result
    }
}

impl RemoteFence for UserSpace<'_> {
    fn order_all(&self) {
        barrier::order_all();
    }
}

/// The engine's bus, with the alias as memory of this process.
struct OnAlias<'a>(&'a mut dyn DeviceBus);

impl Bus for OnAlias<'_> {
    fn locate(&self, address: VirtAddr, len: usize) -> MemoryKind {
        self.0.locate(address, len)
    }

    fn read_device(&mut self, address: VirtAddr, into: &mut [u8]) -> Result<(), BusFault> {
        self.0.read_device(address, into)
    }

    fn write_device(
        &mut self,
        address: VirtAddr,
        bytes: &[u8],
        hint: Hint,
    ) -> Result<(), BusFault> {
        self.0.write_device(address, bytes, hint)
    }

    fn locked(&mut self, address: VirtAddr, width: u8, op: LockedOp) -> Result<Locked, BusFault> {
        self.0.locked(address, width, op)
    }

    fn read_memory(&mut self, address: VirtAddr, into: &mut [u8]) -> Result<(), BusFault> {
        self.0.read_memory(address, into)
    }

    fn write_memory(&mut self, address: VirtAddr, bytes: &[u8]) -> Result<(), BusFault> {
        self.0.write_memory(address, bytes)
    }

    fn prepare_write(&mut self, address: VirtAddr, len: usize) -> Result<(), BusFault> {
        self.0.prepare_write(address, len)
    }
}

// SAFETY: an alias is a mapping of this process that stays until nobody is inside the engine, and
// the bus exists only inside. Nobody has a reference to it: its address is given to nobody, and the
// contract of `attach` excludes references to the region. Faults are recovered by the handler.
unsafe impl AliasBus for OnAlias<'_> {
    fn alias(&self, address: VirtAddr, len: usize) -> Option<*mut u8> {
        let alias = self.0.alias_of(address, len)?;
        // An instruction cannot run on a model.
        (!model::is_model(alias)).then_some(alias as *mut u8)
    }

    fn observed(&mut self, access: &DecodedAccess) {
        self.0.observe(access);
    }
}
