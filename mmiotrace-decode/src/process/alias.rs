//! The way `alias`: the instruction itself, re-encoded, on the engine's own mapping of the device.

use super::{AliasBus, Buffer, Native, load, mend_x87_pointers, store};
use crate::operation::{DataClass, Shape, VectorInfo, flag};
use crate::{
    CpuState, DecodedAccess, DecodedInstruction, Exception, ExtendedState, Gpr, Progress, Reason,
    Reencoded, RegisterFile, Registers, Stop, XsaveLayout,
};
use mmiotrace_core::{AccessKind, Value, VirtAddr, Width};

/// What of the registers decides over the accesses, as it was before the instruction.
struct Before<'a> {
    registers: Registers,
    layout: &'a XsaveLayout,
    index: (u8, Option<[u8; 64]>),
    mask: (u8, Option<[u8; 64]>),
    data: (u8, Option<[u8; 64]>),
    mmx: [Option<u64>; 8],
    opmask: [Option<u64>; 8],
}

impl<'a> Before<'a> {
    fn new(
        instruction: &DecodedInstruction,
        registers: &Registers,
        area: Option<&[u8]>,
        layout: &'a XsaveLayout,
    ) -> Self {
        let extended = area.and_then(|area| ExtendedState::new(area, layout));
        let state = extended.map(|extended| CpuState {
            registers,
            extended,
        });
        let info = VectorInfo::unpack(instruction.immediate);
        let vector = |number| (number, state.and_then(|state| state.vector(number)));
        let numbers = [0u8, 1, 2, 3, 4, 5, 6, 7];
        Self {
            registers: *registers,
            layout,
            index: vector(info.index),
            mask: vector(info.mask),
            data: vector(instruction.register),
            mmx: numbers.map(|number| state.and_then(|state| state.mmx(number))),
            opmask: numbers.map(|number| state.and_then(|state| state.opmask(number))),
        }
    }
}

impl RegisterFile for Before<'_> {
    fn registers(&self) -> &Registers {
        &self.registers
    }

    fn vector(&self, number: u8) -> Option<[u8; 64]> {
        [self.index, self.mask, self.data]
            .iter()
            .find(|(of, _)| *of == number)
            .and_then(|(_, bytes)| *bytes)
    }

    fn opmask(&self, number: u8) -> Option<u64> {
        *self.opmask.get(usize::from(number))?
    }

    fn mmx(&self, number: u8) -> Option<u64> {
        *self.mmx.get(usize::from(number))?
    }

    fn xsave_layout(&self) -> Option<&XsaveLayout> {
        Some(self.layout)
    }
}

impl Native {
    /// Runs the instruction itself on the alias, whatever its preferred way.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub fn alias<B: AliasBus + ?Sized>(
        &mut self,
        instruction: &DecodedInstruction,
        registers: &mut Registers,
        extended: Option<&mut [u8]>,
        bus: &mut B,
    ) -> Result<Progress, Stop> {
        let mut area = self.area(instruction, extended)?;
        self.check_components(instruction, registers)?;
        let layout = self.layout;
        let before = Before::new(instruction, registers, area.as_deref(), &layout);
        let pointer = match place(instruction, &before, bus)? {
            Some(pointer) => pointer,
            // Nothing is accessed: the buffer serves as well as the device.
            None => self.buffer.0.as_mut_ptr() as u64,
        };
        let (slot, code) = self.table.prepare(instruction)?;
        let rehearsed = self.rehearse(instruction, registers, area.as_deref_mut(), slot, &code)?;
        let mut frame = load(&code, registers, pointer);
        // SAFETY: The slot holds one instruction and `ret`. Every byte that it can access with these
        // registers lies in the alias, as `place` has checked; the implementor of `AliasBus` vouches
        // for that memory. It names no `rsp` and loads no segment.
        #[expect(unsafe_code, reason = "see the proof")]
        let done = unsafe {
            self.table
                .slots
                .run(slot, &mut frame, area.as_deref_mut(), false)
        };
        if !done {
            return Err(Stop::Exception(Exception::Native));
        }
        if let Some(area) = area.as_deref_mut() {
            mend_x87_pointers(instruction, registers, area, &self.table.range(), pointer);
        }
        let after = store(&code, instruction, &frame, registers);
        self.report(
            instruction,
            &before,
            &after,
            area.as_deref(),
            rehearsed,
            bus,
        );
        *registers = after;
        Ok(Progress::Done)
    }

    /// The XSAVE family moves whatever is asked for; components that the trampoline does not carry
    /// would be the handler's, not the guest's.
    fn check_components(
        &self,
        instruction: &DecodedInstruction,
        registers: &Registers,
    ) -> Result<(), Stop> {
        let requested = registers.get(Gpr::Rax) & 0xffff_ffff | registers.get(Gpr::Rdx) << 32;
        let foreign = requested & self.layout.features & !crate::native::COMPONENTS != 0;
        match instruction.shape {
            Shape::Xsave | Shape::Xrstor if foreign => Err(Stop::Cannot(Reason::ForeignState)),
            _ => Ok(()),
        }
    }

    /// For a store whose bytes no register shows: runs it twice on the private buffer, which holds
    /// zeros and then ones, and keeps nothing else of it. Bytes that are equal afterwards were
    /// written, and are what the device will get. True where that was done; then the buffer holds
    /// the second run's bytes and its second half the first one's.
    fn rehearse(
        &mut self,
        instruction: &DecodedInstruction,
        registers: &Registers,
        mut area: Option<&mut [u8]>,
        slot: usize,
        code: &Reencoded,
    ) -> Result<bool, Stop> {
        let Some(len) = rehearsal_len(instruction, &self.layout) else {
            return Ok(false);
        };
        let start = Buffer::offset(instruction.operand_address(registers));
        for (fill, half) in [(0x00, Buffer::HALF), (0xff, 0)] {
            let operand = self
                .buffer
                .0
                .get_mut(half + start..half + start + len)
                .filter(|_| start + len <= Buffer::HALF)
                .ok_or(Reason::NotEncodable)?;
            operand.fill(fill);
            let mut frame = load(code, registers, operand.as_mut_ptr() as u64);
            // SAFETY: As in `alias`, but the operand is the buffer, which is as long.
            #[expect(unsafe_code, reason = "see the proof")]
            let done = unsafe {
                self.table
                    .slots
                    .run(slot, &mut frame, area.as_deref_mut(), true)
            };
            if !done {
                return Err(Stop::Exception(Exception::Native));
            }
        }
        Ok(true)
    }

    /// Tells the bus what was accessed.
    fn report<B: AliasBus + ?Sized>(
        &self,
        instruction: &DecodedInstruction,
        before: &Before<'_>,
        after: &Registers,
        area: Option<&[u8]>,
        rehearsed: bool,
        bus: &mut B,
    ) {
        let extended = area.and_then(|area| ExtendedState::new(area, &self.layout));
        let state = extended.map(|extended| CpuState {
            registers: after,
            extended,
        });
        let mut accesses = instruction.accesses(before);
        while let Some((step, mut access)) = accesses.next_numbered() {
            match access.kind {
                AccessKind::Read => {
                    access.value = state
                        .as_ref()
                        .and_then(|state| value_read(instruction, state, step));
                    bus.observed(&access);
                }
                AccessKind::Write if rehearsed => {
                    self.written(instruction, before, &access, |access| bus.observed(access));
                }
                AccessKind::Write => bus.observed(&access),
            }
        }
    }

    /// The runs of bytes within an access that the rehearsal saw written.
    fn written(
        &self,
        instruction: &DecodedInstruction,
        before: &Before<'_>,
        access: &DecodedAccess,
        mut observe: impl FnMut(&DecodedAccess),
    ) {
        let operand = instruction.operand_address(&before.registers);
        let start = Buffer::offset(operand) + access.address.0.wrapping_sub(operand) as usize;
        let width = access.width.as_usize();
        let (Some(ones), Some(zeros)) = (
            self.buffer.0.get(start..start + width),
            self.buffer
                .0
                .get(Buffer::HALF + start..Buffer::HALF + start + width),
        ) else {
            return observe(access);
        };
        let same = |n: usize| ones.get(n).is_some() && ones.get(n) == zeros.get(n);
        if instruction.shape == Shape::Xsave && !access.conditional && !(0..width).all(same) {
            // The header's bits that are kept: read and written, unknown until then.
            return observe(access);
        }
        let mut at = 0;
        while at < width {
            let len = (at..width).take_while(|n| same(*n)).count();
            if let (Some(value), Ok(offset)) = (
                ones.get(at..at + len).and_then(Value::from_le_bytes),
                u64::try_from(at),
            ) {
                let address = VirtAddr(access.address.0.wrapping_add(offset));
                let run = DecodedAccess {
                    address,
                    width: value.width(),
                    value: Some(value),
                    conditional: false,
                    ..*access
                };
                observe(&run);
            }
            at += len.max(1);
        }
    }
}

/// Where the pointer must point so that every access falls into the alias; `None` where there is no
/// access at all.
fn place<B: AliasBus + ?Sized>(
    instruction: &DecodedInstruction,
    before: &Before<'_>,
    bus: &B,
) -> Result<Option<u64>, Stop> {
    let operand = instruction.operand_address(&before.registers);
    if instruction.shape == Shape::CacheLine {
        return Ok(Some(alias(bus, operand, Width::W1)?));
    }
    let mut delta = None;
    for access in instruction.accesses(before) {
        let here = alias(bus, access.address.0, access.width)?.wrapping_sub(access.address.0);
        if *delta.get_or_insert(here) != here {
            return Err(Stop::Cannot(Reason::Scattered));
        }
    }
    if matches!(instruction.shape, Shape::Gather | Shape::Scatter)
        && instruction.memory.is_address_32()
    {
        return Err(Stop::Cannot(Reason::NotEncodable));
    }
    Ok(delta.map(|delta| operand.wrapping_add(delta)))
}

fn alias<B: AliasBus + ?Sized>(bus: &B, address: u64, width: Width) -> Result<u64, Stop> {
    bus.alias(VirtAddr(address), width.as_usize())
        .map(|pointer| pointer as u64)
        .ok_or(Stop::Cannot(Reason::Straddles))
}

/// How many bytes to rehearse; `None` where the values written are known without, or there are
/// none.
fn rehearsal_len(instruction: &DecodedInstruction, layout: &XsaveLayout) -> Option<usize> {
    let block = usize::try_from(instruction.immediate).ok();
    match instruction.shape {
        Shape::Xsave => usize::try_from(layout.len).ok(),
        Shape::BlockWrite => block,
        Shape::Write if instruction.flags & flag::PLAIN_MOVE == 0 => {
            Some(usize::from(instruction.width))
        }
        Shape::MaskedWrite if instruction.flags & flag::PLAIN_MOVE == 0 => {
            Some(usize::from(instruction.width) * usize::from(instruction.detail))
        }
        _ => None,
    }
}

/// The value that access number `step` has read, from the register it went to.
fn value_read(instruction: &DecodedInstruction, after: &CpuState<'_>, step: u64) -> Option<Value> {
    if instruction.flags & flag::PLAIN_MOVE == 0 {
        return None;
    }
    let width = usize::from(instruction.width);
    let first = match instruction.shape {
        Shape::Gather | Shape::MaskedRead => usize::try_from(step).ok()?.checked_mul(width)?,
        Shape::Read => 0,
        _ => return None,
    };
    let slice = |bytes: &[u8]| Value::from_le_bytes(bytes.get(first..first.checked_add(width)?)?);
    match instruction.data {
        DataClass::Vector => slice(&after.vector(instruction.register)?),
        DataClass::VectorUpper => {
            Value::from_le_bytes(after.vector(instruction.register)?.get(8..8 + width)?)
        }
        DataClass::Mmx => slice(&after.mmx(instruction.register)?.to_le_bytes()),
        DataClass::X87Top => Value::from_le_bytes(after.extended.x87_loaded()?.get(..width)?),
        DataClass::Gpr => slice(
            &after
                .registers
                .part(instruction.register_part()?)
                .to_le_bytes(),
        ),
        _ => None,
    }
}
