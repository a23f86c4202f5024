//! A process, as the engine sees it.

#![expect(
    unsafe_code,
    reason = "device memory, the program's memory, and system calls in a handler"
)]

use super::code::{Code, piece};
use super::frame::SignalFrame;
use super::home::Home;
use super::{barrier, life, model, thread};
use core::time::Duration;
use mmiotrace_core::{Timestamp, VirtAddr};
use mmiotrace_decode::{
    AliasBus, Bus, BusFault, Context, DecodedAccess, DecodedInstruction, Hint, Locked, LockedOp,
    Native, Place, Progress, Reason, Stop, Way, native,
};
use mmiotrace_kmod::{DeviceBus, Fault, Frame, PAGE, Platform, Region};
use rustix::mm::{MprotectFlags, mprotect};

/// How many elements of a repeated string instruction are done in one fault.
pub(super) const ELEMENTS: u32 = 4096;

/// This process, for one call of the engine.
#[derive(Debug)]
pub(super) struct UserSpace {
    // INVARIANT: alive as long as this value.
    home: *const Home,
    in_handler: bool,
    /// The thread that this is made and used in.
    thread: i32,
    /// What stands at the instruction that faulted.
    code: Code,
}

impl UserSpace {
    /// As a signal handler of `thread` sees it, with the code of the instruction that faulted.
    ///
    /// # Safety
    /// `home` stays alive as long as the value.
    pub(super) const unsafe fn in_handler(home: &Home, thread: i32, code: Code) -> Self {
        // INVARIANT: the caller's promise.
        Self {
            home,
            in_handler: true,
            thread,
            code,
        }
    }

    /// As everybody else sees it: while the engine waits for others, the rings are emptied if the
    /// recorder is in this process.
    ///
    /// # Safety
    /// `home` stays alive as long as the value.
    pub(super) unsafe fn outside(home: &Home) -> Self {
        // INVARIANT: the caller's promise.
        Self {
            home,
            in_handler: false,
            thread: thread::id(),
            code: Code::NONE,
        }
    }

    const fn home(&self) -> &Home {
        // SAFETY: by the invariant.
        unsafe { &*self.home }
    }
}

/// Sleeps. Not by the C library, whose `nanosleep` a cancelled thread never comes back from.
fn sleep(duration: Duration) {
    let time = libc::timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    };
    // SAFETY: the time is ours; what is left of it is not asked for.
    unsafe {
        libc::syscall(
            libc::SYS_nanosleep,
            &raw const time,
            core::ptr::null_mut::<libc::timespec>(),
        );
    }
}

/// The time on the clock of all captures in processes: since boot, as ftrace's by default.
#[inline]
pub(super) fn now() -> Timestamp {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the time is ours to be written.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    Timestamp::from_nanos(seconds.wrapping_mul(1_000_000_000).wrapping_add(nanos))
}

const fn fault(address: u64) -> BusFault {
    BusFault {
        address: VirtAddr(address),
    }
}

impl Platform for UserSpace {
    type Frame = SignalFrame;
    type Lane = Option<Native>;

    const CONTEXT: Context = Context::Process;

    #[inline]
    fn orders_all(&self) -> bool {
        self.home().orders_all()
    }

    fn order_all(&self) {
        if self.home().orders_all() {
            barrier::order_all();
        }
    }

    #[inline]
    fn owner(&self) -> u64 {
        let space = u64::from(self.home().space().unsigned_abs());
        space << 32 | u64::from(self.thread.unsigned_abs())
    }

    fn is_alive(&self, owner: u64) -> bool {
        life::owner_is_alive(owner)
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
        now()
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

    fn execute(
        &self,
        lane: &mut Option<Native>,
        instruction: &DecodedInstruction,
        frame: &mut SignalFrame,
        bus: &mut DeviceBus<'_, '_, Self>,
    ) -> Result<Progress, Stop> {
        let native = lane.as_mut().ok_or(Reason::NotEncodable)?;
        let mut registers = frame.registers();
        if instruction.way(Context::Process) == Way::Alias {
            bus.begin_turn();
        }
        let mut bus = OnAlias(bus);
        let extended = frame.extended();
        let result = native.execute(instruction, &mut registers, extended, &mut bus, ELEMENTS);
        bus.0.end_turn();
        frame.set_registers(&registers);
        result
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
            self.home().bell().ring();
        }
        // Pages larger than 4 KiB cannot be opened in part.
        protect(page.0, len) || (!armed && protect(region.start.0, region.len))
    }

    fn allows(&self, fault: &Fault) -> bool {
        life::allows(fault)
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
            _ => sleep(Duration::from_micros(50)),
        }
        if !self.in_handler {
            self.home().pump();
        }
    }

    fn wait_for_room(&self, waited: u32) -> bool {
        if waited % 128 == 127 && !self.home().recorder_is_alive() {
            return false;
        }
        if !self.in_handler {
            self.home().pump();
        }
        sleep(Duration::from_micros(if waited < 64 { 50 } else { 1000 }));
        true
    }
}

/// The engine's bus, with the alias as memory of this process.
struct OnAlias<'a, 'e, 'm>(&'a mut DeviceBus<'e, 'm, UserSpace>);

impl Bus for OnAlias<'_, '_, '_> {
    fn locate(&self, address: VirtAddr, len: usize) -> Place {
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
unsafe impl AliasBus for OnAlias<'_, '_, '_> {
    fn alias(&self, address: VirtAddr, len: usize) -> Option<*mut u8> {
        let alias = self.0.alias_of(address, len)?;
        // An instruction cannot run on a model.
        (!model::is_model(alias)).then_some(alias as *mut u8)
    }

    fn observed(&mut self, access: &DecodedAccess) {
        self.0.observe(access);
    }
}
