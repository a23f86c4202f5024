//! Instructions with a rule of their own.

use super::elements::{byte_masked, indexed, vector_masked};
use crate::access::variant;
use crate::cpu::{SELECTOR_SLOT, SlotRead};
use crate::iced::classify::repeat_flags;
use crate::iced::operand::gpr_number;
use crate::operation::{Shape, flag};
use crate::{DecodedInstruction, Maker, MemoryOperand};
use iced_x86::{Instruction, Mnemonic as M};

/// What has a rule of its own.
pub(super) fn special(
    instruction: &Instruction,
    maker: Option<Maker>,
    decoded: &mut DecodedInstruction,
) -> bool {
    use M::*;
    match instruction.mnemonic() {
        Prefetch | Prefetchw | Prefetchwt1 | Prefetchnta | Prefetcht0 | Prefetcht1 | Prefetcht2 => {
        }
        // Measured: `clflush` faults (iced: a read of one byte), and no data moves.
        Clflush | Clflushopt | Clwb => decoded.shape = Shape::CacheLine,
        Clzero | Monitor | Monitorx => implicit_rax(instruction, decoded),
        // iced: a plain `Write` or `Read` of full width. Measured: only elements whose mask bit is
        // set are accessed.
        Vmaskmovps | Vmaskmovpd | Vpmaskmovd | Vpmaskmovq => vector_masked(instruction, decoded),
        Maskmovq | Maskmovdqu | Vmaskmovdqu => byte_masked(instruction, decoded),
        Vgatherdps | Vgatherdpd | Vgatherqps | Vgatherqpd | Vpgatherdd | Vpgatherdq
        | Vpgatherqd | Vpgatherqq | Vscatterdps | Vscatterdpd | Vscatterqps | Vscatterqpd
        | Vpscatterdd | Vpscatterdq | Vpscatterqd | Vpscatterqq => indexed(instruction, decoded),
        // Measured: the CPU asks for all 512 bytes, and writes the first 416 (the rest is reserved or
        // left to software: Intel SDM volume 1, section 10.5.1).
        Fxsave | Fxsave64 => {
            decoded.shape = Shape::BlockWrite;
            decoded.immediate = 512;
            decoded.detail = variant::TAIL_UNTOUCHED;
        }
        // iced gives these no size.
        Xsave | Xsave64 => xsave(decoded, Shape::Xsave, 0),
        Xsaveopt | Xsaveopt64 => xsave(decoded, Shape::Xsave, variant::OPTIMISED),
        Xsavec | Xsavec64 | Xsaves | Xsaves64 => {
            xsave(
                decoded,
                Shape::Xsave,
                variant::OPTIMISED | variant::COMPACTED,
            );
        }
        Xrstor | Xrstor64 | Xrstors | Xrstors64 => xsave(decoded, Shape::Xrstor, 0),
        Movdir64b | Enqcmd | Enqcmds => {
            decoded.shape = Shape::MoveBlock;
            decoded.width = 64;
            decoded.register = gpr_number(instruction.op0_register()).unwrap_or(0);
        }
        Insb | Insw | Insd => port_string(instruction, decoded, Shape::StringStore),
        Outsb | Outsw | Outsd => port_string(instruction, decoded, Shape::StringLoad),
        _ => return far_or_flags(instruction, maker, decoded),
    }
    true
}

/// Instructions that touch the stack and have no explicit operand there, or a far pointer.
fn far_or_flags(
    instruction: &Instruction,
    maker: Option<Maker>,
    decoded: &mut DecodedInstruction,
) -> bool {
    use M::*;
    let moved = instruction.stack_pointer_increment().unsigned_abs();
    match instruction.mnemonic() {
        Popf | Popfd | Popfq => (decoded.shape, decoded.width) = (Shape::Pop, moved as u8),
        // Of a segment register: the others are computed.
        Pop => {
            let read = match maker.map(|maker| SELECTOR_SLOT.of(maker)) {
                Some(SlotRead::Selector) => 2,
                _ => moved as u8,
            };
            (decoded.shape, decoded.width) = (Shape::Pop, read);
        }
        Push => (decoded.shape, decoded.width) = (Shape::Push, moved as u8),
        Retf => {
            let released = if instruction.op_count() > 0 {
                u32::from(instruction.immediate16())
            } else {
                0
            };
            let both = moved.saturating_sub(released);
            (decoded.shape, decoded.width, decoded.detail) =
                (Shape::PopSeveral, (both / 2) as u8, 2);
        }
        Iret | Iretd | Iretq => {
            let width = match instruction.mnemonic() {
                Iret => 2,
                Iretd => 4,
                _ => 8,
            };
            (decoded.shape, decoded.width, decoded.detail) = (Shape::PopSeveral, width, 5);
        }
        Call if instruction.is_call_far_indirect() => {
            decoded.shape = Shape::CallFar;
            decoded.width = instruction.memory_size().size() as u8;
            decoded.detail = decoded.width.saturating_sub(2);
        }
        _ => return false,
    }
    true
}

fn xsave(decoded: &mut DecodedInstruction, shape: Shape, detail: u8) {
    decoded.shape = shape;
    decoded.detail = detail;
}

fn port_string(instruction: &Instruction, decoded: &mut DecodedInstruction, shape: Shape) {
    decoded.shape = shape;
    decoded.width = match instruction.mnemonic() {
        M::Insb | M::Outsb => 1,
        M::Insw | M::Outsw => 2,
        _ => 4,
    };
    decoded.flags |= repeat_flags(instruction);
}

/// `clzero` and `monitor` name no operand: it is `[rax]`, or `[eax]` under prefix 67h.
fn implicit_rax(instruction: &Instruction, decoded: &mut DecodedInstruction) {
    use iced_x86::Code;
    let address_32 = matches!(
        instruction.code(),
        Code::Clzerod | Code::Monitord | Code::Monitorxd
    );
    let segment = decoded.memory.segment();
    decoded.memory = MemoryOperand::absolute(0)
        .with_base(0)
        .with_address_32(address_32)
        .with_segment(segment);
    if instruction.mnemonic() == M::Clzero {
        decoded.shape = Shape::ClearLine;
        decoded.width = 64;
        decoded.flags |= flag::PLAIN_MOVE | flag::NON_TEMPORAL;
    } else {
        decoded.shape = Shape::CacheLine;
    }
}
