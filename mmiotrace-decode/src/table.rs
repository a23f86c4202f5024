//! The opcode table: what drivers do to their devices, decoded without iced.
//!
//! It knows the integer instructions with a memory operand that the executor computes, 99.9 % of
//! those in drivers, and says nothing about all else: registers only, vectors, branches, prefixes
//! that change what an opcode means. Where it answers, it answers as iced does; a test compares
//! every encoding.
//!
//! What varies from one instruction to the next (a REX prefix, the length of the displacement, the
//! immediate) is looked up or selected rather than branched on: a branch that cannot be foreseen
//! costs as much as all the rest.

mod entry;
mod opcode;
mod operand;
mod prefix;

use crate::operation::{DataClass, Form, flag};
use crate::{DecodedInstruction, MemoryOperand};
use opcode::Opcode;
use operand::Operand;
use prefix::Prefixes;

/// The longest instruction.
const LONGEST: usize = 15;

/// The bytes of an instruction; zeros stand for what is behind them.
#[derive(Clone, Copy)]
struct Window<'a>(&'a [u8; LONGEST]);

impl Window<'_> {
    #[inline(always)]
    fn byte(self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or(0)
    }

    /// Four bytes, little endian.
    #[inline(always)]
    fn dword(self, at: usize) -> u32 {
        match self.0.get(at..).and_then(<[u8]>::first_chunk) {
            Some(bytes) => u32::from_le_bytes(*bytes),
            None => self.end(at),
        }
    }

    #[cold]
    fn end(self, at: usize) -> u32 {
        u32::from_le_bytes([0, 1, 2, 3].map(|n| self.byte(at + n)))
    }

    /// The first `len` bytes, zeros behind them.
    #[inline(always)]
    fn first(self, len: usize) -> [u8; LONGEST] {
        let mut bytes = [0; LONGEST];
        // Two overlapping words are all bytes.
        let (low, high) = words(self.0);
        let (low_mask, high_mask) = MASKS[len & 15];
        bytes[7..].copy_from_slice(&(high & high_mask).to_le_bytes());
        bytes[..8].copy_from_slice(&(low & low_mask).to_le_bytes());
        bytes
    }
}

/// The bytes 0 to 7 and 7 to 14.
#[inline(always)]
pub(crate) fn words(bytes: &[u8; LONGEST]) -> (u64, u64) {
    let word = |chunk: Option<&[u8; 8]>| chunk.map_or(0, |chunk| u64::from_le_bytes(*chunk));
    (word(bytes.first_chunk()), word(bytes.last_chunk()))
}

/// For each length, which bits of [`words`] belong to the first so many bytes.
pub(crate) static MASKS: [(u64, u64); 16] = {
    let mut masks = [(u64::MAX, u64::MAX); 16];
    let mut len = 0;
    while len < 15 {
        let low = if len >= 8 {
            u64::MAX
        } else {
            (1 << (8 * len)) - 1
        };
        let high = if len <= 7 {
            0
        } else {
            (1 << (8 * (len - 7))) - 1
        };
        masks[len] = (low, high);
        len += 1;
    }
    masks
};

/// The instruction at the beginning of `code`, if the table knows it.
#[inline]
pub(crate) fn decode(code: &[u8]) -> Option<DecodedInstruction> {
    decode_as(code, Some, || None)
}

/// As [`decode`], with the answer made by `known` or `unknown`.
///
/// The common way is compiled into each caller, which has the instruction written to where its own
/// answer goes: a copy of what was just written in pieces would have to wait for them.
#[inline(always)]
pub(crate) fn decode_as<T>(
    code: &[u8],
    known: impl Fn(DecodedInstruction) -> T,
    mut unknown: impl FnMut() -> T,
) -> T {
    let mut other = |found: Option<DecodedInstruction>| match found {
        Some(instruction) => known(instruction),
        None => unknown(),
    };
    let Some(bytes) = code.first_chunk() else {
        return other(decode_short(code));
    };
    // The common way has no prefix but REX. It is compiled for itself: what the other prefixes would
    // change is constant there.
    let window = Window(bytes);
    let Some(prefixes) = Prefixes::rex_only(window) else {
        return other(decode_rare(window, LONGEST));
    };
    let Some(opcode) = Opcode::find(window, prefixes.len) else {
        return unknown();
    };
    if opcode.entry.form == Form::Implicit {
        return other(decode_rare(window, LONGEST));
    }
    let Some(operand) = Operand::parse(window, opcode.end, &prefixes) else {
        return unknown();
    };
    match put_together(window, LONGEST, &prefixes, &opcode, &operand, 0) {
        Some(instruction) => known(instruction),
        None => unknown(),
    }
}

/// Where there are less bytes than the longest instruction has.
#[cold]
fn decode_short(code: &[u8]) -> Option<DecodedInstruction> {
    let mut bytes = [0; LONGEST];
    bytes[..code.len()].copy_from_slice(code);
    decode_rare(Window(&bytes), code.len())
}

/// With other prefixes, or without ModRM.
#[inline(never)]
fn decode_rare(window: Window<'_>, have: usize) -> Option<DecodedInstruction> {
    let prefixes = Prefixes::parse(window)?;
    let opcode = Opcode::find(window, prefixes.len)?;
    let entry = opcode.entry;
    if entry.form == Form::Implicit {
        let memory = MemoryOperand::absolute(0).with_segment(prefixes.segment);
        let operand = Operand { memory, len: 0 };
        let flags = prefixes.string_flags(entry.operation)?;
        return put_together(window, have, &prefixes, &opcode, &operand, flags);
    }
    // Repeat prefixes mean something else here, and a lock must be allowed.
    let misfit = prefixes.lock && !entry.lockable || prefixes.operand_16 && entry.never_16;
    if prefixes.repeat != 0 || misfit {
        return None;
    }
    let operand = Operand::parse(window, opcode.end, &prefixes)?;
    let flags = if prefixes.lock { flag::LOCKED } else { 0 };
    put_together(window, have, &prefixes, &opcode, &operand, flags)
}

#[inline(always)]
fn put_together(
    window: Window<'_>,
    have: usize,
    prefixes: &Prefixes,
    opcode: &Opcode,
    operand: &Operand,
    flags: u16,
) -> Option<DecodedInstruction> {
    let entry = opcode.entry;
    let size = prefixes.size();
    let at = opcode.end + operand.len;
    let (immediate, immediate_len) = entry.immediate.read(window, at, size);
    let len = at + immediate_len;
    if len > have {
        return None;
    }
    let number = (opcode.modrm >> 3 & 7 | prefixes.rex_r()) & entry.register_mask;
    // Without REX, numbers 4 to 7 are the high bytes of the first four registers.
    let is_high = entry.has_high_bytes & (number >= 4) & !prefixes.has_rex();
    let register = number.wrapping_sub(4 * u8::from(is_high));
    let data = if is_high {
        DataClass::GprHigh
    } else {
        entry.data
    };
    Some(DecodedInstruction {
        memory: operand.memory,
        code: window.first(len),
        len: len as u8,
        immediate,
        flags: entry.flags | flags,
        width: entry.memory.bytes(size),
        register,
        register_width: entry.register.bytes(size),
        data,
        operation: entry.operation,
        form: entry.form,
        shape: entry.shape,
        detail: entry.detail,
        ways: entry.ways,
    })
}
