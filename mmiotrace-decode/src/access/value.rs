//! The value an instruction writes, where the registers tell it before.

use crate::emulate::condition;
use crate::operation::{DataClass, Operation, flag};
use crate::{DecodedInstruction, Gpr, GprPart, RegisterFile};
use mmiotrace_core::{Value, Width};

/// The flags that `pushf` stores as zero: RF and VM (Intel SDM volume 2, PUSHF).
pub(crate) const NOT_PUSHED: u64 = 0x3_0000;

/// The value written, or `None` where only execution can tell it.
pub(crate) fn written<R: RegisterFile + ?Sized>(
    instruction: &DecodedInstruction,
    file: &R,
) -> Option<Value> {
    if instruction.flags & flag::PLAIN_MOVE == 0 {
        return None;
    }
    let width = Width::from_bytes(instruction.width)?;
    let len = width.as_usize();
    if let Some(number) = integer(instruction, file) {
        return Value::from_le_bytes(number.to_le_bytes().get(..len)?);
    }
    match instruction.data {
        DataClass::Vector => Value::from_le_bytes(file.vector(instruction.register)?.get(..len)?),
        DataClass::VectorUpper => {
            Value::from_le_bytes(file.vector(instruction.register)?.get(8..8 + len)?)
        }
        DataClass::Mmx => {
            Value::from_le_bytes(file.mmx(instruction.register)?.to_le_bytes().get(..len)?)
        }
        DataClass::Opmask => Value::from_le_bytes(
            file.opmask(instruction.register)?
                .to_le_bytes()
                .get(..len)?,
        ),
        _ => None,
    }
}

/// The value as a number, where it comes from the integer registers; bits above the width are
/// meaningless.
pub(crate) fn integer<R: RegisterFile + ?Sized>(
    instruction: &DecodedInstruction,
    file: &R,
) -> Option<u64> {
    let registers = file.registers();
    Some(match instruction.data {
        DataClass::Gpr => {
            let part = GprPart::low(
                Gpr::from_number(instruction.register),
                instruction.register_width,
            );
            let value = registers.part(part);
            if instruction.operation == Operation::MovBe {
                value.swap_bytes() >> (64 - 8 * u32::from(instruction.register_width.clamp(1, 8)))
            } else {
                value
            }
        }
        DataClass::GprHigh => {
            registers.part(GprPart::high(Gpr::from_number(instruction.register))?)
        }
        DataClass::Immediate => i64::from(instruction.immediate) as u64,
        DataClass::Condition => u64::from(condition(instruction.detail, registers.rflags)),
        DataClass::ReturnAddress => registers.rip.wrapping_add(u64::from(instruction.len)),
        DataClass::Flags => registers.rflags & !NOT_PUSHED,
        _ => return None,
    })
}
