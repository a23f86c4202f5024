//! Desks: what a signal handler needs for itself while it runs. A stack, because the interrupted
//! thread's own signal stack may have as little as 8 KiB; and a note of what the kernel said when
//! the engine's own machine code faulted (the device behind an alias is gone, the program's other
//! operand is not there, a bounced division has no result).

#![expect(unsafe_code, reason = "stacks are mapped, and switched to")]

use super::Error;
use core::arch::asm;
use core::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use libc::c_void;

/// Room for the kernel's frame of a nested fault (with AMX over 11 KiB) and for everything below.
const STACK: usize = 128 * 1024;
const GUARD: usize = 4096;
/// How many handlers can run at a time; more wait.
const DESKS: usize = 128;

/// What the kernel said of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) signal: i32,
    pub(super) code: i32,
    pub(super) address: u64,
}

/// One desk.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Desk {
    /// Whose handler runs here; 0 where free.
    thread: AtomicI32,
    /// How often somebody left; changed by who sits there.
    passes: AtomicU32,
    signal: AtomicI32,
    code: AtomicI32,
    address: AtomicU64,
    /// See [`Floating`]; noted where `mxcsr` has the bit [`NOTED`].
    x87: AtomicU64,
    mxcsr: AtomicU64,
}

/// Says that a desk's `mxcsr` was noted. The register has 32 bits.
const NOTED: u64 = 1 << 32;

/// What a floating-point exception leaves in the registers although the instruction was not carried out:
/// its flags, and the mode of the x87 registers where the instruction uses them as MMX ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Floating {
    /// The first eight bytes of the legacy area: control, status and tag words, opcode.
    pub(super) x87: u64,
    pub(super) mxcsr: u32,
}

static DESKS_OF_ALL: [Desk; DESKS] = [const {
    Desk {
        thread: AtomicI32::new(0),
        passes: AtomicU32::new(0),
        signal: AtomicI32::new(0),
        code: AtomicI32::new(0),
        address: AtomicU64::new(0),
        x87: AtomicU64::new(0),
        mxcsr: AtomicU64::new(0),
    }
}; DESKS];

/// The stacks of all desks, one after the other, each with a guard below it.
static STACKS: AtomicPtr<u8> = AtomicPtr::new(core::ptr::null_mut());

/// Maps the stacks, once for the process.
pub(super) fn furnish() -> Result<(), Error> {
    if !STACKS.load(Ordering::Acquire).is_null() {
        return Ok(());
    }
    let len = DESKS * (STACK + GUARD);
    // SAFETY: a new mapping at an address of the kernel's choice; memory is taken when it is used.
    let start = unsafe {
        libc::mmap(
            core::ptr::null_mut(),
            len,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    if start == libc::MAP_FAILED {
        return Err(Error::last("map stacks"));
    }
    for desk in 0..DESKS {
        // SAFETY: inside the mapping just made.
        let done = unsafe {
            let stack = start.add(desk * (STACK + GUARD) + GUARD);
            libc::mprotect(stack, STACK, libc::PROT_READ | libc::PROT_WRITE)
        };
        if done != 0 {
            let error = Error::last("map stacks");
            // SAFETY: the mapping just made, which nobody knows.
            unsafe { libc::munmap(start, len) };
            return Err(error);
        }
    }
    let first = STACKS.compare_exchange(
        core::ptr::null_mut(),
        start.cast(),
        Ordering::AcqRel,
        Ordering::Acquire,
    );
    if first.is_err() {
        // SAFETY: as above; another thread was faster.
        unsafe { libc::munmap(start, len) };
    }
    Ok(())
}

/// All desks, from the one that a thread is given if it is free.
fn numbered(thread: i32) -> impl Iterator<Item = (usize, &'static Desk)> {
    let start = usize::try_from(thread).unwrap_or(0);
    (0..DESKS).map(move |step| {
        let number = start.wrapping_add(step) % DESKS;
        (number, &DESKS_OF_ALL[number])
    })
}

/// Waits with `relax` until everybody who sits at a desk now has left it.
pub(super) fn wait_until_left(mut relax: impl FnMut()) {
    for desk in &DESKS_OF_ALL {
        // Sequentially consistent: see `current::home`. Who is seen to sit here has seen how often others left.
        if desk.thread.load(Ordering::SeqCst) == 0 {
            continue;
        }
        let passes = desk.passes.load(Ordering::Acquire);
        while desk.thread.load(Ordering::SeqCst) != 0
            && desk.passes.load(Ordering::Acquire) == passes
        {
            relax();
        }
    }
}

/// A desk that a handler of this thread sits at, until this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    number: usize,
    desk: &'static Desk,
}

impl Seat {
    /// Takes a free desk, waiting for one with `relax`. For signal handlers.
    #[inline]
    pub(super) fn take(thread: i32, mut relax: impl FnMut()) -> Self {
        loop {
            for (number, desk) in numbered(thread) {
                // Sequentially consistent: see `current::home`.
                let taken =
                    desk.thread
                        .compare_exchange(0, thread, Ordering::SeqCst, Ordering::Relaxed);
                if taken.is_ok() {
                    desk.signal.store(0, Ordering::Relaxed);
                    desk.mxcsr.store(0, Ordering::Relaxed);
                    return Self { number, desk };
                }
            }
            relax();
        }
    }

    /// What the kernel said of the last fault of the engine's own code at this desk.
    pub(super) fn told(&self) -> Option<Told> {
        let signal = self.desk.signal.load(Ordering::Relaxed);
        (signal != 0).then(|| Told {
            signal,
            code: self.desk.code.load(Ordering::Relaxed),
            address: self.desk.address.load(Ordering::Relaxed),
        })
    }

    /// What a floating-point exception of the engine's own code left in the registers.
    pub(super) fn floating(&self) -> Option<Floating> {
        let mxcsr = self.desk.mxcsr.load(Ordering::Relaxed);
        (mxcsr & NOTED != 0).then(|| Floating {
            x87: self.desk.x87.load(Ordering::Relaxed),
            mxcsr: u32::try_from(mxcsr & !NOTED).unwrap_or(0),
        })
    }

    /// Calls `work` on the desk's stack.
    ///
    /// # Safety
    /// The desks are [furnished](furnish), and `work` does not unwind.
    pub(super) unsafe fn call<F: FnOnce()>(&self, work: F) {
        extern "C" fn start<F: FnOnce()>(work: *mut c_void) {
            // SAFETY: `call` passes its own variable, once.
            if let Some(work) = unsafe { (*work.cast::<Option<F>>()).take() } {
                work();
            }
        }
        let mut work = Some(work);
        let end = (self.number + 1) * (STACK + GUARD);
        // SAFETY: the stack is mapped, belongs to whoever has the seat, and its end is aligned to
        // 16 bytes as a call wants it. `r12` keeps the old stack pointer: the callee gives it back
        // unchanged. Everything else that a call may change is declared.
        unsafe {
            let top = STACKS.load(Ordering::Relaxed).add(end);
            asm!(
                "xchg rsp, r12",
                "call {start}",
                "mov rsp, r12",
                start = in(reg) start::<F> as extern "C" fn(*mut c_void),
                in("rdi") &raw mut work,
                inout("r12") top => _,
                clobber_abi("C"),
            );
        }
    }
}

impl Drop for Seat {
    #[inline]
    fn drop(&mut self) {
        let passes = self.desk.passes.load(Ordering::Relaxed);
        // Release, as the other: all that was done here is done.
        self.desk
            .passes
            .store(passes.wrapping_add(1), Ordering::Release);
        self.desk.thread.store(0, Ordering::Release);
    }
}

/// Notes what the kernel said of a fault of the engine's own code in this thread.
pub(super) fn note(thread: i32, told: Told, floating: Option<Floating>) {
    // The desk is this thread's own: everything here is written and read by it alone.
    let mut desks = numbered(thread).map(|(_, desk)| desk);
    if let Some(desk) = desks.find(|desk| desk.thread.load(Ordering::Relaxed) == thread) {
        desk.code.store(told.code, Ordering::Relaxed);
        desk.address.store(told.address, Ordering::Relaxed);
        desk.signal.store(told.signal, Ordering::Relaxed);
        if let Some(floating) = floating {
            desk.x87.store(floating.x87, Ordering::Relaxed);
            let mxcsr = u64::from(floating.mxcsr) | NOTED;
            desk.mxcsr.store(mxcsr, Ordering::Relaxed);
        }
    }
}

/// In the child of a fork, whose one thread is in no handler of the engine.
pub(super) fn reset_after_fork() {
    for desk in &DESKS_OF_ALL {
        desk.thread.store(0, Ordering::Relaxed);
    }
}
