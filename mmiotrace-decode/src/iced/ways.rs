//! Which way an instruction goes, in which context: the one place where that is decided.

use super::operand::memory_operand;
use crate::cpu::Row;
use crate::operation::{Operation, Shape, Validity, flag};
use crate::{Base, DecodedInstruction, Gpr, Maker, Reason, Way};
use iced_x86::{Instruction, InstructionInfoFactory, Mnemonic as M, Register};

/// For a process, for the kernel.
pub(super) fn ways(
    instruction: &Instruction,
    factory: &mut InstructionInfoFactory,
    decoded: &DecodedInstruction,
) -> [Way; 2] {
    if decoded.shape == Shape::None {
        return [Way::NoAccess; 2];
    }
    if let Some(reason) = never(instruction, decoded) {
        return [Way::Cannot(reason); 2];
    }
    if decoded.operation != Operation::Native {
        return emulated(decoded.operation);
    }
    [native(decoded), stepped(instruction, factory, decoded)]
}

/// What the executor computes. Where the CPU leaves flags behind that the SDM does not define, a
/// process asks the CPU itself.
pub(crate) const fn emulated(operation: Operation) -> [Way; 2] {
    let process = if operation.leaves_flags_to_the_cpu() {
        Way::Bounce
    } else {
        Way::Emulate
    };
    [process, Way::Emulate]
}

/// What neither context can do.
fn never(instruction: &Instruction, decoded: &DecodedInstruction) -> Option<Reason> {
    use M::*;
    let segment_operand =
        (0..instruction.op_count()).any(|n| instruction.op_register(n).is_segment_register());
    if segment_operand || instruction.is_call_far_indirect() || instruction.is_jmp_far_indirect() {
        return Some(Reason::Segment);
    }
    // Branches of 16 bits have not been tried on a CPU that has them.
    if decoded.row() == Some(Row::NearBranch)
        && matches!(
            decoded.validity(),
            Validity::Of(Maker::Amd) | Validity::Unknown
        )
    {
        return Some(Reason::VendorSpecific);
    }
    Some(match instruction.mnemonic() {
        Insb | Insw | Insd | Outsb | Outsw | Outsd => Reason::PortIo,
        Lss | Lfs | Lgs | Retf | Iret | Iretd | Iretq => Reason::Segment,
        // With UMIP these fault in a process whatever their operand.
        Sgdt | Sidt | Sldt | Str | Smsw => Reason::SystemRegister,
        Popf | Popfd | Popfq => Reason::FlagsFromMemory,
        Enter if decoded.detail > 0 => Reason::NestedFrames,
        Ldtilecfg | Sttilecfg | Tileloadd | Tileloaddt1 | Tilestored => Reason::TileState,
        Movdir64b | Enqcmd | Enqcmds => Reason::AtomicBlock,
        Wrssd | Wrssq | Wrussd | Wrussq | Rstorssp | Clrssbsy => Reason::ForeignState,
        _ if instruction.is_privileged() => Reason::Privileged,
        _ if matches!(decoded.shape, Shape::UnknownRead | Shape::UnknownWrite) => {
            Reason::NotEncodable
        }
        _ => return None,
    })
}

/// In a process: on a buffer where the operand is accessed whole, once and with a width that one
/// instruction can move; else on the alias.
fn native(decoded: &DecodedInstruction) -> Way {
    let whole = matches!(decoded.shape, Shape::Read | Shape::Write | Shape::Update);
    let width = matches!(decoded.width, 1 | 2 | 4 | 8 | 16 | 32 | 64);
    let ordinary = decoded.flags & (flag::LOCKED | flag::NON_TEMPORAL | flag::CONDITIONAL) == 0;
    // How many bytes it reads is then for the CPU to say.
    let known = !decoded.is_cpu_unknown();
    if whole && width && ordinary && known {
        Way::Bounce
    } else {
        Way::Alias
    }
}

/// In the kernel: a step, where moving the base register changes nothing but the address.
fn stepped(
    instruction: &Instruction,
    factory: &mut InstructionInfoFactory,
    decoded: &DecodedInstruction,
) -> Way {
    let memory = decoded.memory;
    let Some(Base::Gpr(base)) = memory.base() else {
        return Way::Cannot(Reason::NoBaseRegister);
    };
    if memory_operand(instruction).is_none() {
        // The base is implicit (`clzero`, `maskmovdqu`): it can be moved all the same.
        return if memory.is_address_32() {
            Way::Cannot(Reason::AddressSize32)
        } else {
            Way::Step
        };
    }
    if matches!(decoded.shape, Shape::Gather | Shape::Scatter) {
        return Way::Cannot(Reason::SeveralOperands);
    }
    if memory.is_address_32() {
        return Way::Cannot(Reason::AddressSize32);
    }
    if base == Gpr::Rsp {
        return Way::Cannot(Reason::BaseIsStackPointer);
    }
    if memory.index() == Some(base) || is_also_data(instruction, factory) {
        return Way::Cannot(Reason::BaseIsUsedTwice);
    }
    Way::Step
}

/// Whether the base register takes part in more than the address: the instruction without its
/// address still uses it.
fn is_also_data(instruction: &Instruction, factory: &mut InstructionInfoFactory) -> bool {
    let base = instruction.memory_base().full_register();
    let mut bare = *instruction;
    bare.set_memory_base(Register::None);
    bare.set_memory_index(Register::None);
    bare.set_memory_displ_size(8);
    factory
        .info(&bare)
        .used_registers()
        .iter()
        .any(|used| used.register().full_register() == base)
}
