//! String instructions, in chunks: as many elements as allowed, then the registers say how far it
//! came, as after an interrupt.

use super::flags::{DF, ZF};
use super::{alu, memory};
use crate::access::string::{address, count};
use crate::cpu::{EMPTY_REPEAT, EmptyRepeat};
use crate::operation::{Operation, Validity, flag};
use crate::{
    Bus, DecodedInstruction, Gpr, GprPart, Hint, Progress, Reason, Registers, Repeat, Stop,
};

/// Carries out at most `max_elements` (at least one) elements. On an error the elements before it
/// are done, and `registers` say so.
pub(super) fn run<B: Bus + ?Sized>(
    instruction: &DecodedInstruction,
    registers: &mut Registers,
    bus: &mut B,
    max_elements: u32,
) -> Result<Progress, Stop> {
    let repeats = instruction.repeat() != Repeat::Once;
    if count(instruction, registers) == 0 {
        empty(instruction, registers)?;
        return Ok(done(instruction, registers));
    }
    for _ in 0..max_elements.max(1) {
        if count(instruction, registers) == 0 {
            break;
        }
        let mut after = *registers;
        element(instruction, &mut after, bus)?;
        advance(instruction, &mut after, repeats);
        *registers = after;
        if !repeats || stops(instruction, registers) {
            return Ok(done(instruction, registers));
        }
    }
    if repeats && count(instruction, registers) > 0 {
        return Ok(Progress::Again);
    }
    Ok(done(instruction, registers))
}

/// No element at all. CPUs differ over what then becomes of the upper halves of registers that are
/// used with 32 bits.
fn empty(instruction: &DecodedInstruction, registers: &mut Registers) -> Result<(), Stop> {
    let left = match instruction.validity() {
        Validity::All => EmptyRepeat::Nothing,
        Validity::Of(maker) => EMPTY_REPEAT.of(maker),
        Validity::Unknown => return Err(Stop::Cannot(Reason::VendorSpecific)),
    };
    if left == EmptyRepeat::Nothing {
        return Ok(());
    }
    let cut: &[Gpr] = match instruction.operation {
        Operation::Movs => &[Gpr::Rcx, Gpr::Rsi, Gpr::Rdi],
        Operation::Stos => &[Gpr::Rcx, Gpr::Rdi],
        _ => &[Gpr::Rcx],
    };
    for gpr in cut {
        registers.set(*gpr, registers.get(*gpr) & 0xffff_ffff);
    }
    Ok(())
}

const fn done(instruction: &DecodedInstruction, registers: &mut Registers) -> Progress {
    registers.rip = registers.rip.wrapping_add(instruction.len as u64);
    Progress::Done
}

/// Whether `repe` or `repne` ends here.
fn stops(instruction: &DecodedInstruction, registers: &Registers) -> bool {
    let equal = registers.rflags & ZF != 0;
    match instruction.repeat() {
        Repeat::WhileEqual => !equal,
        Repeat::WhileNotEqual => equal,
        _ => false,
    }
}

/// The element the registers point to.
fn element<B: Bus + ?Sized>(
    instruction: &DecodedInstruction,
    registers: &mut Registers,
    bus: &mut B,
) -> Result<(), Stop> {
    let width = instruction.width;
    let from = address(instruction, registers, Gpr::Rsi, 0);
    let to = address(instruction, registers, Gpr::Rdi, 0);
    let accumulator = GprPart::low(Gpr::Rax, width);
    match instruction.operation {
        Operation::Movs => {
            memory::prepare(bus, to, width)?;
            let value = memory::read(bus, from, width)?;
            memory::write(bus, to, width, value, Hint::None)?;
        }
        Operation::Stos => {
            memory::write(bus, to, width, registers.part(accumulator), Hint::None)?;
        }
        Operation::Lods => {
            let value = memory::read(bus, from, width)?;
            registers.set_part(accumulator, value);
        }
        Operation::Cmps => {
            let left = memory::read(bus, from, width)?;
            let right = memory::read(bus, to, width)?;
            registers.rflags =
                alu::compute(Operation::Cmp, width, left, right, registers.rflags).rflags;
        }
        _ => {
            let right = memory::read(bus, to, width)?;
            let left = registers.part(accumulator);
            registers.rflags =
                alu::compute(Operation::Cmp, width, left, right, registers.rflags).rflags;
        }
    }
    Ok(())
}

/// Moves the string registers, and counts.
fn advance(instruction: &DecodedInstruction, registers: &mut Registers, repeats: bool) {
    let width = u64::from(instruction.width);
    let stride = if registers.rflags & DF != 0 {
        width.wrapping_neg()
    } else {
        width
    };
    let size = if instruction.flags & flag::ADDRESS_32 != 0 {
        4
    } else {
        8
    };
    let mut add = |gpr, amount: u64| {
        let part = GprPart::low(gpr, size);
        registers.set_part(part, registers.part(part).wrapping_add(amount));
    };
    match instruction.operation {
        Operation::Movs | Operation::Cmps => {
            add(Gpr::Rsi, stride);
            add(Gpr::Rdi, stride);
        }
        Operation::Lods => add(Gpr::Rsi, stride),
        _ => add(Gpr::Rdi, stride),
    }
    if repeats {
        add(Gpr::Rcx, u64::MAX);
    }
}
