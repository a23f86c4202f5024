//! Registers under which an instruction's accesses fall into the regions.

use crate::mappings::{A, B, EDGE, LANDING, Mappings};
use crate::random::Random;
use crate::state::{AVX, HI16_ZMM, Memory, State, ZMM_HI256};
use iced_x86::{FlowControl, Instruction, Mnemonic, OpKind};
use mmiotrace_decode::{Base, DecodedInstruction, Gpr, MemoryOperand, XsaveLayout};

/// Where the operand is to be, and the other side of instructions with two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Aim {
    pub(crate) operand: u64,
    pub(crate) other: u64,
}

/// Roughly the middle of a region.
const MIDDLE: u64 = EDGE + 0x140;

impl Aim {
    /// A place in the middle of each region: aligned to 64 bytes, or anyhow.
    pub(crate) fn random(random: &mut Random, aligned: bool) -> Self {
        let mut offset = || {
            if aligned {
                random.below(8) * 64
            } else {
                random.below(512)
            }
        };
        Self {
            operand: A + MIDDLE + offset(),
            other: B + MIDDLE + offset(),
        }
    }
}

/// Sets the registers that make up addresses. False where the aim cannot be met exactly, because
/// the address is in the instruction or one register counts twice; the operand is then near by.
pub(crate) fn aim(
    instruction: &DecodedInstruction,
    iced: &Instruction,
    aim: Aim,
    state: &mut State,
    random: &mut Random,
    layout: &XsaveLayout,
) -> bool {
    implicit(iced, aim, state, random);
    let Some(operand) = instruction.operand() else {
        return true;
    };
    if iced.mnemonic() == Mnemonic::Movdir64b
        && let Some(gpr) = Gpr::ALL.get(iced.op0_register().full_register().number())
    {
        state.registers.set(*gpr, aim.other);
    }
    small_index(&operand, iced, state, random);
    index_vector(iced, state, random, layout);
    solve(instruction, &operand, aim.operand, state)
        && instruction
            .address(&state.registers)
            .is_some_and(|found| found.0 == aim.operand)
}

/// Registers that strings, stacks and loops use without naming them.
fn implicit(iced: &Instruction, aim: Aim, state: &mut State, random: &mut Random) {
    let registers = &mut state.registers;
    let address_32 = (0..iced.op_count()).any(|n| {
        matches!(
            iced.op_kind(n),
            OpKind::MemorySegESI | OpKind::MemoryESEDI | OpKind::MemorySegEDI
        )
    });
    // Garbage above 32 bits must not count.
    let high = if address_32 { random.next() << 32 } else { 0 };
    if iced.is_string_instruction() {
        let segment = match iced.segment_prefix() {
            iced_x86::Register::FS => registers.fs_base,
            iced_x86::Register::GS => registers.gs_base,
            _ => 0,
        };
        let second_only = !iced
            .op_kinds()
            .any(|kind| matches!(kind, OpKind::MemorySegRSI | OpKind::MemorySegESI));
        let to = if second_only { aim.operand } else { aim.other };
        registers.set(Gpr::Rsi, aim.operand.wrapping_sub(segment) | high);
        registers.set(Gpr::Rdi, to | high);
        if iced.has_rep_prefix() || iced.has_repne_prefix() {
            registers.set(Gpr::Rcx, random.below(7) | high);
        }
    }
    let stack_alone = !iced.op_kinds().any(|kind| kind == OpKind::Memory);
    if iced.is_stack_instruction() || matches!(iced.mnemonic(), Mnemonic::Enter | Mnemonic::Leave) {
        registers.set(Gpr::Rsp, if stack_alone { aim.operand } else { aim.other });
        if iced.mnemonic() == Mnemonic::Leave {
            registers.set(Gpr::Rbp, aim.operand);
        } else if iced.mnemonic() == Mnemonic::Enter {
            registers.set(Gpr::Rbp, aim.other);
        }
    }
}

/// The index register small, where it is not the base too; so is a bit offset.
fn small_index(
    operand: &MemoryOperand,
    iced: &Instruction,
    state: &mut State,
    random: &mut Random,
) {
    let base = match operand.base() {
        Some(Base::Gpr(gpr)) => Some(gpr),
        _ => None,
    };
    let bit_offset = matches!(
        iced.mnemonic(),
        Mnemonic::Bt | Mnemonic::Bts | Mnemonic::Btr | Mnemonic::Btc
    ) && iced.op1_kind() == OpKind::Register;
    if bit_offset {
        let gpr = Gpr::from_number(iced.op1_register().full_register().number() as u8);
        let offset = random.below(0x4000) as i64 - 0x2000;
        let junk = match iced.op1_register().size() {
            2 => random.next() << 16,
            4 => random.next() << 32,
            _ => 0,
        };
        let mask = match iced.op1_register().size() {
            2 => 0xffff,
            4 => 0xffff_ffff,
            _ => u64::MAX,
        };
        state.registers.set(gpr, offset as u64 & mask | junk);
    }
    if let Some(index) = operand.index().filter(|index| Some(*index) != base) {
        let bit_offset_here = bit_offset
            && Gpr::from_number(iced.op1_register().full_register().number() as u8) == index;
        if !bit_offset_here {
            state.registers.set(index, random.below(64));
        }
    }
    if operand.is_address_32() {
        for gpr in [base, operand.index()].into_iter().flatten() {
            let value = state.registers.get(gpr) & 0xffff_ffff;
            state.registers.set(gpr, value | random.next() << 32);
        }
    }
}

/// Elements of an index vector: small, of both signs.
fn index_vector(iced: &Instruction, state: &mut State, random: &mut Random, layout: &XsaveLayout) {
    let index = iced.memory_index();
    if !index.is_vector_register() {
        return;
    }
    let wide = iced.is_vsib64();
    let number = index.number();
    let mut bytes = [0u8; 64];
    for chunk in bytes.chunks_mut(if wide { 8 } else { 4 }) {
        let offset = random.below(512) as i64 - 256;
        let len = chunk.len();
        chunk.copy_from_slice(&offset.to_le_bytes()[..len]);
    }
    let area = &mut state.area.0;
    let mut put =
        |start: usize, bytes: &[u8]| area[start..start + bytes.len()].copy_from_slice(bytes);
    let mut put_component = |bit: u32, index: usize, bytes: &[u8]| {
        if let Some((offset, _)) = layout.component(bit) {
            put(offset as usize + index * bytes.len(), bytes);
        }
    };
    if let Some(index) = number.checked_sub(16) {
        put_component(HI16_ZMM, index, &bytes);
        return;
    }
    put_component(AVX, number, &bytes[16..32]);
    put_component(ZMM_HI256, number, &bytes[32..]);
    put(160 + 16 * number, &bytes[..16]);
}

/// Sets the base (or the lone index) so that the operand lies at `target`.
fn solve(
    instruction: &DecodedInstruction,
    operand: &MemoryOperand,
    target: u64,
    state: &mut State,
) -> bool {
    let base = match (operand.base(), operand.index()) {
        (Some(Base::Gpr(gpr)), _) => gpr,
        (None, Some(index)) => index,
        _ => return false,
    };
    let garbage = if operand.is_address_32() {
        state.registers.get(base) & !0xffff_ffff
    } else {
        0
    };
    let at = |state: &mut State, value: u64| {
        state.registers.set(base, value | garbage);
        instruction
            .address(&state.registers)
            .map_or(0, |address| address.0)
    };
    // The base counts once in most cases: then the difference is what is missing.
    let first = at(state, 0);
    let value = target.wrapping_sub(first);
    let value = if operand.is_address_32() {
        value & 0xffff_ffff
    } else {
        value
    };
    if at(state, value) == target {
        return true;
    }
    // Else the address grows with the register: halve the interval.
    let (mut low, mut high) = (0u64, 1 << 31);
    while low + 1 < high {
        let middle = low.midpoint(high);
        if at(state, middle) <= target {
            low = middle
        } else {
            high = middle
        }
    }
    // What must be aligned can be so with the register a multiple, too.
    let low = if target.is_multiple_of(64) {
        low & !63
    } else {
        low
    };
    at(state, low) == target
}

/// Contents of memory and registers without which an instruction only faults.
pub(crate) fn prepare_operands(
    instruction: &DecodedInstruction,
    iced: &Instruction,
    mappings: &Mappings,
    state: &mut State,
    memory: &mut Memory,
    random: &mut Random,
) {
    let operand = instruction
        .address(&state.registers)
        .map(|address| address.0);
    let put = |memory: &mut Memory, address: u64, bytes: &[u8]| {
        if let Some(to) = memory.at_mut(mappings, address, bytes.len()) {
            to.copy_from_slice(bytes);
        }
    };
    match (iced.flow_control(), operand) {
        (FlowControl::IndirectBranch | FlowControl::IndirectCall, Some(operand)) => {
            put(memory, operand, &(LANDING + random.below(64)).to_le_bytes());
        }
        (FlowControl::Return, _) => {
            let rsp = state.registers.get(Gpr::Rsp);
            put(memory, rsp, &(LANDING + random.below(64)).to_le_bytes());
        }
        _ => {}
    }
    match iced.mnemonic() {
        Mnemonic::Call if operand.is_none() && iced.op0_kind() == OpKind::Register => {
            let gpr = Gpr::from_number(iced.op0_register().full_register().number() as u8);
            if gpr != Gpr::Rsp {
                state.registers.set(gpr, LANDING);
            }
        }
        Mnemonic::Div | Mnemonic::Idiv if random.below(4) != 0 => {
            small_dividend(instruction, iced, state);
            if let Some(operand) = operand {
                let last =
                    operand + u64::from(instruction.width().map_or(1, |width| width.bytes())) - 1;
                put(memory, last, &[random.next() as u8 | 1]);
            }
        }
        Mnemonic::Ldtilecfg => {
            if let Some(operand) = operand {
                put(memory, operand, &TILE_CONFIG);
            }
        }
        Mnemonic::Fxrstor | Mnemonic::Fxrstor64 | Mnemonic::Xrstor | Mnemonic::Xrstor64 => {
            let image = state.area.0[..1024].to_vec();
            if let Some(operand) = operand {
                put(memory, operand, &image);
            }
        }
        Mnemonic::Mov | Mnemonic::Pop if iced.op0_register().is_segment_register() => {
            let at = operand.unwrap_or(state.registers.get(Gpr::Rsp));
            put(memory, at, &USER_DATA.to_le_bytes());
        }
        Mnemonic::Lss | Mnemonic::Lfs | Mnemonic::Lgs => {
            let at = operand.unwrap_or(0) + iced.memory_size().size() as u64 - 2;
            put(memory, at, &USER_DATA.to_le_bytes());
        }
        Mnemonic::Jmp | Mnemonic::Call
            if iced.is_jmp_far_indirect() || iced.is_call_far_indirect() =>
        {
            let at = operand.unwrap_or(0) + iced.memory_size().size() as u64 - 2;
            put(memory, at, &USER_CODE.to_le_bytes());
        }
        Mnemonic::Retf | Mnemonic::Iret | Mnemonic::Iretd | Mnemonic::Iretq => {
            far_return(instruction, state, memory, &put);
        }
        // Alignment checks would meet the signal handler.
        Mnemonic::Popf | Mnemonic::Popfd | Mnemonic::Popfq => {
            let flags = random.next() & crate::machine::FLAGS | 2;
            put(memory, state.registers.get(Gpr::Rsp), &flags.to_le_bytes());
        }
        Mnemonic::Rol
        | Mnemonic::Ror
        | Mnemonic::Rcl
        | Mnemonic::Rcr
        | Mnemonic::Shl
        | Mnemonic::Shr
        | Mnemonic::Sar
            if iced.op1_kind() == OpKind::Register
                && random.below(2) == 0
                && !in_address(instruction, Gpr::Rcx) =>
        {
            state
                .registers
                .set(Gpr::Rcx, random.below(8) | random.next() << 8);
        }
        Mnemonic::Ldmxcsr | Mnemonic::Vldmxcsr => {
            if let Some(operand) = operand {
                put(
                    memory,
                    operand,
                    &(0x1f80 | (random.below(4) as u32) << 13).to_le_bytes(),
                );
            }
        }
        Mnemonic::Cmpxchg if random.below(2) == 0 => {
            if let Some(operand) = operand {
                put(
                    memory,
                    operand,
                    &state.registers.get(Gpr::Rax).to_le_bytes()[..iced.memory_size().size()],
                );
            }
        }
        Mnemonic::Cmpxchg8b | Mnemonic::Cmpxchg16b if random.below(2) == 0 => {
            let half = iced.memory_size().size() / 2;
            if let Some(operand) = operand {
                let (low, high) = (state.registers.get(Gpr::Rax), state.registers.get(Gpr::Rdx));
                put(memory, operand, &low.to_le_bytes()[..half]);
                put(memory, operand + half as u64, &high.to_le_bytes()[..half]);
            }
        }
        _ => {}
    }
}

/// Eight tiles of 4 rows with 16 bytes each (Intel SDM volume 1, section 18.2).
pub(crate) const TILE_CONFIG: [u8; 64] = {
    let mut config = [0; 64];
    config[0] = 1;
    let mut tile = 0;
    while tile < 8 {
        config[16 + 2 * tile] = 16;
        config[48 + tile] = 4;
        tile += 1;
    }
    config
};

/// Selectors that user code may load on Linux.
const USER_CODE: u64 = 0x33;
const USER_DATA: u64 = 0x2b;

/// A frame for a far return: instruction pointer, code segment, and for `iret` flags and stack.
fn far_return(
    instruction: &DecodedInstruction,
    state: &State,
    memory: &mut Memory,
    put: &impl Fn(&mut Memory, u64, &[u8]),
) {
    let rsp = state.registers.get(Gpr::Rsp);
    let width = instruction.width().map_or(8, |width| width.as_usize());
    for (n, value) in [LANDING, USER_CODE, 0x202, rsp, USER_DATA]
        .into_iter()
        .enumerate()
    {
        put(
            memory,
            rsp + (n * width) as u64,
            &value.to_le_bytes()[..width],
        );
    }
}

/// Whether a register is part of the address.
pub(crate) fn in_address(instruction: &DecodedInstruction, gpr: Gpr) -> bool {
    instruction.operand().is_some_and(|operand| {
        operand.base() == Some(Base::Gpr(gpr)) || operand.index() == Some(gpr)
    })
}

fn small_dividend(instruction: &DecodedInstruction, iced: &Instruction, state: &mut State) {
    let registers = &mut state.registers;
    if iced.memory_size().size() == 1 {
        let rax = registers.get(Gpr::Rax);
        registers.set(
            Gpr::Rax,
            if in_address(instruction, Gpr::Rax) {
                rax
            } else {
                rax & !0xffc0
            },
        );
    } else if !in_address(instruction, Gpr::Rdx) {
        registers.set(Gpr::Rdx, 0);
    }
}
