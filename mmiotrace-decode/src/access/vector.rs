//! Elements under a mask, gathers and scatters: one access an element.

use super::{Accesses, Step, access};
use crate::RegisterFile;
use crate::operation::{DataClass, Shape, VectorInfo};
use mmiotrace_core::{AccessKind, Value};

/// Whether an element takes part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Active {
    Yes,
    No,
    Unknown,
}

pub(super) fn at<R: RegisterFile + ?Sized>(accesses: &Accesses<'_, R>, step: u64) -> Step {
    let instruction = accesses.instruction;
    let count = u64::from(instruction.detail);
    match instruction.shape {
        Shape::AnyRead => repeated(accesses, step),
        _ if step >= count => Step::End,
        Shape::PackedRead | Shape::PackedWrite => packed(accesses, step),
        _ => placed(accesses, step),
    }
}

/// An element at its own place: a masked move, a gather, a scatter.
fn placed<R: RegisterFile + ?Sized>(accesses: &Accesses<'_, R>, element: u64) -> Step {
    let conditional = match active(accesses, element) {
        Active::No => return Step::Skip,
        Active::Yes => false,
        Active::Unknown => true,
    };
    let Some(address) = address(accesses, element) else {
        return Step::Skip;
    };
    make(accesses, address, element, conditional)
}

/// The address of an element, or `None` where the index vector is not known.
fn address<R: RegisterFile + ?Sized>(accesses: &Accesses<'_, R>, element: u64) -> Option<u64> {
    let instruction = accesses.instruction;
    let width = i64::from(instruction.width);
    let extra = match instruction.shape {
        Shape::Gather | Shape::Scatter => {
            let info = VectorInfo::unpack(instruction.immediate);
            let index = accesses.registers.vector(info.index)?;
            let at = usize::try_from(element).ok()? * usize::from(info.index_width);
            let index = match info.index_width {
                4 => i64::from(i32::from_le_bytes(index.get(at..at + 4)?.try_into().ok()?)),
                _ => i64::from_le_bytes(index.get(at..at + 8)?.try_into().ok()?),
            };
            index.wrapping_mul(i64::from(instruction.memory.scale()))
        }
        _ => width.wrapping_mul(element as i64),
    };
    Some(
        instruction
            .memory
            .address_with(accesses.registers.registers(), instruction.len, extra),
    )
}

/// Expand and compress: element `step` in memory is the one of the register whose mask bit is the
/// `step`th that is set.
fn packed<R: RegisterFile + ?Sized>(accesses: &Accesses<'_, R>, step: u64) -> Step {
    let instruction = accesses.instruction;
    let place = instruction.memory.address_with(
        accesses.registers.registers(),
        instruction.len,
        i64::from(instruction.width).wrapping_mul(step as i64),
    );
    let mut seen = 0;
    for element in 0..u64::from(instruction.detail) {
        match active(accesses, element) {
            Active::Unknown => return make(accesses, place, step, true),
            Active::Yes if seen == step => return make(accesses, place, element, false),
            Active::Yes => seen += 1,
            Active::No => {}
        }
    }
    Step::End
}

/// A broadcast: each element of the operand is read once, if any element of the register that it
/// goes to takes part.
fn repeated<R: RegisterFile + ?Sized>(accesses: &Accesses<'_, R>, step: u64) -> Step {
    let instruction = accesses.instruction;
    let operand = u64::from(VectorInfo::unpack(instruction.immediate).index.max(1));
    if step >= operand {
        return Step::End;
    }
    let place = instruction.memory.address_with(
        accesses.registers.registers(),
        instruction.len,
        i64::from(instruction.width).wrapping_mul(step as i64),
    );
    let mut unknown = false;
    for element in (step..u64::from(instruction.detail)).step_by(usize::from(operand as u8)) {
        match active(accesses, element) {
            Active::Yes => return make(accesses, place, element, false),
            Active::Unknown => unknown = true,
            Active::No => {}
        }
    }
    if unknown {
        make(accesses, place, step, true)
    } else {
        Step::Skip
    }
}

fn active<R: RegisterFile + ?Sized>(accesses: &Accesses<'_, R>, element: u64) -> Active {
    let instruction = accesses.instruction;
    let info = VectorInfo::unpack(instruction.immediate);
    let set = if info.mask_is_vector {
        // The top bit of the mask's element decides.
        let top = usize::try_from(element + 1)
            .ok()
            .map(|n| n * usize::from(instruction.width));
        let mask = if instruction.data == DataClass::Mmx {
            accesses.registers.mmx(info.mask).map(|mask| {
                let mut wide = [0; 64];
                wide[..8].copy_from_slice(&mask.to_le_bytes());
                wide
            })
        } else {
            accesses.registers.vector(info.mask)
        };
        mask.and_then(|mask| mask.get(top?.checked_sub(1)?).map(|byte| byte & 0x80 != 0))
    } else {
        accesses
            .registers
            .opmask(info.mask)
            .map(|mask| mask >> (element & 63) & 1 == 1)
    };
    match set {
        Some(true) => Active::Yes,
        Some(false) => Active::No,
        None => Active::Unknown,
    }
}

/// The access of an element, with its value where that is a write from a register.
fn make<R: RegisterFile + ?Sized>(
    accesses: &Accesses<'_, R>,
    address: u64,
    element: u64,
    conditional: bool,
) -> Step {
    let instruction = accesses.instruction;
    let (kind, value) = match instruction.shape {
        Shape::MaskedWrite | Shape::PackedWrite | Shape::Scatter => (
            AccessKind::Write,
            (!conditional)
                .then(|| element_value(accesses, element))
                .flatten(),
        ),
        _ => (AccessKind::Read, None),
    };
    access(kind, address, instruction.width, value, conditional)
}

fn element_value<R: RegisterFile + ?Sized>(
    accesses: &Accesses<'_, R>,
    element: u64,
) -> Option<Value> {
    let instruction = accesses.instruction;
    if instruction.flags & crate::operation::flag::PLAIN_MOVE == 0 {
        return None;
    }
    let width = usize::from(instruction.width);
    let at = usize::try_from(element).ok()? * width;
    match instruction.data {
        DataClass::Vector => Value::from_le_bytes(
            accesses
                .registers
                .vector(instruction.register)?
                .get(at..at + width)?,
        ),
        DataClass::Mmx => Value::from_le_bytes(
            accesses
                .registers
                .mmx(instruction.register)?
                .to_le_bytes()
                .get(at..at + width)?,
        ),
        _ => None,
    }
}
