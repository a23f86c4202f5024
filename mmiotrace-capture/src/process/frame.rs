//! The registers of interrupted code, as the kernel put them on the signal stack.

#![expect(unsafe_code, reason = "the kernel's structures are looked at")]

use super::code::Code;
use super::handler_stack::Floating;
use crate::engine::Frame;
use core::arch::asm;
use libc::{greg_t, ucontext_t};
use mmiotrace_decode::{Gpr, Registers};

/// The places of the general-purpose registers in the kernel's array, by their numbers.
const PLACES: [usize; 16] = [
    libc::REG_RAX as usize,
    libc::REG_RCX as usize,
    libc::REG_RDX as usize,
    libc::REG_RBX as usize,
    libc::REG_RSP as usize,
    libc::REG_RBP as usize,
    libc::REG_RSI as usize,
    libc::REG_RDI as usize,
    libc::REG_R8 as usize,
    libc::REG_R9 as usize,
    libc::REG_R10 as usize,
    libc::REG_R11 as usize,
    libc::REG_R12 as usize,
    libc::REG_R13 as usize,
    libc::REG_R14 as usize,
    libc::REG_R15 as usize,
];

const RIP: usize = libc::REG_RIP as usize;
const FLAGS: usize = libc::REG_EFL as usize;

/// `sw_reserved` in the legacy area, which says whether an XSAVE area follows
/// (`arch/x86/include/uapi/asm/sigcontext.h`).
const SOFTWARE: usize = 464;
/// The SSE control and status register, and the XSAVE header's first word (Intel SDM volume 1, 13.4).
const MXCSR: usize = 24;
const HEADER: usize = 512;
const MAGIC: u32 = 0x4650_5853;

/// `SS_AUTODISARM` (`include/uapi/linux/signal.h`; since Linux 4.7).
const AUTO_DISARM: libc::c_int = 1 << 31;

/// What the handler may need of a stack: the kernel's frame of a nested fault, and what it does itself.
const ROOM: usize = 40 * 1024;

/// A signal frame.
#[derive(Debug)]
pub(super) struct SignalFrame {
    // INVARIANT: the frame of a signal that this thread is handling; nobody else looks at it while
    // this value is alive.
    context: *mut ucontext_t,
    code: Code,
}

impl SignalFrame {
    /// The frame of a signal that is being handled.
    ///
    /// # Safety
    /// `context` is what the kernel gave to the handler that runs now. The value does not outlive
    /// the handler, and nobody else uses the frame meanwhile.
    pub(super) const unsafe fn new(context: *mut ucontext_t) -> Self {
        // INVARIANT: the caller's promise.
        Self {
            context,
            code: Code::NONE,
        }
    }

    const fn ucontext(&self) -> &ucontext_t {
        // SAFETY: by the invariant the frame is there, and borrowed with `self`.
        unsafe { &*self.context }
    }

    const fn ucontext_mut(&mut self) -> &mut ucontext_t {
        // SAFETY: as above, with `self` borrowed mutably.
        unsafe { &mut *self.context }
    }

    pub(super) fn rip(&self) -> u64 {
        self.get(RIP)
    }

    /// Whether accesses that are not aligned raise an exception (the flag AC; Intel SDM volume 3,
    /// section 2.3). The kernel leaves it as it is for a handler.
    #[inline]
    pub(super) fn checks_alignment(&self) -> bool {
        const ALIGNMENT_CHECK: greg_t = 1 << 18;
        let flags = self.ucontext().uc_mcontext.gregs.get(FLAGS);
        flags.is_some_and(|flags| flags & ALIGNMENT_CHECK != 0)
    }

    pub(super) fn set_rip(&mut self, rip: u64) {
        self.set(RIP, rip);
    }

    /// The page fault's error code (Intel SDM volume 3, section 5.7).
    pub(super) fn error_code(&self) -> u64 {
        self.get(libc::REG_ERR as usize)
    }

    /// The signals that were blocked in the interrupted code.
    pub(super) const fn mask(&self) -> &libc::sigset_t {
        &self.ucontext().uc_sigmask
    }

    /// Whether the rest of the thread's alternate stack, on which the handler runs, is enough for it.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        let stack = &self.ucontext().uc_stack;
        let here = (&raw const *self).addr();
        let below = here.wrapping_sub(stack.ss_sp.addr());
        stack.ss_flags & (libc::SS_DISABLE | AUTO_DISARM) == 0
            && (ROOM..stack.ss_size).contains(&below)
    }

    /// Has the kernel forget the thread's alternate stack until the return from this handler, now and
    /// in every handler to come: a nested fault would else begin at its top again, over the frame
    /// of this one. Called on another stack than that one.
    pub(super) fn disarm_stack(&mut self) {
        let stack = &mut self.ucontext_mut().uc_stack;
        if stack.ss_flags & (libc::SS_DISABLE | AUTO_DISARM) != 0 || stack.ss_size == 0 {
            return;
        }
        // What the return from this handler will set. Code that runs on that stack (a handler of the
        // program) must find it as it was: the kernel takes a stack that disarms itself for free.
        let in_use = stack.ss_flags & libc::SS_ONSTACK != 0;
        stack.ss_flags = if in_use { 0 } else { AUTO_DISARM };
        let none = libc::stack_t {
            ss_sp: core::ptr::null_mut(),
            ss_flags: libc::SS_DISABLE,
            ss_size: 0,
        };
        // SAFETY: nobody runs on the alternate stack but the frame that waits there.
        unsafe {
            libc::syscall(
                libc::SYS_sigaltstack,
                &raw const none,
                core::ptr::null_mut::<libc::stack_t>(),
            );
        }
    }

    /// The thread's alternate stack as the program set it, before its own handler runs: that one may
    /// not return.
    pub(super) fn rearm_stack(&mut self) {
        let stack = &mut self.ucontext_mut().uc_stack;
        if stack.ss_flags & AUTO_DISARM == 0 {
            return;
        }
        stack.ss_flags &= !AUTO_DISARM;
        let stack = libc::stack_t {
            ss_flags: 0,
            ..*stack
        };
        // SAFETY: the stack that the program has given to the kernel itself.
        unsafe {
            libc::syscall(
                libc::SYS_sigaltstack,
                &raw const stack,
                core::ptr::null_mut::<libc::stack_t>(),
            );
        }
    }

    #[inline]
    fn get(&self, at: usize) -> u64 {
        let register = self.ucontext().uc_mcontext.gregs.get(at);
        register.map_or(0, |register| u64::from_ne_bytes(register.to_ne_bytes()))
    }

    #[inline]
    fn set(&mut self, at: usize, value: u64) {
        if let Some(register) = self.ucontext_mut().uc_mcontext.gregs.get_mut(at) {
            *register = greg_t::from_ne_bytes(value.to_ne_bytes());
        }
    }

    /// What a SIMD floating-point exception (vector 19) has left in the interrupted registers; `None` after
    /// any other exception.
    pub(super) fn floating(&mut self) -> Option<Floating> {
        const SIMD_EXCEPTION: u64 = 19;
        if self.get(libc::REG_TRAPNO as usize) != SIMD_EXCEPTION {
            return None;
        }
        let area = self.extended()?;
        let x87 = area.get(..8)?.try_into().ok()?;
        let mxcsr = area.get(MXCSR..MXCSR + 4)?.try_into().ok()?;
        Some(Floating {
            x87: u64::from_le_bytes(x87),
            mxcsr: u32::from_le_bytes(mxcsr),
        })
    }

    /// Leaves that in these registers.
    pub(super) fn set_floating(&mut self, floating: &Floating) {
        let Some(area) = self.extended() else { return };
        if let Some(place) = area.get_mut(MXCSR..MXCSR + 4) {
            place.copy_from_slice(&floating.mxcsr.to_le_bytes());
        }
        // Where the x87 state is the initial one the area's contents do not count.
        if area.get(HEADER).is_none_or(|features| features & 1 == 0) {
            return;
        }
        let Some(words) = area.get_mut(2..5) else {
            return;
        };
        let before = top(words);
        words.copy_from_slice(floating.x87.to_le_bytes().get(2..5).unwrap_or(&[0; 3]));
        let moved = (top(words) + 8 - before) % 8;
        // The registers are in the area from the top of the stack on.
        if let Some(registers) = area.get_mut(32..160) {
            registers.rotate_left(16 * moved);
        }
    }

    /// The code at its instruction pointer.
    #[inline]
    pub(super) fn set_code(&mut self, code: Code) {
        self.code = code;
    }

    /// The extended state, as an XSAVE area. `None` where the kernel saved only the legacy part.
    pub(super) fn extended(&mut self) -> Option<&mut [u8]> {
        let area = self.ucontext().uc_mcontext.fpregs.cast::<u8>();
        if area.is_null() {
            return None;
        }
        // SAFETY: the kernel points `fpregs` to at least the 512 bytes of the legacy area on the
        // signal stack, aligned to 64 bytes; they are borrowed with the frame.
        let software = unsafe { core::slice::from_raw_parts(area.add(SOFTWARE), 20) };
        let word = |at: usize| {
            let bytes = software.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_le_bytes(bytes))
        };
        if word(0)? != MAGIC {
            return None;
        }
        let len = usize::try_from(word(16)?).ok()?;
        // SAFETY: with the magic in place the whole XSAVE area of `xstate_size` bytes is there.
        Some(unsafe { core::slice::from_raw_parts_mut(area, len) })
    }
}

impl Frame for SignalFrame {
    fn registers(&self) -> Registers {
        // They cost up to two system calls.
        let (fs_base, gs_base) = if self.code.may_use_bases() {
            bases()
        } else {
            (0, 0)
        };
        Registers {
            gpr: PLACES.map(|place| self.get(place)),
            rip: self.rip(),
            rflags: self.get(FLAGS),
            fs_base,
            gs_base,
        }
    }

    fn rip(&self) -> u64 {
        Self::rip(self)
    }

    fn gpr(&self, gpr: Gpr) -> u64 {
        PLACES
            .get(usize::from(gpr.number()))
            .map_or(0, |place| self.get(*place))
    }

    fn set_gpr(&mut self, gpr: Gpr, value: u64) {
        if let Some(place) = PLACES.get(usize::from(gpr.number())) {
            self.set(*place, value);
        }
    }

    fn set_rip(&mut self, rip: u64) {
        Self::set_rip(self, rip);
    }

    fn set_registers(&mut self, registers: &Registers) {
        for (place, value) in PLACES.into_iter().zip(registers.gpr) {
            self.set(place, value);
        }
        self.set_rip(registers.rip);
        self.set(FLAGS, registers.rflags);
    }
}

/// The number of the x87 register on top of the stack, from the status word (Intel SDM volume 1, 8.1.3).
fn top(status: &[u8]) -> usize {
    usize::from(status.get(1).map_or(0, |high| high >> 3 & 7))
}

/// The bases of `fs` and `gs` of this thread.
fn bases() -> (u64, u64) {
    // AT_HWCAP2, bit 1: the instructions are allowed (`arch/x86/include/uapi/asm/hwcap2.h`).
    // SAFETY: a call without memory of ours.
    let allowed = unsafe { libc::getauxval(libc::AT_HWCAP2) } & 2 != 0;
    let (mut fs, mut gs): (u64, u64) = (0, 0);
    if allowed {
        // SAFETY: the kernel allows both instructions, and they only write the two registers.
        unsafe {
            asm!("rdfsbase {}", "rdgsbase {}", out(reg) fs, out(reg) gs, options(nomem, nostack));
        }
    } else {
        const GET_FS: libc::c_int = 0x1003;
        const GET_GS: libc::c_int = 0x1004;
        // SAFETY: both calls write one word each, which is ours.
        unsafe {
            libc::syscall(libc::SYS_arch_prctl, GET_FS, &raw mut fs);
            libc::syscall(libc::SYS_arch_prctl, GET_GS, &raw mut gs);
        }
    }
    (fs, gs)
}
