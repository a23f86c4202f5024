//! The ways `bounce` and `alias`: re-encoded code, run in this process.

mod alias;
mod bounce;
mod slots;

use crate::native::{Frame, cpu_layout};
use crate::operation::flag;
use crate::{
    Bus, Context, DecodedAccess, DecodedInstruction, Progress, Reason, Reencoded, Registers, Stop,
    Way, XsaveLayout,
};
use alloc::boxed::Box;
use mmiotrace_core::VirtAddr;
use slots::SlotTable;

/// A [`Bus`] whose device memory is also mapped elsewhere in this process.
///
/// # Safety
/// The pointers that [`alias`](Self::alias) gives are valid for reads and writes of the length
/// asked for, until the next call of a method that takes `&mut self` other than through
/// [`Native`]; no reference to that memory is alive. Where the device goes away meanwhile, a
/// handler goes on where [`native::recover`](crate::native::recover) says.
#[expect(
    unsafe_code,
    reason = "the implementor's promise cannot be checked here"
)]
pub unsafe trait AliasBus: Bus {
    /// Where the device memory of `len` bytes from `address` is mapped for the engine. `None` where
    /// not all of it is, or not in one piece.
    fn alias(&self, address: VirtAddr, len: usize) -> Option<*mut u8>;

    /// An access that was made through the alias, by the instruction itself; the value is there as
    /// far as it became known. Called after the instruction, in the order of its accesses.
    fn observed(&mut self, access: &DecodedAccess);
}

/// Carries out instructions in this process, by any way.
///
/// Everything is allocated when it is made. After that nothing is allocated and no lock is taken,
/// so that a signal handler can use it; one per thread, as it needs `&mut self`.
#[derive(Debug)]
pub struct Native {
    table: SlotTable,
    layout: XsaveLayout,
    has_xsave: bool,
    /// Operands of bounces, and the target of rehearsals.
    buffer: Box<Buffer>,
}

/// Twice the longest operand, an XSAVE area with AVX-512 (2,696 bytes on Intel's CPUs), and a line to
/// align it in.
const BUFFER_LEN: usize = 8192;

#[derive(Debug)]
#[repr(align(4096))]
struct Buffer([u8; BUFFER_LEN]);

impl Buffer {
    /// Rehearsals use both halves.
    const HALF: usize = BUFFER_LEN / 2;

    /// Where in a half an operand goes: at the same place in its cache line, with a line before it.
    const fn offset(address: u64) -> usize {
        64 + (address & 63) as usize
    }
}

impl Native {
    /// Over executable memory for re-encoded code: 32 bytes per instruction kept, 4 KiB are plenty.
    /// `None` where `len` is less than that for one.
    ///
    /// # Safety
    /// `write..write + len` is writable, `execute..execute + len` is executable, and both are the
    /// same memory (or the same address, where one mapping is both). Nobody else writes or executes
    /// it while this value lives.
    #[must_use]
    #[expect(unsafe_code, reason = "the caller's promise cannot be checked here")]
    pub unsafe fn new(write: *mut u8, execute: *const u8, len: usize) -> Option<Self> {
        let (layout, has_xsave) = match cpu_layout() {
            Some(layout) => (layout, true),
            None => (XsaveLayout::LEGACY, false),
        };
        // SAFETY: The caller's promise, passed on.
        let table = unsafe { SlotTable::new(write, execute, len, &layout)? };
        Some(Self {
            table,
            layout,
            has_xsave,
            buffer: Box::new(Buffer([0; BUFFER_LEN])),
        })
    }

    /// Where this CPU's `xsave` puts the parts of the extended state: the layout that areas given to
    /// [`execute`](Self::execute) must have.
    #[must_use]
    pub const fn xsave_layout(&self) -> &XsaveLayout {
        &self.layout
    }

    /// The addresses that re-encoded code runs at, for
    /// [`native::recover`](crate::native::recover).
    #[must_use]
    pub const fn slots(&self) -> core::ops::Range<u64> {
        self.table.range()
    }

    /// Carries the instruction out by its way in a process.
    ///
    /// `extended` is the extended state as an XSAVE area of the standard format, aligned to 64
    /// bytes, as signal frames have it; it is read and changed where x87, MMX or vector registers
    /// take part. `max_elements` is as for [`DecodedInstruction::emulate`].
    ///
    /// # Errors
    /// As [`DecodedInstruction::emulate`]; [`Stop::Exception`] also where the code faulted in its
    /// slot. Registers and extended state are then as before; but where a bounce fails at its
    /// last access, the write, the extended state is already that after the instruction.
    pub fn execute<B: AliasBus + ?Sized>(
        &mut self,
        instruction: &DecodedInstruction,
        registers: &mut Registers,
        extended: Option<&mut [u8]>,
        bus: &mut B,
        max_elements: u32,
    ) -> Result<Progress, Stop> {
        match instruction.way(Context::Process) {
            Way::Emulate => instruction.emulate(registers, bus, max_elements),
            Way::Bounce => self.bounce(instruction, registers, extended, bus),
            Way::Alias => self.alias(instruction, registers, extended, bus),
            Way::Cannot(reason) => Err(Stop::Cannot(reason)),
            _ => Err(Stop::Cannot(Reason::NotEncodable)),
        }
    }

    /// The area to load and store, where the instruction needs one.
    fn area<'a>(
        &self,
        instruction: &DecodedInstruction,
        extended: Option<&'a mut [u8]>,
    ) -> Result<Option<&'a mut [u8]>, Stop> {
        if !instruction.uses_extended_state() {
            return Ok(None);
        }
        match extended {
            Some(area) if self.has_xsave && crate::native::usable(area, &self.layout) => {
                Ok(Some(area))
            }
            _ => Err(Stop::Cannot(Reason::NoVectorState)),
        }
    }
}

/// The arithmetic flags and the direction flag: what code in a slot may see and change.
const VISIBLE_FLAGS: u64 = 0xcd5;

/// The registers for a slot: the instruction's, the pointer and the stand-in for `rsp` in place.
fn load(code: &Reencoded, registers: &Registers, pointer: u64) -> Frame {
    let mut gpr = registers.gpr;
    if let Some(stand_in) = code.stack_stand_in() {
        gpr[usize::from(stand_in.number())] = registers.get(crate::Gpr::Rsp);
    }
    gpr[usize::from(code.pointer().number())] = pointer;
    Frame::new(gpr, registers.rflags & VISIBLE_FLAGS | 2)
}

/// The registers after: those of the slot, without the borrowed ones, and `rip` behind the
/// instruction.
fn store(
    code: &Reencoded,
    instruction: &DecodedInstruction,
    frame: &Frame,
    before: &Registers,
) -> Registers {
    let mut after = *before;
    after.gpr = frame.gpr;
    after.set(code.pointer(), before.get(code.pointer()));
    after.set(crate::Gpr::Rsp, before.get(crate::Gpr::Rsp));
    if let Some(stand_in) = code.stack_stand_in() {
        after.set(crate::Gpr::Rsp, frame.gpr[usize::from(stand_in.number())]);
        after.set(stand_in, before.get(stand_in));
    }
    after.rflags = before.rflags & !VISIBLE_FLAGS | frame.rflags & VISIBLE_FLAGS;
    after.rip = before.rip.wrapping_add(u64::from(instruction.len()));
    after
}

/// x87 instructions leave their own address, their operand's and their opcode in the state (Intel
/// SDM volume 1, section 8.1.8): those of the slot become those of the instruction. CPUs that store
/// them only beside an unmasked exception leave zeros, which stay.
fn mend_x87_pointers(
    instruction: &DecodedInstruction,
    before: &Registers,
    area: &mut [u8],
    slots: &core::ops::Range<u64>,
    pointer: u64,
) {
    const OPCODE: usize = 6;
    const INSTRUCTION: usize = 8;
    const OPERAND: usize = 16;
    if instruction.flags & flag::X87_POINTERS == 0 {
        return;
    }
    let get = |area: &[u8], at: usize| {
        area.get(at..at + 8)
            .and_then(|bytes| bytes.try_into().ok())
            .map(u64::from_le_bytes)
    };
    if !get(area, INSTRUCTION).is_some_and(|address| slots.contains(&address)) {
        return;
    }
    let mut put = |at: usize, bytes: &[u8]| {
        if let Some(to) = area.get_mut(at..at + bytes.len()) {
            to.copy_from_slice(bytes);
        }
    };
    put(INSTRUCTION, &before.rip.to_le_bytes());
    if let Some(opcode) = x87_opcode(instruction.bytes()) {
        put(OPCODE, &opcode.to_le_bytes());
    }
    if get(area, OPERAND) == Some(pointer) {
        let address = instruction.operand_address(before).to_le_bytes();
        if let Some(to) = area.get_mut(OPERAND..OPERAND + 8) {
            to.copy_from_slice(&address);
        }
    }
}

/// The eleven bits that the CPU remembers: the low bits of the first opcode byte and the second.
fn x87_opcode(code: &[u8]) -> Option<u16> {
    let at = code.iter().position(|byte| (0xd8..=0xdf).contains(byte))?;
    let (first, second) = (code.get(at)?, code.get(at + 1)?);
    Some(u16::from(first & 7) << 8 | u16::from(*second))
}
