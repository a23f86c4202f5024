//! Runs one instruction natively with given registers, and tells how it ended.
//!
//! A breakpoint leads into a signal handler, which puts the instruction's registers, extended state
//! included, into the signal frame and returns: the kernel loads them all. Behind the instruction
//! stands another breakpoint; that signal, or any other, brings the handler back, which keeps what
//! the frame holds and puts the old frame's contents in again.
#![expect(unsafe_code, reason = "signal frames")]

use crate::state::{AREA_LEN, State};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU32, Ordering};
use std::io;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// At a breakpoint: the instruction is done.
    Done,
    /// With a page fault.
    PageFault { address: u64, write: bool },
    /// With another exception: its signal and vector.
    Exception { signal: i32, vector: u64 },
}

/// What the handler does with the next signal.
const HOST: u32 = 0;
const ENTER: u32 = 1;
const GUEST: u32 = 2;

static MODE: AtomicU32 = AtomicU32::new(HOST);

struct Shared(UnsafeCell<Frames>);

// SAFETY: One thread runs instructions, in a child process that has no other. The handler interrupts
// it at known places only: at the breakpoint, and in the guest.
unsafe impl Sync for Shared {}

const GREGS: usize = 23;

/// The vector of a breakpoint.
const BREAKPOINT: i64 = 3;

struct Frames {
    host: Saved,
    guest: Saved,
    end: End,
    host_fs: u64,
    slots: core::ops::Range<u64>,
}

#[repr(C, align(64))]
struct Saved {
    area: [u8; AREA_LEN],
    gregs: [i64; GREGS],
}

impl Saved {
    const EMPTY: Self = Self {
        area: [0; AREA_LEN],
        gregs: [0; GREGS],
    };
}

static SHARED: Shared = Shared(UnsafeCell::new(Frames {
    host: Saved::EMPTY,
    guest: Saved::EMPTY,
    end: End::Done,
    host_fs: 0,
    slots: 0..0,
}));

/// Registers in the order of [`Gpr`](mmiotrace_decode::Gpr), as indexes into a frame.
const ORDER: [i32; 16] = [
    libc::REG_RAX,
    libc::REG_RCX,
    libc::REG_RDX,
    libc::REG_RBX,
    libc::REG_RSP,
    libc::REG_RBP,
    libc::REG_RSI,
    libc::REG_RDI,
    libc::REG_R8,
    libc::REG_R9,
    libc::REG_R10,
    libc::REG_R11,
    libc::REG_R12,
    libc::REG_R13,
    libc::REG_R14,
    libc::REG_R15,
];

/// Flags that a run begins and ends with; the others are the system's.
pub(crate) const FLAGS: u64 = 0xcd5;

/// The base of `gs` in the child: small, so that every address can be reached with it.
pub(crate) const GS_BASE: u64 = 0x3000;

/// Installs the handlers; once per child. `slots` is where re-encoded code runs.
pub(crate) fn install(slots: core::ops::Range<u64>) -> io::Result<()> {
    const STACK_LEN: usize = 256 * 1024;
    const ARCH_GET_FS: i32 = 0x1003;
    let stack = vec![0u8; STACK_LEN].leak();
    allow_tiles();
    // SAFETY: The stack is leaked, the handler is the right kind of function, and `SHARED` is used
    // by this thread alone.
    unsafe {
        let frames = &mut *SHARED.0.get();
        frames.slots = slots;
        libc::syscall(libc::SYS_arch_prctl, ARCH_GET_FS, &raw mut frames.host_fs);
        restore_segments(frames.host_fs);
        let alternate = libc::stack_t {
            ss_sp: stack.as_mut_ptr().cast(),
            ss_flags: 0,
            ss_size: STACK_LEN,
        };
        libc::sigaltstack(&raw const alternate, core::ptr::null_mut());
        let mut action: libc::sigaction = core::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
        for signal in [
            libc::SIGTRAP,
            libc::SIGSEGV,
            libc::SIGBUS,
            libc::SIGILL,
            libc::SIGFPE,
        ] {
            if libc::sigaction(signal, &raw const action, core::ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
    }
    Ok(())
}

/// Asks the kernel for the tile registers; where the CPU has none, or the kernel says no, their
/// instructions raise `SIGILL`.
fn allow_tiles() {
    const ARCH_REQ_XCOMP_PERM: i32 = 0x1023;
    const TILE_DATA: i64 = 18;
    // SAFETY: A request that changes what this process may use, and no memory.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) };
}

/// The base of `fs` in this process.
pub(crate) fn fs_base() -> u64 {
    // SAFETY: Written by `install` only.
    unsafe { (*SHARED.0.get()).host_fs }
}

/// Runs the instruction at `state.registers.rip`, which is followed by a breakpoint, and leaves the
/// registers in `state`. After a fault they are those of the fault.
pub(crate) fn run(state: &mut State) -> End {
    // SAFETY: `SHARED` is used by this thread alone; the breakpoint is answered by `handler`, which
    // comes back here with every register as it was.
    unsafe {
        let frames = &mut *SHARED.0.get();
        frames.guest.area = state.area.0;
        for (index, value) in ORDER.iter().zip(state.registers.gpr) {
            frames.guest.gregs[*index as usize] = value as i64;
        }
        frames.guest.gregs[libc::REG_RIP as usize] = state.registers.rip as i64;
        frames.guest.gregs[libc::REG_EFL as usize] = (state.registers.rflags & FLAGS) as i64;
        MODE.store(ENTER, Ordering::SeqCst);
        core::arch::asm!("int3");
        let frames = &*SHARED.0.get();
        state.area.0 = frames.guest.area;
        for (value, index) in state.registers.gpr.iter_mut().zip(ORDER) {
            *value = frames.guest.gregs[index as usize] as u64;
        }
        let flags = frames.guest.gregs[libc::REG_EFL as usize] as u64;
        state.registers.rflags = state.registers.rflags & !FLAGS | flags & FLAGS;
        state.registers.rip = frames.guest.gregs[libc::REG_RIP as usize] as u64;
        if frames.end == End::Done && frames.guest.gregs[libc::REG_TRAPNO as usize] == BREAKPOINT {
            // The frame points behind the breakpoint.
            state.registers.rip -= 1;
        }
        frames.end
    }
}

/// Changes frames; see the module.
extern "C" fn handler(signal: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: The kernel gives a valid frame; see `Shared` for the rest. First of all the alignment
    // check goes off, which a guest may have set and which the kernel leaves on.
    unsafe {
        core::arch::asm!("pushfq", "and dword ptr [rsp], 0xfffbffff", "popfq");
        let frames = &mut *SHARED.0.get();
        restore_segments(frames.host_fs);
        let context = &mut *context.cast::<libc::ucontext_t>();
        let machine = &mut context.uc_mcontext;
        match MODE.load(Ordering::SeqCst) {
            ENTER => {
                keep(machine, &mut frames.host);
                put(machine, &frames.guest);
                MODE.store(GUEST, Ordering::SeqCst);
            }
            GUEST => {
                keep(machine, &mut frames.guest);
                frames.end = end(signal, machine);
                put(machine, &frames.host);
                MODE.store(HOST, Ordering::SeqCst);
            }
            _ => {
                let rip = machine.gregs[libc::REG_RIP as usize];
                match mmiotrace_decode::native::recover(rip as u64, &frames.slots) {
                    Some(landing) => machine.gregs[libc::REG_RIP as usize] = landing as i64,
                    None => libc::_exit(100 + signal),
                }
            }
        }
    }
}

fn end(signal: i32, machine: &libc::mcontext_t) -> End {
    const PAGE_FAULT: i64 = 14;
    let vector = machine.gregs[libc::REG_TRAPNO as usize];
    if signal == libc::SIGTRAP {
        return End::Done;
    }
    // A tracer's handler may pass another signal on, in the frame of the fault.
    if vector == PAGE_FAULT && matches!(signal, libc::SIGSEGV | libc::SIGBUS) {
        let address = machine.gregs[libc::REG_CR2 as usize] as u64;
        return End::PageFault {
            address,
            write: machine.gregs[libc::REG_ERR as usize] & 2 != 0,
        };
    }
    End::Exception {
        signal,
        vector: vector as u64,
    }
}

/// A guest may have loaded a segment register.
unsafe fn restore_segments(fs_base: u64) {
    const ARCH_SET_FS: i64 = 0x1002;
    const ARCH_SET_GS: i64 = 0x1001;
    // SAFETY: The selectors that every program begins with; their bases do not matter in 64-bit mode.
    unsafe { core::arch::asm!("mov ds, {0:e}", "mov es, {0:e}", in(reg) 0) };
    for (code, base) in [(ARCH_SET_FS, fs_base), (ARCH_SET_GS, GS_BASE)] {
        // SAFETY: The system call `arch_prctl`, without the C library, which could look at the
        // thread's own data before that is back.
        unsafe {
            core::arch::asm!(
                "syscall",
                inout("rax") libc::SYS_arch_prctl => _,
                in("rdi") code,
                in("rsi") base,
                out("rcx") _,
                out("r11") _,
            );
        }
    }
}

/// How many bytes of extended state a frame has; the kernel says so in the bytes it leaves to
/// software.
unsafe fn area_len(machine: &libc::mcontext_t) -> usize {
    let area = machine.fpregs.cast::<u8>();
    // SAFETY: The frame has at least the 512 bytes of `fxsave`.
    let len = unsafe { area.add(480).cast::<u32>().read_unaligned() };
    (len as usize).clamp(512, AREA_LEN)
}

unsafe fn keep(machine: &libc::mcontext_t, saved: &mut Saved) {
    saved.gregs.copy_from_slice(&machine.gregs);
    // SAFETY: The frame's area is as long as it says.
    unsafe {
        let len = area_len(machine);
        core::ptr::copy_nonoverlapping(machine.fpregs.cast::<u8>(), saved.area.as_mut_ptr(), len);
    }
}

/// Everything but segments and the bytes that belong to the kernel.
unsafe fn put(machine: &mut libc::mcontext_t, saved: &Saved) {
    // Interrupts on; no trap flag, alignment check or nested task, whatever the guest has loaded.
    const SYSTEM: u64 = 0x202;
    for index in 0..=libc::REG_RIP as usize {
        machine.gregs[index] = saved.gregs[index];
    }
    let wanted = saved.gregs[libc::REG_EFL as usize] as u64;
    machine.gregs[libc::REG_EFL as usize] = (SYSTEM | wanted & FLAGS) as i64;
    // SAFETY: The frame's area is as long as it says; bytes 464 to 511 are the kernel's.
    unsafe {
        let len = area_len(machine);
        let area = machine.fpregs.cast::<u8>();
        core::ptr::copy_nonoverlapping(saved.area.as_ptr(), area, 464);
        core::ptr::copy_nonoverlapping(saved.area.as_ptr().add(512), area.add(512), len - 512);
    }
}
