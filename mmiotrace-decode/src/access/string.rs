//! String instructions: one access, or two, an element.

use super::{Accesses, Step, value};
use crate::operation::{Shape, flag};
use crate::{DecodedInstruction, Gpr, RegisterFile, Registers, Repeat};

/// The direction flag: set, strings go downwards.
const DIRECTION: u64 = 1 << 10;

/// How many elements a string instruction has left to do.
pub(crate) const fn count(instruction: &DecodedInstruction, registers: &Registers) -> u64 {
    let rcx = registers.get(Gpr::Rcx);
    match instruction.repeat() {
        Repeat::Once => 1,
        _ if instruction.flags & flag::ADDRESS_32 != 0 => rcx & 0xffff_ffff,
        _ => rcx,
    }
}

/// How far one element moves a string register.
pub(crate) const fn stride(instruction: &DecodedInstruction, registers: &Registers) -> i64 {
    let width = instruction.width as i64;
    if registers.rflags & DIRECTION != 0 {
        -width
    } else {
        width
    }
}

/// The address of element `element` through `gpr` (`rsi`, with its segment, or `rdi`).
pub(crate) fn address(
    instruction: &DecodedInstruction,
    registers: &Registers,
    gpr: Gpr,
    element: u64,
) -> u64 {
    let moved = (stride(instruction, registers) as u64).wrapping_mul(element);
    let address = registers.get(gpr).wrapping_add(moved);
    let address = if instruction.flags & flag::ADDRESS_32 != 0 {
        address & 0xffff_ffff
    } else {
        address
    };
    // The segment override counts for `rsi` only; `memory` holds nothing else here.
    match gpr {
        Gpr::Rsi => address.wrapping_add(instruction.memory.segment_base(registers)),
        _ => address,
    }
}

pub(super) fn at<R: RegisterFile + ?Sized>(accesses: &Accesses<'_, R>, step: u64) -> Step {
    let (instruction, registers) = (accesses.instruction, accesses.registers.registers());
    let pair = matches!(instruction.shape, Shape::StringCopy | Shape::StringCompare);
    let element = if pair { step / 2 } else { step };
    if element >= count(instruction, registers) {
        return Step::End;
    }
    let place = |gpr| address(instruction, registers, gpr, element);
    let first = !pair || step.is_multiple_of(2);
    let done = match (instruction.shape, first) {
        (Shape::StringLoad, _) | (Shape::StringCopy | Shape::StringCompare, true) => {
            accesses.read(place(Gpr::Rsi))
        }
        (Shape::StringScan | Shape::StringCompare, _) => accesses.read(place(Gpr::Rdi)),
        _ => accesses.write(
            place(Gpr::Rdi),
            value::written(instruction, accesses.registers),
        ),
    };
    match done {
        // Whether `repe` goes on is for the memory to say.
        Step::Access(mut access) => {
            let stops = matches!(
                instruction.repeat(),
                Repeat::WhileEqual | Repeat::WhileNotEqual
            );
            access.conditional |= stops && element > 0;
            Step::Access(access)
        }
        other => other,
    }
}
