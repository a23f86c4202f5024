//! The opcode table: what drivers do to their devices, decoded without iced.
//!
//! It knows the integer instructions with a memory operand that the executor computes, 99.8 % of
//! those in drivers, and says nothing about all else: registers only, vectors, branches, prefixes
//! that change what an opcode means. Where it answers, it answers as iced does; a test compares
//! every encoding.

mod opcode;
mod operand;
mod prefix;

use crate::DecodedInstruction;
use crate::operation::{DataClass, Form, Operation, Shape, flag};
use opcode::{Entry, Immediate, Width};
use prefix::Prefixes;

/// The bytes of an instruction, and zeros behind them.
#[derive(Clone, Copy)]
struct Window {
    bytes: [u8; 32],
    len: usize,
}

impl Window {
    /// The first 15 bytes of the code.
    fn new(code: &[u8]) -> Self {
        let mut bytes = [0; 32];
        let len = match code.first_chunk::<15>() {
            Some(chunk) => {
                bytes[..15].copy_from_slice(chunk);
                15
            }
            None => {
                bytes[..code.len()].copy_from_slice(code);
                code.len()
            }
        };
        Self { bytes, len }
    }

    const fn byte(&self, at: usize) -> u8 {
        self.bytes[at & 31]
    }

    /// Four bytes, little endian.
    const fn dword(&self, at: usize) -> i32 {
        i32::from_le_bytes([
            self.byte(at),
            self.byte(at + 1),
            self.byte(at + 2),
            self.byte(at + 3),
        ])
    }
}

/// The instruction at the beginning of `code`, if the table knows it.
pub(crate) fn decode(code: &[u8]) -> Option<DecodedInstruction> {
    let window = Window::new(code);
    let prefixes = Prefixes::parse(&window)?;
    let mut at = prefixes.len;
    let mut opcode = window.byte(at);
    at += 1;
    let entry = if opcode == 0x0f {
        opcode = window.byte(at);
        at += 1;
        &opcode::TWO_BYTES[usize::from(opcode)]
    } else {
        &opcode::ONE_BYTE[usize::from(opcode)]
    };
    let modrm = window.byte(at);
    let entry = entry.resolve(modrm)?;
    if entry.form == Form::Implicit {
        return string(&window, &prefixes, entry, opcode, at);
    }
    // Repeat prefixes mean something else here, and a lock must be allowed.
    if prefixes.repeat != 0
        || prefixes.lock && !entry.lockable
        || prefixes.operand_16() && entry.never_16
    {
        return None;
    }
    let (memory, len) = operand::parse(&window, at, &prefixes)?;
    at += len;
    let mut decoded = DecodedInstruction::bare([0; 15], 0);
    decoded.memory = memory;
    decoded.operation = entry.operation;
    decoded.form = entry.form;
    decoded.shape = entry.shape;
    let operand = prefixes.operand_width();
    decoded.width = width(entry.memory, opcode, operand);
    at += immediate(&window, at, entry, operand, &mut decoded);
    data(entry, modrm, opcode, operand, &prefixes, &mut decoded);
    decoded.detail = entry.detail.unwrap_or(opcode & 15);
    decoded.flags = entry.flags | if prefixes.lock { flag::LOCKED } else { 0 };
    finish(&window, at, decoded)
}

/// The bytes of an operand.
const fn width(rule: Width, opcode: u8, operand: u8) -> u8 {
    match rule {
        Width::One => 1,
        Width::Two => 2,
        Width::Four => 4,
        Width::Operand => operand,
        // The lowest opcode bit tells bytes from words, in the forms of the first days.
        Width::ByOpcode => {
            if opcode & 1 == 0 {
                1
            } else {
                operand
            }
        }
        Width::Pair => {
            if operand == 8 {
                16
            } else {
                8
            }
        }
    }
}

/// Reads the immediate, sign-extended; gives its length.
fn immediate(
    window: &Window,
    at: usize,
    entry: &Entry,
    operand: u8,
    decoded: &mut DecodedInstruction,
) -> usize {
    let (value, len) = match (entry.immediate, operand) {
        (Immediate::None, _) => return 0,
        (Immediate::One, _) => (1, 0),
        (Immediate::Byte, _) => (i32::from(window.byte(at) as i8), 1),
        (Immediate::Full, 2) => (i32::from(window.dword(at) as i16), 2),
        (Immediate::Full, _) => (window.dword(at), 4),
    };
    decoded.immediate = value;
    len
}

/// The register operand, or what else the value is.
fn data(
    entry: &Entry,
    modrm: u8,
    opcode: u8,
    operand: u8,
    prefixes: &Prefixes,
    decoded: &mut DecodedInstruction,
) {
    decoded.data = entry.data;
    if entry.data != DataClass::Gpr {
        return;
    }
    let number = modrm >> 3 & 7 | prefixes.rex_r();
    let width = width(entry.register, opcode, operand);
    decoded.register_width = width;
    // Without REX, numbers 4 to 7 are the high bytes of the first four registers.
    if width == 1 && !prefixes.has_rex() && number >= 4 {
        decoded.data = DataClass::GprHigh;
        decoded.register = number - 4;
    } else {
        decoded.register = number;
    }
}

/// `movs`, `stos`, `lods`, `cmps`, `scas`.
fn string(
    window: &Window,
    prefixes: &Prefixes,
    entry: &Entry,
    opcode: u8,
    at: usize,
) -> Option<DecodedInstruction> {
    if prefixes.lock {
        return None;
    }
    let mut decoded = DecodedInstruction::bare([0; 15], 0);
    decoded.memory = operand::segment_only(prefixes);
    decoded.operation = entry.operation;
    decoded.shape = entry.shape;
    decoded.width = width(Width::ByOpcode, opcode, prefixes.operand_width());
    if entry.data == DataClass::Gpr {
        decoded.data = DataClass::Gpr;
        decoded.register_width = decoded.width;
    }
    let compares = matches!(entry.operation, Operation::Cmps | Operation::Scas);
    decoded.flags = entry.flags
        | match prefixes.repeat {
            0xf3 => flag::REP,
            0xf2 if compares => flag::REPNE,
            // What `repne` does to the others is not documented, though it repeats.
            0xf2 => return None,
            _ => 0,
        }
        | if prefixes.address_32 {
            flag::ADDRESS_32
        } else {
            0
        };
    finish(window, at, decoded)
}

/// Puts in length, bytes and ways; none where the bytes end before the instruction.
fn finish(
    window: &Window,
    len: usize,
    mut decoded: DecodedInstruction,
) -> Option<DecodedInstruction> {
    if len > window.len {
        return None;
    }
    decoded.len = len as u8;
    let all = u128::from_le_bytes(*window.bytes.first_chunk()?);
    let kept = all & ((1 << (8 * len)) - 1);
    decoded.code.copy_from_slice(&kept.to_le_bytes()[..15]);
    decoded.ways = crate::iced::emulated(decoded.operation);
    Some(decoded)
}

/// The shape of an update or read, for the entries.
const fn shape_of(operation: Operation, form: Form) -> Shape {
    use Operation as O;
    match (operation, form) {
        (O::Mov, Form::RegMem) => Shape::Read,
        (O::Mov | O::Set, _) => Shape::Write,
        (O::Bt, Form::MemReg) => Shape::BitRead,
        (O::Bts | O::Btr | O::Btc, Form::MemReg) => Shape::BitUpdate,
        (O::Xchg, _) => Shape::Update,
        (_, Form::RegMem | Form::RegMemImm) => Shape::Read,
        (O::Cmp | O::Test | O::Bt | O::Mul | O::ImulWide | O::Div | O::Idiv, _) => Shape::Read,
        _ => Shape::Update,
    }
}
