//! Stacks of our own for signal handlers, and what the kernel reported while a handler ran.
//!
//! The interrupted thread's own signal stack may have as little as 8 KiB. A handler is interrupted
//! itself if the engine's machine code faults: the device is gone, the program's other operand is
//! missing, a bounced division has no result.

#![expect(unsafe_code, reason = "stacks are mapped, and switched to")]

use super::Error;
use core::arch::asm;
use core::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use libc::c_void;

/// Room for the kernel's frame of a nested fault (with AMX over 11 KiB) and for everything below.
const STACK: usize = 128 * 1024;
const GUARD: usize = 4096;
/// How many handlers can run at a time; more wait.
const COUNT: usize = 128;

/// What the kernel reported with a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SignalInfo {
    pub(super) signal: i32,
    pub(super) code: i32,
    pub(super) address: u64,
}

/// The state of one stack.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct HandlerStack {
    /// The thread whose handler uses it; 0 if it is free.
    thread: AtomicI32,
    /// How often it was given back; changed by the thread that has it.
    passes: AtomicU32,
    signal: AtomicI32,
    code: AtomicI32,
    address: AtomicU64,
    /// See [`Floating`]; valid if `mxcsr` has the bit [`NOTED`].
    x87: AtomicU64,
    mxcsr: AtomicU64,
}

/// Set in a stack's `mxcsr` once it is valid. The register has 32 bits.
const NOTED: u64 = 1 << 32;

/// What a floating-point exception leaves in the registers although the instruction was not carried out:
/// its flags, and the mode of the x87 registers where the instruction uses them as MMX ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Floating {
    /// The first eight bytes of the legacy area: control, status and tag words, opcode.
    pub(super) x87: u64,
    pub(super) mxcsr: u32,
}

static HANDLERS: [HandlerStack; COUNT] = [const {
    HandlerStack {
        thread: AtomicI32::new(0),
        passes: AtomicU32::new(0),
        signal: AtomicI32::new(0),
        code: AtomicI32::new(0),
        address: AtomicU64::new(0),
        x87: AtomicU64::new(0),
        mxcsr: AtomicU64::new(0),
    }
}; COUNT];

/// The memory of all stacks, one after the other, each with a guard below it.
static MEMORY: AtomicPtr<u8> = AtomicPtr::new(core::ptr::null_mut());

/// Maps the stacks, once for the process.
pub(super) fn map_stacks() -> Result<(), Error> {
    if !MEMORY.load(Ordering::Acquire).is_null() {
        return Ok(());
    }
    let len = COUNT * (STACK + GUARD);
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
    for stack in 0..COUNT {
        // SAFETY: inside the mapping just made.
        let done = unsafe {
            let stack = start.add(stack * (STACK + GUARD) + GUARD);
            libc::mprotect(stack, STACK, libc::PROT_READ | libc::PROT_WRITE)
        };
        if done != 0 {
            let error = Error::last("map stacks");
            // SAFETY: the mapping just made, which nobody knows.
            unsafe { libc::munmap(start, len) };
            return Err(error);
        }
    }
    let first = MEMORY.compare_exchange(
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

/// All stacks, from the one that a thread is given if it is free.
fn numbered(thread: i32) -> impl Iterator<Item = (usize, &'static HandlerStack)> {
    let start = usize::try_from(thread).unwrap_or(0);
    (0..COUNT).map(move |step| {
        let number = start.wrapping_add(step) % COUNT;
        (number, &HANDLERS[number])
    })
}

/// Waits with `relax` until every stack that is in use now was given back.
pub(super) fn wait_until_left(mut relax: impl FnMut()) {
    for stack in &HANDLERS {
        // Sequentially consistent: see `current::capture`. A thread that is seen here has seen `passes`.
        if stack.thread.load(Ordering::SeqCst) == 0 {
            continue;
        }
        let passes = stack.passes.load(Ordering::Acquire);
        while stack.thread.load(Ordering::SeqCst) != 0
            && stack.passes.load(Ordering::Acquire) == passes
        {
            relax();
        }
    }
}

/// A stack that belongs to this thread's handler until this is dropped.
#[derive(Debug)]
pub(super) struct StackGuard {
    number: usize,
    stack: &'static HandlerStack,
}

impl StackGuard {
    /// Takes a free stack, waiting for one with `relax`. For signal handlers.
    #[inline]
    pub(super) fn take(thread: i32, mut relax: impl FnMut()) -> Self {
        loop {
            for (number, stack) in numbered(thread) {
                // Sequentially consistent: see `current::capture`.
                let taken =
                    stack
                        .thread
                        .compare_exchange(0, thread, Ordering::SeqCst, Ordering::Relaxed);
                if taken.is_ok() {
                    stack.signal.store(0, Ordering::Relaxed);
                    stack.mxcsr.store(0, Ordering::Relaxed);
                    return Self { number, stack };
                }
            }
            relax();
        }
    }

    /// What the kernel reported with the last fault of the engine's own code in this handler.
    pub(super) fn signal_info(&self) -> Option<SignalInfo> {
        let signal = self.stack.signal.load(Ordering::Relaxed);
        (signal != 0).then(|| SignalInfo {
            signal,
            code: self.stack.code.load(Ordering::Relaxed),
            address: self.stack.address.load(Ordering::Relaxed),
        })
    }

    /// What a floating-point exception of the engine's own code left in the registers.
    pub(super) fn floating(&self) -> Option<Floating> {
        let mxcsr = self.stack.mxcsr.load(Ordering::Relaxed);
        (mxcsr & NOTED != 0).then(|| Floating {
            x87: self.stack.x87.load(Ordering::Relaxed),
            mxcsr: u32::try_from(mxcsr & !NOTED).unwrap_or(0),
        })
    }

    /// Calls `work` on this stack.
    ///
    /// # Safety
    /// The stacks [are mapped](map_stacks), and `work` does not unwind.
    pub(super) unsafe fn call<F: FnOnce()>(&self, work: F) {
        extern "C" fn start<F: FnOnce()>(work: *mut c_void) {
            // SAFETY: `call` passes its own variable, once.
            if let Some(work) = unsafe { (*work.cast::<Option<F>>()).take() } {
                work();
            }
        }
        let mut work = Some(work);
        let end = (self.number + 1) * (STACK + GUARD);
        // SAFETY: the stack is mapped, belongs to the holder of the guard, and its end is aligned to
        // 16 bytes as a call wants it. `r12` keeps the old stack pointer: the callee gives it back
        // unchanged. Everything else that a call may change is declared.
        unsafe {
            let top = MEMORY.load(Ordering::Relaxed).add(end);
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

impl Drop for StackGuard {
    #[inline]
    fn drop(&mut self) {
        let passes = self.stack.passes.load(Ordering::Relaxed);
        // Release, as the other: all that was done here is done.
        self.stack
            .passes
            .store(passes.wrapping_add(1), Ordering::Release);
        self.stack.thread.store(0, Ordering::Release);
    }
}

/// Notes what the kernel reported with a fault of the engine's own code in this thread.
pub(super) fn note(thread: i32, signal: SignalInfo, floating: Option<Floating>) {
    // The stack is this thread's own: everything here is written and read by it alone.
    let mut stacks = numbered(thread).map(|(_, stack)| stack);
    if let Some(stack) = stacks.find(|stack| stack.thread.load(Ordering::Relaxed) == thread) {
        stack.code.store(signal.code, Ordering::Relaxed);
        stack.address.store(signal.address, Ordering::Relaxed);
        stack.signal.store(signal.signal, Ordering::Relaxed);
        if let Some(floating) = floating {
            stack.x87.store(floating.x87, Ordering::Relaxed);
            let mxcsr = u64::from(floating.mxcsr) | NOTED;
            stack.mxcsr.store(mxcsr, Ordering::Relaxed);
        }
    }
}

/// In the child of a fork, whose one thread is in no handler of the engine.
pub(super) fn reset_after_fork() {
    for stack in &HANDLERS {
        stack.thread.store(0, Ordering::Relaxed);
    }
}
