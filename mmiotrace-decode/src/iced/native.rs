//! The instructions that the executor leaves to the CPU: which accesses they make.
//!
//! Mostly iced's instruction info tells. Where it is wrong or silent, the rule here has the
//! measurement beside it: all were found by running the instructions on CPUs (AMD Zen 3, and one with
//! AVX-512) with guarded pages, see the crate `oracle`.

use super::classify::repeat_flags;
use super::operand::{self, gpr_number, memory_operand};
use super::opmask;
use crate::access::variant;
use crate::operation::{DataClass, Shape, VectorInfo, flag};
use crate::{DecodedInstruction, MemoryOperand};
use iced_x86::{
    CpuidFeature, EncodingKind, Instruction, InstructionInfoFactory, MemorySize, Mnemonic as M,
    OpAccess, OpKind, Register,
};

pub(super) fn describe(
    instruction: &Instruction,
    factory: &mut InstructionInfoFactory,
    decoded: &mut DecodedInstruction,
) {
    if uses_extended_state(instruction) {
        decoded.flags |= flag::EXTENDED;
    }
    if is_x87(instruction) {
        decoded.flags |= flag::X87_POINTERS;
    }
    if instruction.has_lock_prefix() {
        decoded.flags |= flag::LOCKED;
    }
    if is_non_temporal(instruction.mnemonic()) {
        decoded.flags |= flag::NON_TEMPORAL;
    }
    if special(instruction, decoded) {
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
        // Measured: `movsxd r16, m` touches 4 bytes where iced (and the SDM) say 2.
        M::Movsxd => 4,
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

/// Moves of the whole operand from or to the low bytes of one register.
fn is_plain_move(mnemonic: M) -> bool {
    use M::*;
    matches!(
        mnemonic,
        Movaps
            | Movapd
            | Movups
            | Movupd
            | Movdqa
            | Movdqu
            | Lddqu
            | Movss
            | Movsd
            | Movd
            | Movq
            | Movlps
            | Movlpd
            | Movntps
            | Movntpd
            | Movntdq
            | Movntdqa
            | Movntq
            | Movntss
            | Movntsd
            | Vmovaps
            | Vmovapd
            | Vmovups
            | Vmovupd
            | Vmovdqa
            | Vmovdqu
            | Vlddqu
            | Vmovss
            | Vmovsd
            | Vmovd
            | Vmovq
            | Vmovlps
            | Vmovlpd
            | Vmovntps
            | Vmovntpd
            | Vmovntdq
            | Vmovntdqa
            | Vmovdqa32
            | Vmovdqa64
            | Vmovdqu8
            | Vmovdqu16
            | Vmovdqu32
            | Vmovdqu64
            | Vmovsh
            | Vmovw
            | Kmovb
            | Kmovw
            | Kmovd
            | Kmovq
            | Movdiri
            | Vmaskmovps
            | Vmaskmovpd
            | Vpmaskmovd
            | Vpmaskmovq
            | Vpcompressb
            | Vpcompressw
            | Vpcompressd
            | Vpcompressq
            | Vcompressps
            | Vcompresspd
            | Vpexpandb
            | Vpexpandw
            | Vpexpandd
            | Vpexpandq
            | Vexpandps
            | Vexpandpd
            | Vgatherdps
            | Vgatherdpd
            | Vgatherqps
            | Vgatherqpd
            | Vpgatherdd
            | Vpgatherdq
            | Vpgatherqd
            | Vpgatherqq
            | Vscatterdps
            | Vscatterdpd
            | Vscatterqps
            | Vscatterqpd
            | Vpscatterdd
            | Vpscatterdq
            | Vpscatterqd
            | Vpscatterqq
    )
}

/// What has a rule of its own.
fn special(instruction: &Instruction, decoded: &mut DecodedInstruction) -> bool {
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
        _ => return far_or_flags(instruction, decoded),
    }
    true
}

/// Instructions that touch the stack and have no explicit operand there, or a far pointer.
fn far_or_flags(instruction: &Instruction, decoded: &mut DecodedInstruction) -> bool {
    use M::*;
    let moved = instruction.stack_pointer_increment().unsigned_abs();
    match instruction.mnemonic() {
        Popf | Popfd | Popfq | Pop => (decoded.shape, decoded.width) = (Shape::Pop, moved as u8),
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

fn vector_masked(instruction: &Instruction, decoded: &mut DecodedInstruction) {
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
fn byte_masked(instruction: &Instruction, decoded: &mut DecodedInstruction) {
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
fn indexed(instruction: &Instruction, decoded: &mut DecodedInstruction) {
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

fn is_non_temporal(mnemonic: M) -> bool {
    use M::*;
    matches!(
        mnemonic,
        Movntps
            | Movntpd
            | Movntdq
            | Movntdqa
            | Movntq
            | Movntss
            | Movntsd
            | Vmovntps
            | Vmovntpd
            | Vmovntdq
            | Vmovntdqa
            | Maskmovq
            | Maskmovdqu
            | Vmaskmovdqu
            | Movdiri
            | Movdir64b
    )
}

/// x87 instructions that record their own address and their operand's. The control instructions
/// do not (Intel SDM volume 1, section 8.1.8).
fn is_x87(instruction: &Instruction) -> bool {
    use M::*;
    let control = matches!(
        instruction.mnemonic(),
        Fldcw
            | Fnstcw
            | Fstcw
            | Fnstsw
            | Fstsw
            | Fldenv
            | Fnstenv
            | Fstenv
            | Frstor
            | Fnsave
            | Fsave
    );
    !control
        && instruction
            .cpuid_features()
            .iter()
            .any(|feature| is_fpu(*feature))
}

fn is_fpu(feature: CpuidFeature) -> bool {
    matches!(
        feature,
        CpuidFeature::FPU | CpuidFeature::FPU287 | CpuidFeature::FPU387
    )
}

/// Whether x87, MMX or vector registers take part, or the words that control them: whatever is not
/// known to be about integers only.
fn uses_extended_state(instruction: &Instruction) -> bool {
    use CpuidFeature as F;
    let integer = |feature: &F| {
        matches!(
            *feature,
            F::INTEL8086
                | F::INTEL8086_ONLY
                | F::INTEL186
                | F::INTEL286
                | F::INTEL286_ONLY
                | F::INTEL386
                | F::INTEL386_ONLY
                | F::INTEL386_A0_ONLY
                | F::INTEL486
                | F::INTEL486_A_ONLY
                | F::X64
                | F::BMI1
                | F::BMI2
                | F::ADX
                | F::LZCNT
                | F::POPCNT
                | F::MOVBE
                | F::MOVDIRI
                | F::CLFSH
                | F::CLFLUSHOPT
                | F::CLWB
                | F::CLZERO
                | F::TBM
                | F::CMPCCXADD
                | F::RAO_INT
        )
    };
    instruction.mnemonic() != M::Crc32 && !instruction.cpuid_features().iter().all(integer)
}
