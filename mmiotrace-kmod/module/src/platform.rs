//! The kernel, as the engine sees it.

use crate::device;
use crate::frame::PtRegs;
use crate::shim;
use alloc::boxed::Box;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use mmiotrace_core::{Timestamp, VirtAddr};
use mmiotrace_decode::{BusFault, Context, Hint, Locked, LockedOp};
use mmiotrace_kmod::{Fault, Platform, Region};

/// Who is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// A CPU in fault context, interrupts off.
    Cpu,
    /// The one task that changes what is traced: it may sleep and move from CPU to CPU, and so has
    /// a context of its own.
    Task,
}

/// The kernel.
#[derive(Debug)]
pub(crate) struct Kernel {
    who: Who,
    cpus: u32,
    /// The flags of each CPU before its steps: an NMI may step while a step is under way.
    flags: Box<[[AtomicU64; 2]]>,
}

/// The flags are there.
const USED: u64 = 1;

impl Kernel {
    /// As seen in fault context.
    pub(crate) fn for_faults(cpus: u32) -> Self {
        let flags = (0..cpus).map(|_| [const { AtomicU64::new(0) }; 2]).collect();
        Self { who: Who::Cpu, cpus, flags }
    }

    /// As seen by who holds the mutex.
    pub(crate) fn for_tasks(cpus: u32) -> Self {
        Self { who: Who::Task, cpus, flags: Box::new([]) }
    }

    /// How many contexts a channel needs.
    pub(crate) const fn contexts(cpus: u32) -> u32 {
        // Owners count from 1 and stay below this number; one more is the task.
        cpus + 2
    }

    fn flags(&self) -> Option<&[AtomicU64; 2]> {
        self.flags.get(usize::try_from(shim::cpu()).ok()?)
    }
}

fn missing(address: VirtAddr) -> BusFault {
    BusFault { address }
}

impl Platform for Kernel {
    type Frame = PtRegs;
    type Lane = ();

    const CONTEXT: Context = Context::Kernel;

    /// The kernel's own handlers find what an instruction raises by its address (tables of
    /// exceptions), and its own fault handler brings memory of processes in.
    const RAISES: bool = false;

    /// A CPU always comes back; one of a virtual machine may be away for long.
    const PATIENCE: Duration = Duration::from_secs(5);

    fn owner(&self) -> u64 {
        match self.who {
            Who::Cpu => u64::from(shim::cpu()) + 1,
            Who::Task => u64::from(self.cpus) + 1,
        }
    }

    /// A CPU does not die inside the engine: hot-plug stops it with interrupts on.
    fn is_alive(&self, _owner: u64) -> bool {
        true
    }

    fn thread_id(&self) -> i32 {
        shim::thread()
    }

    fn cpu(&self) -> Option<u32> {
        Some(shim::cpu())
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(shim::now())
    }

    fn code(&self, pc: VirtAddr, into: &mut [u8; 15]) -> usize {
        if shim::read(pc.0, into) {
            return into.len();
        }
        // The end of the mapped code is near.
        let mut have = 0;
        for (at, byte) in (pc.0..).zip(into) {
            if !shim::read(at, core::slice::from_mut(byte)) {
                break;
            }
            have += 1;
        }
        have
    }

    fn read_device(&self, alias: u64, into: &mut [u8]) -> Result<(), BusFault> {
        if device::read(alias, into) { Ok(()) } else { Err(missing(VirtAddr(alias))) }
    }

    fn write_device(&self, alias: u64, bytes: &[u8], hint: Hint) -> Result<(), BusFault> {
        if device::write(alias, bytes, hint) { Ok(()) } else { Err(missing(VirtAddr(alias))) }
    }

    fn locked(&self, alias: u64, width: u8, op: LockedOp) -> Result<Locked, BusFault> {
        device::locked(alias, width, op).ok_or(missing(VirtAddr(alias)))
    }

    fn read_memory(&self, address: VirtAddr, into: &mut [u8]) -> Result<(), BusFault> {
        if shim::read(address.0, into) { Ok(()) } else { Err(missing(address)) }
    }

    fn write_memory(&self, address: VirtAddr, bytes: &[u8]) -> Result<(), BusFault> {
        if shim::write(address.0, bytes) { Ok(()) } else { Err(missing(address)) }
    }

    fn prepare_write(&self, address: VirtAddr, len: usize) -> Result<(), BusFault> {
        if shim::can_write(address.0, len) { Ok(()) } else { Err(missing(address)) }
    }

    fn set_armed(&self, _region: &Region, page: VirtAddr, len: u64, armed: bool) -> bool {
        if armed {
            shim::arm(page.0, len);
            shim::flush();
        } else {
            shim::disarm(page.0, len);
        }
        true
    }

    fn allows(&self, fault: &Fault) -> bool {
        shim::is_present(fault.address.0)
    }

    fn relax(&self, waited: u32) {
        if self.who == Who::Task && waited >= 100 {
            shim::yield_now();
        } else {
            shim::relax();
        }
    }

    fn begin_step(&self, frame: &mut PtRegs) -> bool {
        let Some(places) = self.flags() else { return false };
        let free = places.iter().find(|place| place.load(Ordering::Relaxed) == 0);
        free.is_some_and(|place| {
            place.store(frame.begin_step() | USED, Ordering::Relaxed);
            true
        })
    }

    fn end_step(&self, frame: &mut PtRegs) {
        let places = self.flags().map_or(&[][..], |places| &places[..]);
        let last = places.iter().rev().map(|place| place.swap(0, Ordering::Relaxed)).find(|flags| *flags != 0);
        if let Some(before) = last {
            frame.end_step(before & !USED);
        }
    }
}
