//! The kernel, as the engine sees it.

use crate::device;
use crate::frame::PtRegs;
use crate::{shim, state};
use alloc::boxed::Box;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use mmiotrace_core::{Timestamp, VirtAddr};
use mmiotrace_decode::{BusFault, Context, Hint, Locked, LockedOp};
use mmiotrace_kmod::{Fault, PAGE, Platform, Region, Stepping};

/// The kernel, as who runs now sees it: a CPU in fault context with interrupts off, or the one task that
/// changes what is traced, which may sleep and move from CPU to CPU, and so has a context of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel {
    cpu: u32,
    thread: i32,
    /// The context: of the CPU, or of the task.
    owner: u32,
    is_task: bool,
}

/// The flags that each CPU had before its steps: an NMI may step while a step is under way.
pub(crate) type StepFlags = Box<[[AtomicU64; 2]]>;

/// The flags are there.
const USED: u64 = 1;

impl Kernel {
    /// In fault context: this CPU and its current thread.
    pub(crate) const fn in_fault(cpu: u32, thread: i32) -> Self {
        Self { cpu, thread, owner: cpu.wrapping_add(1), is_task: false }
    }

    /// The task that holds the mutex, of a machine with so many CPUs.
    pub(crate) fn task(cpus: u32) -> Self {
        Self { cpu: shim::cpu(), thread: shim::thread(), owner: cpus.wrapping_add(1), is_task: true }
    }

    /// How many contexts a channel needs.
    pub(crate) const fn contexts(cpus: u32) -> u32 {
        // Owners count from 1 and stay below this number; one more is the task.
        cpus + 2
    }

    /// Room for the flags of so many CPUs.
    pub(crate) fn step_flags(cpus: u32) -> StepFlags {
        (0..cpus).map(|_| [const { AtomicU64::new(0) }; 2]).collect()
    }

    /// Runs `f` with the places of this CPU.
    fn with_flags<R>(&self, f: impl FnOnce(&[AtomicU64; 2]) -> R) -> Option<R> {
        let cpu = usize::try_from(self.cpu).ok()?;
        state::in_fault(|live| live.step_flags.get(cpu).map(f)).flatten()
    }
}

fn missing(address: VirtAddr) -> BusFault {
    BusFault { address }
}

impl Platform for Kernel {
    type Frame = PtRegs;
    type Lane = ();

    const CONTEXT: Context = Context::Kernel;

    const CPUS: bool = true;

    fn quiesce(&self) {
        shim::quiesce();
    }

    /// The kernel's own handlers find what an instruction raises by its address (tables of
    /// exceptions), and its own fault handler brings memory of processes in.
    const RAISES: bool = false;

    /// A CPU always comes back; one of a virtual machine may be away for long.
    const PATIENCE: Duration = Duration::from_secs(5);

    fn owner(&self) -> u64 {
        u64::from(self.owner)
    }

    /// A CPU does not die inside the engine: hot-plug stops it with interrupts on.
    fn is_alive(&self, _owner: u64) -> bool {
        true
    }

    fn thread_id(&self) -> i32 {
        self.thread
    }

    fn cpu(&self) -> Option<u32> {
        Some(self.cpu)
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(shim::now())
    }

    #[inline(always)]
    fn code(&self, pc: VirtAddr, into: &mut [u8; 15]) -> usize {
        // The page is the one that was executed: it is there.
        if pc.0 & (PAGE - 1) <= PAGE - 15 {
            *into = device::code(pc.0);
            return into.len();
        }
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

    #[inline(always)]
    fn code_words(&self, pc: VirtAddr) -> Option<[u64; 2]> {
        // As in `code`.
        (pc.0 & (PAGE - 1) <= PAGE - 15).then(|| device::code_words(pc.0))
    }

    fn read_device(&self, alias: u64, into: &mut [u8]) -> Result<(), BusFault> {
        if device::read(alias, into) { Ok(()) } else { Err(missing(VirtAddr(alias))) }
    }

    fn write_device(&self, alias: u64, bytes: &[u8], hint: Hint) -> Result<(), BusFault> {
        if device::write(alias, bytes, hint) { Ok(()) } else { Err(missing(VirtAddr(alias))) }
    }

    #[inline(always)]
    fn read_word(&self, alias: u64, width: u8) -> Result<u64, BusFault> {
        device::read_word(alias, width).ok_or(missing(VirtAddr(alias)))
    }

    #[inline(always)]
    fn write_word(&self, alias: u64, width: u8, value: u64) -> Result<(), BusFault> {
        if device::write_word(alias, width, value) { Ok(()) } else { Err(missing(VirtAddr(alias))) }
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
        if self.is_task && waited >= 100 {
            shim::yield_now();
        } else {
            shim::relax();
        }
    }

    fn stepping(&self) -> Option<&dyn Stepping<PtRegs>> {
        Some(self)
    }
}

impl Stepping<PtRegs> for Kernel {
    /// The code that faults sees the same memory.
    fn copies(&self) -> bool {
        true
    }

    fn vector(&self, number: u8) -> Option<[u8; 64]> {
        shim::vector(number)
    }

    fn begin(&self, frame: &mut PtRegs) -> bool {
        let begun = self.with_flags(|places| {
            let free = places.iter().find(|place| place.load(Ordering::Relaxed) == 0);
            free.is_some_and(|place| {
                place.store(frame.begin_step() | USED, Ordering::Relaxed);
                true
            })
        });
        begun == Some(true)
    }

    fn end(&self, frame: &mut PtRegs) {
        let last = self.with_flags(|places| {
            let mut used = places.iter().rev().map(|place| place.swap(0, Ordering::Relaxed));
            used.find(|flags| *flags != 0)
        });
        if let Some(before) = last.flatten() {
            frame.end_step(before & !USED);
        }
    }
}
