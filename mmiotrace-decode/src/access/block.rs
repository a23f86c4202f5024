//! Blocks longer than one access can be: `fxsave`, `fnsave`, the XSAVE family, `movdir64b`.

use super::{Accesses, Step, access};
use crate::operation::Shape;
use crate::{Gpr, RegisterFile, XsaveLayout};
use mmiotrace_core::AccessKind;

/// A part of an XSAVE area that is accessed as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    kind: AccessKind,
    offset: u32,
    len: u32,
    conditional: bool,
}

/// What `detail` says of an instruction of the XSAVE family.
pub(crate) mod variant {
    /// The area has the compacted format (`xsavec`, `xsaves`).
    pub(crate) const COMPACTED: u8 = 1;
    /// `fxsave`: bytes from 416 on are asked for, but not written.
    pub(crate) const TAIL_UNTOUCHED: u8 = 4;
    /// Components in their initial state, or not modified, are left out (`xsaveopt`, `xsavec`,
    /// `xsaves`).
    pub(crate) const OPTIMISED: u8 = 2;
}

pub(super) fn at<R: RegisterFile + ?Sized>(accesses: &Accesses<'_, R>, step: u64) -> Step {
    let instruction = accesses.instruction;
    let start = accesses.operand();
    let len = u32::try_from(instruction.immediate).unwrap_or(0);
    match instruction.shape {
        Shape::BlockRead => whole(start, step, AccessKind::Read, len),
        Shape::BlockWrite if instruction.detail == variant::TAIL_UNTOUCHED => {
            fxsave_at(start, step)
        }
        Shape::BlockWrite => whole(start, step, AccessKind::Write, len),
        Shape::MoveBlock => {
            let to = accesses
                .registers
                .registers()
                .get(Gpr::from_number(instruction.register));
            let to = if instruction.memory.is_address_32() {
                to & 0xffff_ffff
            } else {
                to
            };
            match step {
                0 => accesses.read(start),
                1 => accesses.write(to, None),
                _ => Step::End,
            }
        }
        // The line that holds the address, whatever its low bits.
        Shape::ClearLine if step == 0 => {
            let zeros = mmiotrace_core::Value::from_le_bytes(&[0; 64]);
            accesses.write(start & !63, zeros)
        }
        Shape::Xsave | Shape::Xrstor => xsave_at(accesses, start, step),
        _ => Step::End,
    }
}

/// A block of one range.
fn whole(start: u64, step: u64, kind: AccessKind, len: u32) -> Step {
    piece(
        start,
        step,
        Range {
            kind,
            offset: 0,
            len,
            conditional: false,
        },
    )
}

/// `fxsave`: 416 bytes written, and 96 that must be there.
fn fxsave_at(start: u64, step: u64) -> Step {
    const WRITTEN: u32 = 416;
    let pieces = u64::from(WRITTEN.div_ceil(64));
    let kind = AccessKind::Write;
    if step < pieces {
        return piece(
            start,
            step,
            Range {
                kind,
                offset: 0,
                len: WRITTEN,
                conditional: false,
            },
        );
    }
    let len = 512 - WRITTEN;
    piece(
        start,
        step - pieces,
        Range {
            kind,
            offset: WRITTEN,
            len,
            conditional: true,
        },
    )
}

/// Piece `step` of a range, pieces of at most 64 bytes.
fn piece(start: u64, step: u64, range: Range) -> Step {
    let Some(rest) = step
        .checked_mul(64)
        .and_then(|done| u64::from(range.len).checked_sub(done))
    else {
        return Step::End;
    };
    let address = start
        .wrapping_add(u64::from(range.offset))
        .wrapping_add(step * 64);
    access(
        range.kind,
        address,
        rest.min(64) as u8,
        None,
        range.conditional,
    )
}

fn xsave_at<R: RegisterFile + ?Sized>(accesses: &Accesses<'_, R>, start: u64, step: u64) -> Step {
    let Some(layout) = accesses.registers.xsave_layout() else {
        return Step::End;
    };
    let registers = accesses.registers.registers();
    let requested = registers.get(Gpr::Rax) & 0xffff_ffff | registers.get(Gpr::Rdx) << 32;
    let requested = requested & layout.features;
    let mut step = step;
    for number in 0.. {
        let range = match accesses.instruction.shape {
            Shape::Xsave => save_range(layout, requested, accesses.instruction.detail, number),
            _ => restore_range(layout, requested, number),
        };
        let Some(range) = range else { break };
        let pieces = u64::from(range.len.div_ceil(64));
        if step < pieces {
            return piece(start, step, range);
        }
        step -= pieces;
    }
    Step::End
}

const fn has(features: u64, bit: u32) -> bool {
    features >> bit & 1 == 1
}

/// The parts of the legacy area: offset, length, and the components that they belong to.
const LEGACY: [(u32, u32, u64); 4] = [(0, 24, 1), (24, 8, 6), (32, 128, 1), (160, 256, 2)];

/// Range `number` of what the write side accesses (Intel SDM volume 1, sections 13.7 to 13.11): the
/// header's words, the legacy parts, then each component.
fn save_range(layout: &XsaveLayout, requested: u64, detail: u8, number: u32) -> Option<Range> {
    let optional = detail & variant::OPTIMISED != 0;
    let compacted = detail & variant::COMPACTED != 0;
    let range = |kind, (offset, len), conditional| Range {
        kind,
        offset,
        len,
        conditional,
    };
    let nothing = range(AccessKind::Write, (0, 0), false);
    Some(match number {
        // The standard format keeps the bits of what is not requested.
        0 if !compacted => range(AccessKind::Read, (512, 8), false),
        1 => range(
            AccessKind::Write,
            (512, if compacted { 16 } else { 8 }),
            false,
        ),
        2..=5 => {
            let (offset, len, components) = LEGACY[number as usize - 2];
            // Measured: the memory must be there even for parts that are not requested.
            let conditional = optional || requested & components == 0;
            range(AccessKind::Write, (offset, len), conditional)
        }
        6..=22 => {
            let bit = number - 4;
            match component(layout, requested, bit, compacted) {
                Some(place) if has(requested, bit) => range(AccessKind::Write, place, optional),
                _ => nothing,
            }
        }
        23.. => return None,
        _ => nothing,
    })
}

/// Range `number` of what the read side accesses: the header, and what it says is there.
fn restore_range(layout: &XsaveLayout, requested: u64, number: u32) -> Option<Range> {
    let read = |(offset, len), conditional| Range {
        kind: AccessKind::Read,
        offset,
        len,
        conditional,
    };
    Some(match number {
        0 => read((512, 64), false),
        1..=4 => {
            let (offset, len, _) = LEGACY[number as usize - 1];
            read((offset, len), true)
        }
        5..=21 => {
            let bit = number - 3;
            match layout.component(bit) {
                Some(place) if has(requested, bit) => read(place, true),
                _ => read((0, 0), true),
            }
        }
        22.. => return None,
    })
}

/// Where component `bit` lies. The compacted format packs those requested, one after the other.
fn component(
    layout: &XsaveLayout,
    requested: u64,
    bit: u32,
    compacted: bool,
) -> Option<(u32, u32)> {
    let (offset, len) = layout.component(bit)?;
    if !compacted {
        return Some((offset, len));
    }
    let before = (2..bit)
        .filter(|bit| has(requested, *bit))
        .filter_map(|bit| layout.component(bit));
    Some((before.fold(576, |end, (_, len)| end + len), len))
}
