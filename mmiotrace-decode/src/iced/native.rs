//! The instructions that the executor leaves to the CPU: which accesses they make.
//!
//! Mostly iced's instruction info tells. Where it is wrong or silent, the rule here has the
//! measurement beside it: all were found by running the instructions on CPUs with guarded pages, see the
//! crate `oracle` and its `results/`.

mod elements;
mod mnemonics;
mod special;

use super::operand::{self, memory_operand};
use super::opmask;
use crate::cpu::MOVSXD_WORD;
use crate::operation::{DataClass, Shape, flag};
use crate::{DecodedInstruction, Maker};
use iced_x86::{
    EncodingKind, Instruction, InstructionInfoFactory, MemorySize, Mnemonic as M, OpAccess, OpKind,
    Register,
};
use mnemonics::{is_atomic, is_non_temporal, is_plain_move, is_x87, uses_extended_state};
use special::special;

pub(super) fn describe(
    instruction: &Instruction,
    factory: &mut InstructionInfoFactory,
    maker: Option<Maker>,
    decoded: &mut DecodedInstruction,
) {
    if uses_extended_state(instruction) {
        decoded.flags |= flag::EXTENDED;
    }
    if is_x87(instruction) {
        decoded.flags |= flag::X87_POINTERS;
    }
    if instruction.has_lock_prefix() || is_atomic(instruction) {
        decoded.flags |= flag::LOCKED;
    }
    if is_non_temporal(instruction.mnemonic()) {
        decoded.flags |= flag::NON_TEMPORAL;
    }
    if special(instruction, maker, decoded) {
        return;
    }
    let Some(memory) = memory_operand(instruction) else {
        return;
    };
    explicit(instruction, factory, memory, decoded);
}

/// An ordinary explicit operand.
fn explicit(
    instruction: &Instruction,
    factory: &mut InstructionInfoFactory,
    memory: u32,
    decoded: &mut DecodedInstruction,
) {
    let size = instruction.memory_size();
    let (shape, conditional) = match factory.info(instruction).op_access(memory) {
        OpAccess::Read => (Shape::Read, false),
        OpAccess::CondRead => (Shape::Read, true),
        OpAccess::Write => (Shape::Write, false),
        OpAccess::CondWrite => (Shape::Write, true),
        OpAccess::ReadWrite => (Shape::Update, false),
        OpAccess::ReadCondWrite => (Shape::Update, true),
        // `lea`, `nop`, prefetches: no fault (measured for prefetch).
        OpAccess::None | OpAccess::NoMemAccess => return,
    };
    decoded.shape = shape;
    data(instruction, memory, decoded);
    let len = width(instruction, size);
    if instruction.op_mask() != Register::None && instruction.encoding() == EncodingKind::EVEX {
        // iced calls a masked load a full `Read` and a masked store `CondWrite`.
        opmask::masked(instruction, size, decoded);
    } else if len > 64 {
        decoded.immediate = len as i32;
        decoded.shape = if shape == Shape::Read {
            Shape::BlockRead
        } else {
            Shape::BlockWrite
        };
    } else {
        decoded.width = len as u8;
        if conditional {
            decoded.flags |= flag::CONDITIONAL;
        }
        if instruction.mnemonic() == M::Fld && len == 10 {
            decoded.data = DataClass::X87Top;
            decoded.flags |= flag::PLAIN_MOVE;
        }
    }
    if decoded.width == 0 && len == 0 {
        decoded.shape = match shape {
            Shape::Read => Shape::UnknownRead,
            _ => Shape::UnknownWrite,
        };
    }
}

/// The bytes of the operand.
fn width(instruction: &Instruction, size: MemorySize) -> usize {
    match instruction.mnemonic() {
        // The executor knows it where the maker is known.
        M::Movsxd => MOVSXD_WORD.most().into(),
        _ => size.size(),
    }
}

/// What a register shows of the value.
fn data(instruction: &Instruction, memory: u32, decoded: &mut DecodedInstruction) {
    let other = if memory == 0 {
        instruction.op_count().saturating_sub(1)
    } else {
        0
    };
    if other == memory || instruction.op_kind(other) != OpKind::Register {
        return;
    }
    (decoded.data, decoded.register, decoded.register_width) =
        operand::data(instruction.op_register(other));
    match instruction.mnemonic() {
        M::Movhps | M::Movhpd | M::Vmovhps | M::Vmovhpd => {
            decoded.data = DataClass::VectorUpper;
            decoded.flags |= flag::PLAIN_MOVE;
        }
        mnemonic if is_plain_move(mnemonic) => decoded.flags |= flag::PLAIN_MOVE,
        _ => {}
    }
}
