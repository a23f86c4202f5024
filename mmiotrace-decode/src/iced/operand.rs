//! Operands and registers: from iced's words to ours.

use crate::operand::{NONE, RIP};
use crate::operation::DataClass;
use crate::{MemoryOperand, Segment};
use iced_x86::{Instruction, OpKind, Register};

/// The explicit memory operand; where there is none, `[0]` with the segment prefix.
pub(super) fn memory(instruction: &Instruction) -> MemoryOperand {
    let segment = segment(instruction);
    if memory_operand(instruction).is_none() {
        return MemoryOperand::absolute(0).with_segment(segment);
    }
    let (base, index) = (instruction.memory_base(), instruction.memory_index());
    let displacement = instruction.memory_displacement64();
    // iced gives the target of an address relative to the instruction pointer; we decode at 0.
    let displacement = match base {
        Register::RIP => displacement.wrapping_sub(instruction.len() as u64) as i64,
        Register::EIP => {
            i64::from((displacement as u32).wrapping_sub(instruction.len() as u32) as i32)
        }
        _ if is_address_32(instruction) => i64::from(displacement as u32 as i32),
        _ => displacement as i64,
    };
    let base = match base {
        Register::RIP | Register::EIP => RIP,
        gpr => gpr_number(gpr).unwrap_or(NONE),
    };
    let scale = instruction.memory_index_scale().trailing_zeros() as u8;
    let scale = if index == Register::None { 0 } else { scale };
    MemoryOperand::absolute(displacement)
        .with_base(base)
        .with_index(gpr_number(index).unwrap_or(NONE), scale)
        .with_segment(segment)
        .with_address_32(is_address_32(instruction))
}

/// The number of the operand that is explicit memory.
pub(super) fn memory_operand(instruction: &Instruction) -> Option<u32> {
    (0..instruction.op_count()).find(|n| instruction.op_kind(*n) == OpKind::Memory)
}

fn segment(instruction: &Instruction) -> Option<Segment> {
    match instruction.segment_prefix() {
        Register::FS => Some(Segment::Fs),
        Register::GS => Some(Segment::Gs),
        _ => None,
    }
}

/// Whether addresses have 32 bits: a base or index of 32 bits, or neither and the prefix.
pub(super) fn is_address_32(instruction: &Instruction) -> bool {
    let base = instruction.memory_base();
    let index = instruction.memory_index();
    let by_register = |r: Register| r.is_gpr32() || r == Register::EIP;
    by_register(base)
        || by_register(index)
        || base == Register::None && !index.is_gpr64() && instruction.memory_displ_size() != 8
}

/// The number of a general-purpose register of any width; 4 to 7 for `ah` to `bh` are not given.
pub(super) fn gpr_number(register: Register) -> Option<u8> {
    if !register.is_gpr() || is_high_byte(register) {
        return None;
    }
    u8::try_from(register.full_register().number()).ok()
}

/// `ah`, `ch`, `dh`, `bh`.
pub(super) fn is_high_byte(register: Register) -> bool {
    matches!(
        register,
        Register::AH | Register::CH | Register::DH | Register::BH
    )
}

/// What class a register operand is of, with its number and the bytes of it that take part.
pub(super) fn data(register: Register) -> (DataClass, u8, u8) {
    let number = register.number() as u8;
    let width = register.size() as u8;
    if is_high_byte(register) {
        (DataClass::GprHigh, number & 3, 1)
    } else if let Some(number) = gpr_number(register) {
        (DataClass::Gpr, number, width)
    } else if register.is_vector_register() {
        (DataClass::Vector, number, width)
    } else if register.is_mm() {
        (DataClass::Mmx, number, width)
    } else if register.is_k() {
        (DataClass::Opmask, number, width)
    } else {
        (DataClass::Other, 0, 0)
    }
}

/// Whether the registers that are a string instruction's addresses have 32 bits.
pub(super) fn string_address_32(instruction: &Instruction) -> bool {
    (0..instruction.op_count()).any(|n| {
        matches!(
            instruction.op_kind(n),
            OpKind::MemorySegESI | OpKind::MemoryESEDI | OpKind::MemorySegEDI
        )
    })
}
