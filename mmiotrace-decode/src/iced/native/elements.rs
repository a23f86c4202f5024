//! Accesses of single elements of a vector: by a mask, or at addresses of their own.

use crate::iced::operand;
use crate::operation::{Shape, VectorInfo, flag};
use crate::{DecodedInstruction, MemoryOperand};
use iced_x86::{EncodingKind, Instruction, Mnemonic as M, OpKind, Register};

pub(super) fn vector_masked(instruction: &Instruction, decoded: &mut DecodedInstruction) {
    let store = instruction.op_kind(0) == OpKind::Memory;
    let (mask, data) = if store { (1, 2) } else { (1, 0) };
    let width = match instruction.mnemonic() {
        M::Vmaskmovps | M::Vpmaskmovd => 4,
        _ => 8,
    };
    (decoded.data, decoded.register, decoded.register_width) =
        operand::data(instruction.op_register(data));
    masked(instruction.op_register(mask), store, width, decoded);
}

/// `maskmovq`, `maskmovdqu`: bytes to `[rdi]`, or `[edi]` under prefix 67h.
pub(super) fn byte_masked(instruction: &Instruction, decoded: &mut DecodedInstruction) {
    let address_32 = instruction.op_kind(0) == OpKind::MemorySegEDI;
    let segment = decoded.memory.segment();
    decoded.memory = MemoryOperand::absolute(0)
        .with_base(7)
        .with_address_32(address_32)
        .with_segment(segment);
    (decoded.data, decoded.register, decoded.register_width) =
        operand::data(instruction.op_register(1));
    masked(instruction.op_register(2), true, 1, decoded);
}

fn masked(mask: Register, store: bool, width: u8, decoded: &mut DecodedInstruction) {
    let info = VectorInfo {
        mask: mask.number() as u8,
        mask_is_vector: true,
        index: 0,
        index_width: 0,
    };
    decoded.immediate = info.pack();
    decoded.shape = if store {
        Shape::MaskedWrite
    } else {
        Shape::MaskedRead
    };
    decoded.width = width;
    decoded.detail = decoded.register_width / width.max(1);
    decoded.flags |= flag::PLAIN_MOVE;
}

/// Gathers and scatters: iced has one entry with the element's size.
pub(super) fn indexed(instruction: &Instruction, decoded: &mut DecodedInstruction) {
    use M::*;
    let scatter = instruction.op_kind(0) == OpKind::Memory;
    let index = instruction.memory_index();
    let index_width: u8 = match instruction.mnemonic() {
        Vgatherdps | Vgatherdpd | Vpgatherdd | Vpgatherdq | Vscatterdps | Vscatterdpd
        | Vpscatterdd | Vpscatterdq => 4,
        _ => 8,
    };
    let width = instruction.memory_size().element_size().max(1) as u8;
    let data = if scatter { 1 } else { 0 };
    (decoded.data, decoded.register, decoded.register_width) =
        operand::data(instruction.op_register(data));
    let (mask, mask_is_vector) = if instruction.encoding() == EncodingKind::VEX {
        (instruction.op_register(2), true)
    } else {
        (instruction.op_mask(), false)
    };
    let info = VectorInfo {
        mask: mask.number() as u8,
        mask_is_vector,
        index: index.number() as u8,
        index_width,
    };
    decoded.immediate = info.pack();
    decoded.shape = if scatter {
        Shape::Scatter
    } else {
        Shape::Gather
    };
    decoded.width = width;
    decoded.detail = (decoded.register_width / width).min(index.size() as u8 / index_width);
    decoded.memory = decoded.memory.with_index(
        crate::operand::NONE,
        instruction.memory_index_scale().trailing_zeros() as u8,
    );
    decoded.flags |= flag::PLAIN_MOVE;
}
