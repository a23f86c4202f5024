//! Runs re-encoded code with the registers of the instruction it stands for.
#![expect(
    unsafe_code,
    reason = "running code that was made at run time cannot be said in safe Rust"
)]

use crate::XsaveLayout;
use crate::cpuid::cpuid;
use core::arch::x86_64::_xgetbv;
use core::mem::offset_of;

/// What the trampoline loads before and stores after.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Frame {
    /// General-purpose registers; `rsp` is not loaded: the code runs on this stack.
    pub(crate) gpr: [u64; 16],
    pub(crate) rflags: u64,
    code: u64,
    /// The XSAVE area to load from and store to, or null.
    area: *mut u8,
    /// Which components.
    mask: u64,
    /// Set to 1 where the code faulted.
    faulted: u64,
    /// 1: the area is not stored to.
    discard: u64,
}

core::arch::global_asm!(
    ".pushsection .text.mmiotrace_run_slot, \"ax\", @progbits",
    ".globl mmiotrace_run_slot",
    ".hidden mmiotrace_run_slot",
    ".type mmiotrace_run_slot, @function",
    "mmiotrace_run_slot:",
    "push rbp",
    "push rbx",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    // [rsp] frame, [rsp+8] code, [rsp+16] MXCSR, [rsp+20] x87 control word, [rsp+24] spare.
    "sub rsp, 40",
    "mov [rsp], rdi",
    "mov rax, [rdi + {code}]",
    "mov [rsp + 8], rax",
    "mov rsi, [rdi + {area}]",
    "test rsi, rsi",
    "jz 21f",
    "stmxcsr [rsp + 16]",
    "fnstcw [rsp + 20]",
    "mov eax, [rdi + {mask}]",
    "mov edx, [rdi + {mask} + 4]",
    "xrstor64 [rsi]",
    "21:",
    "push qword ptr [rdi + {rflags}]",
    "popfq",
    "mov rax, [rdi]",
    "mov rcx, [rdi + 8]",
    "mov rdx, [rdi + 16]",
    "mov rbx, [rdi + 24]",
    "mov rbp, [rdi + 40]",
    "mov rsi, [rdi + 48]",
    "mov r8, [rdi + 64]",
    "mov r9, [rdi + 72]",
    "mov r10, [rdi + 80]",
    "mov r11, [rdi + 88]",
    "mov r12, [rdi + 96]",
    "mov r13, [rdi + 104]",
    "mov r14, [rdi + 112]",
    "mov r15, [rdi + 120]",
    "mov rdi, [rdi + 56]",
    "call qword ptr [rsp + 8]",
    // No flag changes before they are stored.
    "mov [rsp + 24], rdi",
    "mov rdi, [rsp]",
    "mov [rdi], rax",
    "mov [rdi + 8], rcx",
    "mov [rdi + 16], rdx",
    "mov [rdi + 24], rbx",
    "mov [rdi + 40], rbp",
    "mov [rdi + 48], rsi",
    "mov [rdi + 64], r8",
    "mov [rdi + 72], r9",
    "mov [rdi + 80], r10",
    "mov [rdi + 88], r11",
    "mov [rdi + 96], r12",
    "mov [rdi + 104], r13",
    "mov [rdi + 112], r14",
    "mov [rdi + 120], r15",
    "mov rax, [rsp + 24]",
    "mov [rdi + 56], rax",
    "pushfq",
    "pop qword ptr [rdi + {rflags}]",
    "cld",
    "mov rsi, [rdi + {area}]",
    "test rsi, rsi",
    "jz 24f",
    "mov rax, [rdi + {faulted}]",
    "or rax, [rdi + {discard}]",
    "jnz 22f",
    "mov eax, [rdi + {mask}]",
    "mov edx, [rdi + {mask} + 4]",
    "xsave64 [rsi]",
    // Back to what the calling convention promises.
    "22:",
    "fninit",
    "fldcw [rsp + 20]",
    "ldmxcsr [rsp + 16]",
    "test byte ptr [rdi + {mask}], 4",
    "jz 24f",
    "vzeroupper",
    "24:",
    "mov rax, [rdi + {faulted}]",
    "add rsp, 40",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "pop rbp",
    "ret",
    // A fault in the code goes on here, with the stack as it was there: the return address on top.
    // It returns like the code itself would, so that a shadow stack stays in step.
    ".globl mmiotrace_slot_faulted",
    ".hidden mmiotrace_slot_faulted",
    "mmiotrace_slot_faulted:",
    "mov rdi, [rsp + 8]",
    "mov qword ptr [rdi + {faulted}], 1",
    "ret",
    ".size mmiotrace_run_slot, . - mmiotrace_run_slot",
    ".popsection",
    rflags = const offset_of!(Frame, rflags),
    code = const offset_of!(Frame, code),
    area = const offset_of!(Frame, area),
    mask = const offset_of!(Frame, mask),
    faulted = const offset_of!(Frame, faulted),
    discard = const offset_of!(Frame, discard),
);

unsafe extern "C" {
    fn mmiotrace_run_slot(frame: *mut Frame) -> u64;
    static mmiotrace_slot_faulted: u8;
}

/// Where a fault in a slot goes on.
pub(super) fn landing() -> u64 {
    (&raw const mmiotrace_slot_faulted) as u64
}

/// Bytes of one slot: an instruction of at most 15 bytes, re-encoded, `endbr64` before it and `ret`
/// after it.
pub(crate) const SLOT_LEN: usize = 32;

/// Executable memory, cut into slots. What is in them is the business of the caller.
#[derive(Debug)]
pub(crate) struct Slots {
    // INVARIANT: `count` slots can be written from `write` and executed from `execute`, both views
    // of the same memory, by nobody else as long as this lives.
    write: *mut u8,
    execute: u64,
    count: usize,
    /// Loaded into `frame.area` for code that needs none of its own.
    mask: u64,
}

// SAFETY: The memory belongs to this value alone; nothing in it is bound to a thread.
unsafe impl Send for Slots {}

/// Components that code in a slot may use: x87, SSE, AVX, AVX-512. Protection keys, tiles and
/// supervisor state stay what they are.
pub(crate) const COMPONENTS: u64 = 0b1110_0111;

impl Slots {
    /// # Safety
    /// As for [`Native::new`](crate::Native::new).
    pub(crate) unsafe fn new(
        write: *mut u8,
        execute: *const u8,
        len: usize,
        layout: &XsaveLayout,
    ) -> Self {
        // INVARIANT: the caller gives both views for good.
        Self {
            write,
            execute: execute as u64,
            count: len / SLOT_LEN,
            mask: layout.features & COMPONENTS,
        }
    }

    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    pub(crate) const fn range(&self) -> core::ops::Range<u64> {
        self.execute..self.execute + (self.count * SLOT_LEN) as u64
    }

    /// Puts code into a slot; false where there is no such slot or the code is too long.
    pub(crate) fn fill(&mut self, slot: usize, code: &[u8]) -> bool {
        if slot >= self.count || code.len() > SLOT_LEN {
            return false;
        }
        // SAFETY: The slot is within the memory that the invariant gives us, and nothing executes
        // it now: `run` borrows `self` as well.
        unsafe {
            core::ptr::copy_nonoverlapping(
                code.as_ptr(),
                self.write.add(slot * SLOT_LEN),
                code.len(),
            );
        }
        // Code written through another address is seen for sure after a serialising instruction
        // only (Intel SDM volume 3, section 11.6).
        let _ = cpuid(0, 0);
        true
    }

    /// Runs a slot with the registers of `frame`, and with the extended state of `area` if there is
    /// one: loaded before, stored after unless `discard`. False where the code faulted: then `area`
    /// is as before.
    ///
    /// # Safety
    /// - The slot was filled with one instruction and `ret`. Whatever it reads or writes it may,
    ///   with these registers; or a handler goes on where [`recover`](super::recover) says.
    /// - It leaves `rsp` and the segments alone.
    #[must_use]
    pub(crate) unsafe fn run(
        &self,
        slot: usize,
        frame: &mut Frame,
        area: Option<&mut [u8]>,
        discard: bool,
    ) -> bool {
        frame.code = self.execute + (slot.min(self.count.saturating_sub(1)) * SLOT_LEN) as u64;
        frame.area = area.map_or(core::ptr::null_mut(), <[u8]>::as_mut_ptr);
        frame.mask = self.mask;
        frame.faulted = 0;
        frame.discard = u64::from(discard);
        // SAFETY: The caller vouches for the code. The trampoline keeps what the calling convention
        // asks it to keep, and touches `frame` and `area`, which are borrowed mutably; `area` was
        // checked for length and alignment where it was accepted ([`usable`]).
        unsafe { mmiotrace_run_slot(frame) == 0 }
    }
}

impl Frame {
    pub(crate) const fn new(gpr: [u64; 16], rflags: u64) -> Self {
        Self {
            gpr,
            rflags,
            code: 0,
            area: core::ptr::null_mut(),
            mask: 0,
            faulted: 0,
            discard: 0,
        }
    }
}

/// Whether `xrstor` and `xsave` can use this area: aligned, long enough, not compacted.
pub(crate) fn usable(area: &[u8], layout: &XsaveLayout) -> bool {
    area.as_ptr().align_offset(64) == 0 && crate::ExtendedState::new(area, layout).is_some()
}

/// Where this CPU's `xsave` puts the components that are enabled, or `None` where it has no `xsave`.
pub(crate) fn cpu_layout() -> Option<XsaveLayout> {
    const OSXSAVE: u32 = 1 << 27;
    if cpuid(0, 0).eax < 0xd || cpuid(1, 0).ecx & OSXSAVE == 0 {
        return None;
    }
    // SAFETY: OSXSAVE says that `xgetbv` is enabled.
    let features = unsafe { _xgetbv(0) };
    let mut components = [(0, 0); 19];
    for (bit, component) in (0u32..).zip(&mut components).skip(2) {
        if features >> bit & 1 == 1 {
            let leaf = cpuid(0xd, bit);
            *component = (leaf.ebx, leaf.eax);
        }
    }
    Some(XsaveLayout {
        features,
        components,
        len: cpuid(0xd, 0).ebx,
    })
}
