//! Stack and control transfer. The stack is the guest's; an operand beside it may be the device.

use super::memory;
use crate::operation::{Form, Operation};
use crate::{Bus, DecodedInstruction, Gpr, GprPart, Hint, Reason, Registers, Stop, access};

/// Carries the instruction out on `after`, whose `rip` already points behind it.
pub(super) fn run<B: Bus + ?Sized>(
    instruction: &DecodedInstruction,
    before: &Registers,
    after: &mut Registers,
    bus: &mut B,
) -> Result<(), Stop> {
    match instruction.operation {
        Operation::Push | Operation::Pushf => {
            let value = if instruction.form == Form::Mem {
                prepare_push(instruction, before, bus)?;
                memory::read(bus, instruction.operand_address(before), instruction.width)?
            } else {
                access::integer(instruction, before).ok_or(Reason::Segment)?
            };
            push(instruction, value, after, bus)
        }
        Operation::Pop => pop(instruction, before, after, bus),
        Operation::Call => call(instruction, before, after, bus),
        Operation::Jmp => {
            after.rip = memory::read(bus, instruction.operand_address(before), instruction.width)?;
            Ok(())
        }
        Operation::Ret => {
            after.rip = take(instruction, after, bus)?;
            move_rsp(after, i64::from(instruction.immediate));
            Ok(())
        }
        Operation::Leave => {
            after.set(Gpr::Rsp, before.get(Gpr::Rbp));
            let value = take(instruction, after, bus)?;
            after.set_part(GprPart::low(Gpr::Rbp, instruction.width), value);
            Ok(())
        }
        _ => enter(instruction, before, after, bus),
    }
}

fn move_rsp(registers: &mut Registers, by: i64) {
    registers.set(Gpr::Rsp, registers.get(Gpr::Rsp).wrapping_add_signed(by));
}

/// The stack must take the value before the device is read for it.
fn prepare_push<B: Bus + ?Sized>(
    instruction: &DecodedInstruction,
    before: &Registers,
    bus: &mut B,
) -> Result<(), Stop> {
    let slot = before
        .get(Gpr::Rsp)
        .wrapping_sub(u64::from(instruction.width));
    memory::prepare(bus, slot, instruction.width)
}

fn push<B: Bus + ?Sized>(
    instruction: &DecodedInstruction,
    value: u64,
    after: &mut Registers,
    bus: &mut B,
) -> Result<(), Stop> {
    move_rsp(after, -i64::from(instruction.width));
    memory::write(
        bus,
        after.get(Gpr::Rsp),
        instruction.width,
        value,
        Hint::None,
    )
}

fn take<B: Bus + ?Sized>(
    instruction: &DecodedInstruction,
    after: &mut Registers,
    bus: &mut B,
) -> Result<u64, Stop> {
    let value = memory::read(bus, after.get(Gpr::Rsp), instruction.width)?;
    move_rsp(after, i64::from(instruction.width));
    Ok(value)
}

fn pop<B: Bus + ?Sized>(
    instruction: &DecodedInstruction,
    before: &Registers,
    after: &mut Registers,
    bus: &mut B,
) -> Result<(), Stop> {
    let value = take(instruction, after, bus)?;
    if instruction.form == Form::Mem {
        let address = instruction.operand_address(before);
        return memory::write(bus, address, instruction.width, value, Hint::None);
    }
    let part = instruction.register_part().ok_or(Reason::Segment)?;
    after.set_part(part, value);
    Ok(())
}

fn call<B: Bus + ?Sized>(
    instruction: &DecodedInstruction,
    before: &Registers,
    after: &mut Registers,
    bus: &mut B,
) -> Result<(), Stop> {
    let back = after.rip;
    let target = match instruction.form {
        Form::Mem => {
            prepare_push(instruction, before, bus)?;
            memory::read(bus, instruction.operand_address(before), instruction.width)?
        }
        Form::Reg => before.get(Gpr::from_number(instruction.register)),
        _ => back.wrapping_add_signed(i64::from(instruction.immediate)),
    };
    push(instruction, back, after, bus)?;
    after.rip = target;
    Ok(())
}

/// `enter` without nesting.
fn enter<B: Bus + ?Sized>(
    instruction: &DecodedInstruction,
    before: &Registers,
    after: &mut Registers,
    bus: &mut B,
) -> Result<(), Stop> {
    push(instruction, before.get(Gpr::Rbp), after, bus)?;
    let frame = after.get(Gpr::Rsp);
    after.set_part(GprPart::low(Gpr::Rbp, instruction.width), frame);
    move_rsp(after, -i64::from(instruction.immediate & 0xffff));
    Ok(())
}
