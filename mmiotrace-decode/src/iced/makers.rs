//! Which of iced's instructions are in the table of what makers do differently.

use super::{operand, parse_at};
use crate::Maker;
use crate::cpu::Row;
use iced_x86::{FlowControl, Instruction, Mnemonic as M, Register};

/// The row that an instruction is in, as it was parsed for `maker`.
pub(super) fn difference(
    instruction: &Instruction,
    code: &[u8],
    maker: Option<Maker>,
) -> Option<Row> {
    match instruction.mnemonic() {
        M::Movsxd if instruction.op0_register().size() == 2 => Some(Row::MovsxdWord),
        M::Pop if matches!(instruction.op0_register(), Register::FS | Register::GS) => {
            (instruction.stack_pointer_increment() > 2).then_some(Row::SelectorSlot)
        }
        M::Retf if has_operand_size(instruction, 2) => None,
        M::Retf | M::Iretd | M::Iretq => Some(Row::SelectorSlot),
        M::Lss | M::Lfs | M::Lgs => differs(instruction, code, maker).then_some(Row::FarOffset),
        M::Call | M::Jmp if is_far(instruction) => {
            differs(instruction, code, maker).then_some(Row::FarOffset)
        }
        M::Ud0 => Some(Row::Ud0Operand),
        M::Mov if (0..2).any(|n| instruction.op_register(n) == Register::CR8) => {
            differs(instruction, code, maker).then_some(Row::LockIsCr8)
        }
        _ if instruction.is_string_instruction() => {
            let repeats = instruction.has_rep_prefix() || instruction.has_repne_prefix();
            (repeats && operand::string_address_32(instruction)).then_some(Row::EmptyRepeat)
        }
        _ => {
            let branches = !matches!(
                instruction.flow_control(),
                FlowControl::Next | FlowControl::Interrupt | FlowControl::Exception
            );
            (branches && differs(instruction, code, maker)).then_some(Row::NearBranch)
        }
    }
}

fn is_far(instruction: &Instruction) -> bool {
    instruction.is_call_far_indirect() || instruction.is_jmp_far_indirect()
}

/// `retf` without its immediate pops two slots.
fn has_operand_size(instruction: &Instruction, bytes: i32) -> bool {
    let released = if instruction.op_count() > 0 {
        i32::from(instruction.immediate16())
    } else {
        0
    };
    instruction.stack_pointer_increment() - released == 2 * bytes
}

/// Whether the other maker's CPUs have another instruction in these bytes.
fn differs(instruction: &Instruction, code: &[u8], maker: Option<Maker>) -> bool {
    let other = match maker {
        Some(Maker::Amd) => Maker::Intel,
        _ => Maker::Amd,
    };
    match parse_at(code, 0, Some(other)) {
        Ok(found) => found.code() != instruction.code() || found.len() != instruction.len(),
        Err(_) => true,
    }
}
