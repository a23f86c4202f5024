//! Atomic read-modify-write: one locked access, never a loop of more.

use super::flags::{ARITHMETIC, CF, replace};
use super::memory;
use crate::operation::Operation;
use crate::{
    Bus, DecodedInstruction, Gpr, GprPart, Hint, Locked, LockedOp, MemoryKind, Reason, Registers,
    Stop,
};
use mmiotrace_core::VirtAddr;

/// Carries the instruction out on `after`; `source` is its register or immediate operand.
pub(super) fn run<B: Bus + ?Sized>(
    instruction: &DecodedInstruction,
    before: &Registers,
    after: &mut Registers,
    bus: &mut B,
    source: u64,
) -> Result<(), Stop> {
    let address = VirtAddr(instruction.operand_address(before));
    let width = instruction.width;
    let carry = before.rflags & CF;
    let bit = (source & (8 * u64::from(width)).wrapping_sub(1)) as u8;
    let op = match instruction.operation {
        Operation::Xchg => LockedOp::Exchange(source),
        Operation::Add | Operation::Xadd => LockedOp::Add(source),
        Operation::Adc => LockedOp::Add(source.wrapping_add(carry)),
        Operation::Sub => LockedOp::Add(source.wrapping_neg()),
        Operation::Sbb => LockedOp::Add(source.wrapping_add(carry).wrapping_neg()),
        Operation::Inc => LockedOp::Add(1),
        Operation::Dec => LockedOp::Add(u64::MAX),
        Operation::Or => LockedOp::Or(source),
        Operation::And => LockedOp::And(source),
        Operation::Xor => LockedOp::Xor(source),
        Operation::Not => LockedOp::Not,
        Operation::Neg => LockedOp::Neg,
        Operation::Bts => LockedOp::BitSet(bit),
        Operation::Btr => LockedOp::BitReset(bit),
        Operation::Btc => LockedOp::BitComplement(bit),
        Operation::Cmpxchg => LockedOp::CompareExchange {
            expected: u128::from(before.part(GprPart::low(Gpr::Rax, width))),
            new: u128::from(source),
        },
        _ => pair(instruction, before),
    };
    match atomic(bus, address, width, op)? {
        Locked::Old(old) => {
            super::finish_update(instruction, before, after, old, source);
        }
        Locked::Flags(flags) => {
            after.rflags = flags_after(instruction.operation, before.rflags, flags)
        }
    }
    Ok(())
}

/// What the CPU's flags tell, where the old value stays unknown.
const fn flags_after(operation: Operation, rflags: u64, flags: u64) -> u64 {
    match operation {
        Operation::Not => rflags,
        Operation::Bts | Operation::Btr | Operation::Btc => replace(rflags, CF, flags),
        _ => replace(rflags, ARITHMETIC, flags),
    }
}

/// The operands of `cmpxchg8b` and `cmpxchg16b`.
pub(super) fn pair(instruction: &DecodedInstruction, registers: &Registers) -> LockedOp {
    let half = instruction.width / 2;
    let both = |high, low| {
        u128::from(registers.part(GprPart::low(high, half))) << (8 * u32::from(half))
            | u128::from(registers.part(GprPart::low(low, half)))
    };
    LockedOp::CompareExchange {
        expected: both(Gpr::Rdx, Gpr::Rax),
        new: both(Gpr::Rcx, Gpr::Rbx),
    }
}

/// One atomic access. On ordinary memory, where no fault leads here, a read and a write.
fn atomic<B: Bus + ?Sized>(
    bus: &mut B,
    address: VirtAddr,
    width: u8,
    op: LockedOp,
) -> Result<Locked, Stop> {
    match bus.locate(address, usize::from(width)) {
        MemoryKind::Device => Ok(bus.locked(address, width, op)?),
        // Split locks: the CPU locks the whole bus for them, pieces cannot.
        MemoryKind::Mixed => Err(Stop::Cannot(Reason::Straddles)),
        MemoryKind::Memory if width > 8 => Err(Stop::Cannot(Reason::NotEncodable)),
        MemoryKind::Memory => {
            memory::prepare(bus, address.0, width)?;
            let old = memory::read(bus, address.0, width)?;
            let new = op.apply(u128::from(old), width) as u64;
            memory::write(bus, address.0, width, new, Hint::None)?;
            Ok(Locked::Old(u128::from(old)))
        }
    }
}
