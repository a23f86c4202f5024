//! The instructions that the executor computes itself.

use super::operand::{self, memory_operand};
use crate::cpu::MOVSXD_WORD;
use crate::emulate::BY_CL;
use crate::operation::{DataClass, Form, Operation as O, Shape, flag};
use crate::{DecodedInstruction, Maker};
use iced_x86::{ConditionCode, Instruction, Mnemonic as M, OpKind, Register};

/// Fills `decoded` and returns true, if the executor knows the instruction.
pub(super) fn classify(
    instruction: &Instruction,
    maker: Option<Maker>,
    decoded: &mut DecodedInstruction,
) -> bool {
    // `movsd` and `cmpsd` are also names of SSE instructions.
    if instruction.is_string_instruction()
        && let Some(operation) = string(instruction.mnemonic())
    {
        string_form(instruction, operation, decoded);
        return true;
    }
    if stack(instruction, decoded) {
        return true;
    }
    let Some(operation) = operation(instruction, maker) else {
        return false;
    };
    let Some(memory) = memory_operand(instruction) else {
        return false;
    };
    let Some(form) = form(instruction, memory, decoded) else {
        return false;
    };
    decoded.operation = operation;
    decoded.form = form;
    decoded.width = match (instruction.mnemonic(), maker) {
        (M::Movsxd, Some(maker)) if decoded.register_width == 2 => MOVSXD_WORD.of(maker),
        _ => instruction.memory_size().size() as u8,
    };
    decoded.detail = match operation {
        O::Shld | O::Shrd if instruction.op_kind(2) == OpKind::Register => BY_CL,
        _ => condition_number(instruction.condition_code()),
    };
    decoded.shape = shape(operation, form, decoded);
    if instruction.has_lock_prefix() || operation == O::Xchg {
        decoded.flags |= flag::LOCKED;
    }
    if instruction.mnemonic() == M::Movnti {
        decoded.flags |= flag::NON_TEMPORAL;
    }
    if operation == O::Set {
        decoded.data = DataClass::Condition;
    }
    if matches!(operation, O::Mov | O::MovBe | O::Set | O::Xchg) {
        decoded.flags |= flag::PLAIN_MOVE;
    }
    true
}

fn operation(instruction: &Instruction, maker: Option<Maker>) -> Option<O> {
    Some(match instruction.mnemonic() {
        M::Mov | M::Movnti => O::Mov,
        M::Movzx => O::MovZx,
        M::Movsx => O::MovSx,
        // How many bytes the form with a 16-bit destination reads is for the maker to say.
        M::Movsxd if instruction.op0_register().size() > 2 || maker.is_some() => O::MovSx,
        M::Movbe => O::MovBe,
        M::Add => O::Add,
        M::Or => O::Or,
        M::Adc => O::Adc,
        M::Sbb => O::Sbb,
        M::And => O::And,
        M::Sub => O::Sub,
        M::Xor => O::Xor,
        M::Cmp => O::Cmp,
        M::Test => O::Test,
        M::Inc => O::Inc,
        M::Dec => O::Dec,
        M::Not => O::Not,
        M::Neg => O::Neg,
        M::Xchg => O::Xchg,
        M::Xadd => O::Xadd,
        M::Cmpxchg => O::Cmpxchg,
        M::Cmpxchg8b | M::Cmpxchg16b => O::CmpxchgPair,
        M::Bt => O::Bt,
        M::Bts => O::Bts,
        M::Btr => O::Btr,
        M::Btc => O::Btc,
        M::Rol => O::Rol,
        M::Ror => O::Ror,
        M::Rcl => O::Rcl,
        M::Rcr => O::Rcr,
        M::Shl | M::Sal => O::Shl,
        M::Shr => O::Shr,
        M::Sar => O::Sar,
        M::Shld => O::Shld,
        M::Shrd => O::Shrd,
        M::Imul if instruction.op_count() > 1 => O::Imul,
        M::Imul => O::ImulWide,
        M::Mul => O::Mul,
        M::Div => O::Div,
        M::Idiv => O::Idiv,
        M::Bsf => O::Bsf,
        M::Bsr => O::Bsr,
        M::Call => O::Call,
        M::Jmp => O::Jmp,
        _ if instruction.condition_code() != ConditionCode::None => {
            return conditional(instruction);
        }
        _ => return None,
    })
}

/// `cmovcc` and `setcc` (and not `jcc`, `cmpccxadd`, …).
fn conditional(instruction: &Instruction) -> Option<O> {
    let name = instruction.mnemonic();
    let cmov = M::Cmova as usize..=M::Cmovs as usize;
    let set = M::Seta as usize..=M::Sets as usize;
    if cmov.contains(&(name as usize)) {
        Some(O::Cmov)
    } else if set.contains(&(name as usize)) {
        Some(O::Set)
    } else {
        None
    }
}

fn condition_number(code: ConditionCode) -> u8 {
    (code as u8).saturating_sub(1)
}

/// Which operand is where, and what the value comes from or goes to. `None` where an operand is of
/// a kind that the executor does not know (segment registers, far pointers).
fn form(instruction: &Instruction, memory: u32, decoded: &mut DecodedInstruction) -> Option<Form> {
    let count = instruction.op_count();
    let mut register = |n: u32| {
        let (class, number, width) = operand::data(instruction.op_register(n));
        (decoded.data, decoded.register, decoded.register_width) = (class, number, width);
        matches!(class, DataClass::Gpr | DataClass::GprHigh).then_some(())
    };
    let is_register = |n: u32| n < count && instruction.op_kind(n) == OpKind::Register;
    Some(match (memory, count) {
        (0, 1) => {
            if is_far(instruction) {
                return None;
            }
            Form::Mem
        }
        (1, 2) if is_register(0) => {
            register(0)?;
            Form::RegMem
        }
        (1, 3) if is_register(0) => {
            register(0)?;
            decoded.immediate = immediate(instruction, 2);
            Form::RegMemImm
        }
        (0, 2) if is_shift_by_cl(instruction) => Form::Mem,
        (0, 2) if is_register(1) => {
            register(1)?;
            Form::MemReg
        }
        (0, 2) => {
            decoded.data = DataClass::Immediate;
            decoded.immediate = immediate(instruction, 1);
            Form::MemImm
        }
        (0, 3) if is_register(1) => {
            register(1)?;
            decoded.immediate = immediate_of_double_shift(instruction);
            Form::MemReg
        }
        _ => return None,
    })
}

fn is_far(instruction: &Instruction) -> bool {
    instruction.is_jmp_far_indirect() || instruction.is_call_far_indirect()
}

/// Shifts and rotates by `cl`, of which the register is not data in our sense.
fn is_shift_by_cl(instruction: &Instruction) -> bool {
    matches!(
        instruction.mnemonic(),
        M::Rol | M::Ror | M::Rcl | M::Rcr | M::Shl | M::Sal | M::Shr | M::Sar
    ) && instruction.op_kind(1) == OpKind::Register
}

/// The count of `shld` and `shrd`; 0 where it is `cl`.
fn immediate_of_double_shift(instruction: &Instruction) -> i32 {
    if instruction.op_kind(2) == OpKind::Register {
        0
    } else {
        immediate(instruction, 2)
    }
}

/// An immediate, sign-extended from its operand's width; all that reach here fit 32 bits.
fn immediate(instruction: &Instruction, operand: u32) -> i32 {
    match instruction.op_kind(operand) {
        OpKind::Immediate8 => i32::from(instruction.immediate8() as i8),
        OpKind::Immediate16 => i32::from(instruction.immediate16() as i16),
        _ => instruction.immediate(operand) as u32 as i32,
    }
}

fn shape(operation: O, form: Form, decoded: &DecodedInstruction) -> Shape {
    let bit_offset = decoded.form == Form::MemReg;
    match operation {
        O::Mov | O::MovBe if form == Form::RegMem => Shape::Read,
        O::Mov | O::MovBe | O::Set => Shape::Write,
        O::MovZx
        | O::MovSx
        | O::Cmp
        | O::Test
        | O::Imul
        | O::Mul
        | O::ImulWide
        | O::Div
        | O::Idiv
        | O::Cmov
        | O::Bsf
        | O::Bsr
        | O::Jmp => Shape::Read,
        O::Call => Shape::PushMemory,
        O::Bt if bit_offset => Shape::BitRead,
        O::Bt => Shape::Read,
        O::Bts | O::Btr | O::Btc if bit_offset => Shape::BitUpdate,
        O::Xchg => Shape::Update,
        _ if form == Form::RegMem => Shape::Read,
        _ => Shape::Update,
    }
}

fn string(mnemonic: M) -> Option<(O, u8)> {
    Some(match mnemonic {
        M::Movsb => (O::Movs, 1),
        M::Movsw => (O::Movs, 2),
        M::Movsd => (O::Movs, 4),
        M::Movsq => (O::Movs, 8),
        M::Stosb => (O::Stos, 1),
        M::Stosw => (O::Stos, 2),
        M::Stosd => (O::Stos, 4),
        M::Stosq => (O::Stos, 8),
        M::Lodsb => (O::Lods, 1),
        M::Lodsw => (O::Lods, 2),
        M::Lodsd => (O::Lods, 4),
        M::Lodsq => (O::Lods, 8),
        M::Cmpsb => (O::Cmps, 1),
        M::Cmpsw => (O::Cmps, 2),
        M::Cmpsd => (O::Cmps, 4),
        M::Cmpsq => (O::Cmps, 8),
        M::Scasb => (O::Scas, 1),
        M::Scasw => (O::Scas, 2),
        M::Scasd => (O::Scas, 4),
        M::Scasq => (O::Scas, 8),
        _ => return None,
    })
}

fn string_form(
    instruction: &Instruction,
    (operation, width): (O, u8),
    decoded: &mut DecodedInstruction,
) {
    decoded.operation = operation;
    decoded.width = width;
    decoded.shape = match operation {
        O::Movs => Shape::StringCopy,
        O::Stos => Shape::StringStore,
        O::Lods => Shape::StringLoad,
        O::Cmps => Shape::StringCompare,
        _ => Shape::StringScan,
    };
    if matches!(operation, O::Stos | O::Lods | O::Scas) {
        (decoded.data, decoded.register, decoded.register_width) = (DataClass::Gpr, 0, width);
    }
    if operation == O::Stos {
        decoded.flags |= flag::PLAIN_MOVE;
    }
    decoded.flags |= repeat_flags(instruction);
}

/// Prefixes of a string instruction.
pub(super) fn repeat_flags(instruction: &Instruction) -> u16 {
    let mut flags = 0;
    if instruction.has_rep_prefix() {
        flags |= flag::REP;
    }
    if instruction.has_repne_prefix() {
        flags |= flag::REPNE;
    }
    if operand::string_address_32(instruction) {
        flags |= flag::ADDRESS_32;
    }
    flags
}

/// Instructions that move between the stack and a register, an immediate or memory.
fn stack(instruction: &Instruction, decoded: &mut DecodedInstruction) -> bool {
    let width = instruction.stack_pointer_increment().unsigned_abs() as u8;
    let memory = memory_operand(instruction).is_some();
    let register = instruction.op_count() > 0 && instruction.op_kind(0) == OpKind::Register;
    let (operation, form, shape) = match instruction.mnemonic() {
        M::Push if memory => (O::Push, Form::Mem, Shape::PushMemory),
        M::Push if register => (O::Push, Form::Reg, Shape::Push),
        M::Push => (O::Push, Form::Imm, Shape::Push),
        M::Pop if memory => (O::Pop, Form::Mem, Shape::PopMemory),
        M::Pop => (O::Pop, Form::Reg, Shape::Pop),
        M::Call if instruction.is_call_near() => (O::Call, Form::Imm, Shape::Push),
        M::Call if instruction.is_call_near_indirect() && !memory => {
            (O::Call, Form::Reg, Shape::Push)
        }
        M::Ret => (O::Ret, Form::Imm, Shape::Pop),
        M::Leave => (O::Leave, Form::Implicit, Shape::Leave),
        M::Pushf | M::Pushfd | M::Pushfq => (O::Pushf, Form::Implicit, Shape::Push),
        M::Enter => (O::Enter, Form::Imm, Shape::Enter),
        M::Xlatb => return xlat(instruction, decoded),
        _ => return false,
    };
    if register && instruction.op0_register().is_segment_register() {
        return false;
    }
    (decoded.operation, decoded.form, decoded.shape) = (operation, form, shape);
    decoded.width = width;
    match operation {
        O::Leave => {
            decoded.width = if instruction.code() == iced_x86::Code::Leavew {
                2
            } else {
                8
            }
        }
        O::Enter => {
            decoded.width = if instruction.code() == iced_x86::Code::Enterw_imm16_imm8 {
                2
            } else {
                8
            };
            decoded.immediate = i32::from(instruction.immediate16());
            decoded.detail = instruction.immediate8_2nd() & 31;
            if decoded.detail > 1 {
                decoded.shape = Shape::EnterNested;
            }
            (decoded.data, decoded.register, decoded.register_width) =
                (DataClass::Gpr, 5, decoded.width);
            decoded.flags |= flag::PLAIN_MOVE;
        }
        O::Pushf => {
            decoded.data = DataClass::Flags;
            decoded.flags |= flag::PLAIN_MOVE;
        }
        O::Ret => {
            decoded.width = if instruction.code() as u32 == iced_x86::Code::Retnw as u32
                || instruction.code() as u32 == iced_x86::Code::Retnw_imm16 as u32
            {
                2
            } else {
                8
            };
            decoded.immediate = if instruction.op_count() > 0 {
                i32::from(instruction.immediate16())
            } else {
                0
            };
        }
        O::Call => {
            decoded.data = DataClass::ReturnAddress;
            decoded.flags |= flag::PLAIN_MOVE;
            if form == Form::Imm {
                // The distance, as the instruction was decoded at address 0.
                let target = instruction.near_branch_target();
                decoded.immediate = target.wrapping_sub(instruction.len() as u64) as i32;
            } else {
                let (_, number, width) = operand::data(instruction.op_register(0));
                (decoded.register, decoded.register_width) = (number, width);
            }
        }
        _ => push_pop_data(instruction, form, decoded),
    }
    true
}

fn push_pop_data(instruction: &Instruction, form: Form, decoded: &mut DecodedInstruction) {
    match form {
        Form::Reg => {
            (decoded.data, decoded.register, decoded.register_width) =
                operand::data(instruction.op_register(0));
            decoded.flags |= flag::PLAIN_MOVE;
        }
        Form::Imm => {
            decoded.data = DataClass::Immediate;
            decoded.immediate = immediate(instruction, 0);
            decoded.flags |= flag::PLAIN_MOVE;
        }
        _ => {}
    }
}

/// `xlat`: `al` from `[rbx + al]`.
fn xlat(instruction: &Instruction, decoded: &mut DecodedInstruction) -> bool {
    let address_32 = instruction.memory_base() == Register::EBX;
    decoded.operation = O::Xlat;
    decoded.shape = Shape::IndexedRead;
    decoded.width = 1;
    (decoded.data, decoded.register, decoded.register_width) = (DataClass::Gpr, 0, 1);
    // iced has `al` as an index register; it counts in `operand_address`.
    decoded.memory = decoded
        .memory
        .with_index(crate::operand::NONE, 0)
        .with_base(3)
        .with_address_32(address_32);
    true
}
