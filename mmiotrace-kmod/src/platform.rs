//! What the engine needs from the place it runs in.

use crate::region::Region;
use core::time::Duration;
use mmiotrace_core::{Timestamp, VirtAddr};
use mmiotrace_decode::{
    Bus, BusFault, Context, DecodedAccess, DecodedInstruction, Exception, Gpr, Hint, Locked,
    LockedOp, Progress, Registers, Stop,
};

/// The registers of the code that faulted, where the return from the fault will take them from.
pub trait Frame {
    /// The integer registers.
    fn registers(&self) -> Registers;

    /// The address of the instruction.
    fn rip(&self) -> u64 {
        self.registers().rip
    }

    /// One register.
    fn gpr(&self, gpr: Gpr) -> u64 {
        self.registers().get(gpr)
    }

    /// Replaces one register.
    fn set_gpr(&mut self, gpr: Gpr, value: u64) {
        let registers = self.registers().with(gpr, value);
        self.set_registers(&registers);
    }

    /// Replaces the address of the instruction.
    fn set_rip(&mut self, rip: u64) {
        let registers = Registers {
            rip,
            ..self.registers()
        };
        self.set_registers(&registers);
    }

    /// Replaces the integer registers. The bases of `fs` and `gs` never change.
    fn set_registers(&mut self, registers: &Registers);
}

/// A page fault, as the CPU reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The address that could not be accessed. Not always the address of the operand: it may
    /// begin on the page before.
    pub address: VirtAddr,
    /// Whether the access was a write, or a read that a write would follow (bit 1 of the error
    /// code; Intel SDM volume 3, section 5.7).
    pub write: bool,
}

/// What the engine did with a fault or a trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Claim {
    /// It is dealt with: return to the frame.
    Handled,
    /// It is not the engine's: do what is done without one. The frame is as it was.
    NotOurs,
    /// The instruction natively ends in something else: give its code that, at the frame's
    /// instruction pointer.
    Raise(Raise),
}

/// What the faulting code is to be given instead of its next instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Raise {
    /// The exception that its instruction natively raises.
    Exception(Exception),
    /// A fault at another address: memory beside the device that is missing.
    Memory(VirtAddr),
    /// A fault at an address of the device, which did not answer: it is gone, or its mapping does
    /// not allow the access.
    Device(VirtAddr),
}

/// A point at which another CPU may act; for simulations, see [`Platform::point`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Point {
    /// A fault was taken, and nothing done about it.
    Faulted,
    /// The region was looked up.
    Found,
    /// The order lock is about to be tried.
    Lock,
    /// The device is about to be accessed, or was accessed and has no number yet.
    Device,
    /// A number was taken, and the record is not written.
    Numbered,
    /// A page is about to be opened or armed.
    Page,
    /// A region is about to change.
    Region,
}

/// Hardware and operating system, as the engine sees them: a kernel, a process, a simulation.
///
/// # Fault context
/// All methods but [`set_armed`](Self::set_armed) with `armed` true are called in fault context:
/// in a kernel with interrupts off, possibly in an NMI; in a process in a signal handler. They
/// must not allocate, sleep where the context forbids it, take a lock that the interrupted code
/// may hold, or panic.
///
/// # Device accesses
/// `read_device`, `write_device` and `locked` make exactly one access of exactly the given width
/// to the alias, in program order with everything around them. `alias` is an address inside the
/// alias of a region that is traced. An access that the alias does not answer (the device was
/// removed, the mapping allows no writes) comes back as an error instead of a fault.
pub trait Platform {
    /// The registers of the code that faulted.
    type Frame: Frame;

    /// Working memory for carrying out one instruction: re-encoding, private buffers.
    type Lane: Send;

    /// Where this is: it decides the ways of instructions.
    const CONTEXT: Context;

    /// How long an access waits for the order lock while nobody else gets on. After that its
    /// holder is taken for one that does not come back.
    const PATIENCE: Duration = Duration::from_millis(100);

    /// Whether the platform gives its code what [`Claim::Raise`] says. Where it
    /// cannot, the engine opens the page instead, and the instruction raises it by itself.
    const RAISES: bool = true;

    /// Whether owners are CPUs: fault context is interrupted by fault context of the same CPU only,
    /// which is over before the other goes on; an owner has one context to himself and never dies; and
    /// [`quiesce`](Self::quiesce) waits for all. Then much can be said by plain stores, most of all
    /// where the channel has one ring more than contexts.
    const CPUS: bool = false;

    /// Waits until every CPU has been outside of fault context. Where [`CPUS`](Self::CPUS) says so; not
    /// from inside.
    fn quiesce(&self) {}

    /// Who is running: a number of the CPU (kernel) or of the thread (process), not 0, unique among
    /// all that share the channel. The upper 32 bits name the address space. In a kernel it must
    /// be below the channel's number of contexts, so that an NMI finds its CPU.
    fn owner(&self) -> u64;

    /// Whether an owner still exists. It is asked of owners that hold something others wait for.
    fn is_alive(&self, owner: u64) -> bool;

    /// The thread id that records carry.
    fn thread_id(&self) -> i32;

    /// The CPU that records carry, where it is known.
    fn cpu(&self) -> Option<u32>;

    /// The time now.
    fn now(&self) -> Timestamp;

    /// Reads code at `pc`, up to 15 bytes; gives how many could be read.
    fn code(&self, pc: VirtAddr, into: &mut [u8; 15]) -> usize;

    /// The code at `pc`, bytes 0 to 7 and 7 to 14, where it can be read at next to no cost.
    fn code_words(&self, pc: VirtAddr) -> Option<[u64; 2]> {
        let _ = pc;
        None
    }

    /// One read of `into.len()` bytes (1, 2, 4, 8; 16, 32, 64 where the platform can).
    ///
    /// # Errors
    /// The alias address that did not answer.
    fn read_device(&self, alias: u64, into: &mut [u8]) -> Result<(), BusFault>;

    /// One write.
    ///
    /// # Errors
    /// As [`read_device`](Self::read_device).
    fn write_device(&self, alias: u64, bytes: &[u8], hint: Hint) -> Result<(), BusFault>;

    /// As [`read_device`](Self::read_device), of 1, 2, 4 or 8 bytes that make a number.
    ///
    /// # Errors
    /// As there.
    fn read_word(&self, alias: u64, width: u8) -> Result<u64, BusFault> {
        let mut bytes = [0; 8];
        if let Some(into) = bytes.get_mut(..usize::from(width)) {
            self.read_device(alias, into)?;
        }
        Ok(u64::from_le_bytes(bytes))
    }

    /// As [`write_device`](Self::write_device), of the lowest 1, 2, 4 or 8 bytes of a number.
    ///
    /// # Errors
    /// As there.
    fn write_word(&self, alias: u64, width: u8, value: u64) -> Result<(), BusFault> {
        let bytes = value.to_le_bytes();
        let bytes = bytes.get(..usize::from(width)).unwrap_or(&bytes);
        self.write_device(alias, bytes, Hint::None)
    }

    /// One atomic read-modify-write.
    ///
    /// # Errors
    /// As [`read_device`](Self::read_device).
    fn locked(&self, alias: u64, width: u8, op: LockedOp) -> Result<Locked, BusFault>;

    /// Reads memory that is not traced, with the rights of the code that faulted.
    ///
    /// # Errors
    /// The first address that cannot be read.
    fn read_memory(&self, address: VirtAddr, into: &mut [u8]) -> Result<(), BusFault>;

    /// Writes memory that is not traced.
    ///
    /// # Errors
    /// The first address that cannot be written; nothing was written then.
    fn write_memory(&self, address: VirtAddr, bytes: &[u8]) -> Result<(), BusFault>;

    /// Makes sure that the next write of this memory will not fail.
    ///
    /// # Errors
    /// The first address that cannot be written.
    fn prepare_write(&self, address: VirtAddr, len: usize) -> Result<(), BusFault>;

    /// Arms (makes not present, for everybody) or opens whole pages of a region; `false` where
    /// that failed. Idempotent. Opening happens in fault context, arming does not. When arming
    /// returns, no CPU holds an old translation; opening need not wait for that.
    fn set_armed(&self, region: &Region, page: VirtAddr, len: u64, armed: bool) -> bool;

    /// Whether an access as this one would now be answered without a fault. Asked when a fault
    /// finds no region, at an address that was traced a moment ago: then it came late, and the
    /// instruction is tried again.
    fn allows(&self, fault: &Fault) -> bool;

    /// Waits a little, in a loop that waits for somebody else; `waited` counts the turns. Spin
    /// first and then let others run: who is waited for may need this CPU.
    fn relax(&self, waited: u32);

    /// A record finds no room: waits a little and says `true`, or says `false` and the record is
    /// lost (and counted). `waited` counts the turns. Asked only where
    /// [`OnFull::Block`](crate::OnFull) is chosen.
    fn wait_for_room(&self, waited: u32) -> bool {
        let _ = waited;
        false
    }

    /// How instructions are re-encoded and run, where they can be.
    fn execution(&self) -> Option<&dyn Execution<Self::Frame, Self::Lane>> {
        None
    }

    /// How an instruction is run in a single step, where one can be.
    fn stepping(&self) -> Option<&dyn Stepping<Self::Frame>> {
        None
    }

    /// A fence for all threads of this address space, where there is one; the same answer at all
    /// times. Fault context then enters without a fence of its own, which costs as much as a locked
    /// instruction. Not asked where [`CPUS`](Self::CPUS) is true.
    fn remote_fence(&self) -> Option<&dyn RemoteFence> {
        None
    }

    /// Another CPU may act here. Does nothing but in simulations, which try every order.
    fn point(&self, point: Point) {
        let _ = point;
    }
}

/// Re-encoded instructions: an optional capability of a [`Platform`].
pub trait Execution<F, L> {
    /// Carries out an instruction whose way is `bounce` or `alias`, by re-encoded code on a private
    /// buffer or on the alias. Registers and `rip` in `frame` are then as after the instruction.
    ///
    /// On a private buffer its accesses are those of `bus`. On the alias it holds the order for all
    /// of them: [`DeviceBus::begin_ordered`], the instruction, [`DeviceBus::observe`] for every
    /// access that it made, [`DeviceBus::end_ordered`].
    ///
    /// # Errors
    /// Why it was not carried out.
    fn execute(
        &self,
        lane: &mut L,
        instruction: &DecodedInstruction,
        frame: &mut F,
        bus: &mut dyn DeviceBus,
    ) -> Result<Progress, Stop>;
}

/// Single steps: an optional capability of a [`Platform`].
pub trait Stepping<F> {
    /// Whether a step may run on a copy of the operand in the engine's own memory: the code that
    /// faults sees that memory, and `read_device` and `write_device` know every width up to 64 bytes
    /// that the CPU has.
    fn copies(&self) -> bool {
        false
    }

    /// The vector register `number` of the code that faulted or was stepped, zero above the width at
    /// hand; `None` where it is not at hand.
    fn vector(&self, number: u8) -> Option<[u8; 64]> {
        let _ = number;
        None
    }

    /// Begins a single step after the return from this fault, interrupts off. `false` where it
    /// cannot.
    fn begin(&self, frame: &mut F) -> bool;

    /// Ends it: trap flag and interrupt flag are as before.
    fn end(&self, frame: &mut F);
}

/// A fence that one thread has all others pass: an optional capability of a [`Platform`].
pub trait RemoteFence {
    /// Has every thread of this address space that runs now pass a full fence. Before a region is
    /// taken out for good; not in fault context.
    fn order_all(&self);
}

/// The memory that an instruction sees while it is carried out: accesses of traced regions go to the
/// alias and are recorded.
pub trait DeviceBus: Bus {
    /// The alias of `len` bytes from `address`; `None` where not all of them lie in one region.
    fn alias_of(&self, address: VirtAddr, len: usize) -> Option<u64>;

    /// Takes the order for an instruction that will run on the alias itself: until
    /// [`end_ordered`](Self::end_ordered) no other access reaches a device.
    fn begin_ordered(&mut self);

    /// Records an access that the instruction has made since
    /// [`begin_ordered`](Self::begin_ordered), in the order in which it made them.
    fn observe(&mut self, access: &DecodedAccess);

    /// Gives the order back, and writes what was observed meanwhile.
    fn end_ordered(&mut self);
}
