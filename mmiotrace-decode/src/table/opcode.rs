//! The entries of the table (Intel SDM volume 2, appendix A).

use super::shape_of;
use crate::emulate::BY_CL;
use crate::operation::{DataClass, Form, Operation as O, Shape, flag};

/// How many bytes an operand has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    One,
    Two,
    Four,
    /// As the prefixes say: 2, 4 or 8.
    Operand,
    /// One byte for even opcodes, `Operand` for odd ones.
    ByOpcode,
    /// Twice the operand: `cmpxchg8b`, `cmpxchg16b`.
    Pair,
}

/// What immediate follows the operand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Immediate {
    None,
    /// The constant 1, without a byte of its own.
    One,
    Byte,
    /// 2 or 4 bytes, as the operand is.
    Full,
}

/// What the table knows of an opcode.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) operation: O,
    pub(super) form: Form,
    pub(super) shape: Shape,
    pub(super) memory: Width,
    pub(super) register: Width,
    pub(super) immediate: Immediate,
    pub(super) data: DataClass,
    /// `None`: the condition in the opcode.
    pub(super) detail: Option<u8>,
    pub(super) lockable: bool,
    /// With prefix 66h it is another instruction, or none.
    pub(super) never_16: bool,
    pub(super) flags: u16,
}

/// One opcode.
#[derive(Clone, Copy)]
pub(super) enum Slot {
    /// Left to iced.
    Unknown,
    Known(Entry),
    /// ModRM.reg decides.
    Group(&'static [Self; 8]),
}

impl Slot {
    /// The entry for this ModRM byte.
    pub(super) const fn resolve(&'static self, modrm: u8) -> Option<&'static Entry> {
        match self {
            Self::Unknown => None,
            Self::Known(entry) => Some(entry),
            Self::Group(slots) => match &slots[(modrm >> 3 & 7) as usize] {
                Self::Known(entry) => Some(entry),
                _ => None,
            },
        }
    }
}

const fn is_lockable(operation: O, form: Form) -> bool {
    matches!(
        operation,
        O::Add
            | O::Or
            | O::Adc
            | O::Sbb
            | O::And
            | O::Sub
            | O::Xor
            | O::Inc
            | O::Dec
            | O::Not
            | O::Neg
            | O::Xchg
            | O::Xadd
            | O::Cmpxchg
            | O::CmpxchgPair
            | O::Bts
            | O::Btr
            | O::Btc
    ) && !matches!(form, Form::RegMem)
}

const fn entry(operation: O, form: Form, width: Width) -> Entry {
    let data = match form {
        Form::RegMem | Form::MemReg | Form::RegMemImm => DataClass::Gpr,
        Form::MemImm => DataClass::Immediate,
        _ => DataClass::Other,
    };
    let plain = matches!(operation, O::Mov | O::Xchg | O::Set);
    let locked = matches!(operation, O::Xchg);
    Entry {
        operation,
        form,
        shape: shape_of(operation, form),
        memory: width,
        register: width,
        immediate: Immediate::None,
        data,
        detail: Some(0),
        lockable: is_lockable(operation, form),
        never_16: false,
        flags: if plain { flag::PLAIN_MOVE } else { 0 } | if locked { flag::LOCKED } else { 0 },
    }
}

const fn known(operation: O, form: Form, width: Width) -> Slot {
    Slot::Known(entry(operation, form, width))
}

const fn with_immediate(operation: O, form: Form, width: Width, immediate: Immediate) -> Slot {
    let mut entry = entry(operation, form, width);
    entry.immediate = immediate;
    Slot::Known(entry)
}

/// `movzx`, `movsx`, `movsxd`: memory narrower than the register.
const fn extend(operation: O, memory: Width) -> Slot {
    let mut entry = entry(operation, Form::RegMem, Width::Operand);
    entry.memory = memory;
    Slot::Known(entry)
}

const fn conditional(operation: O, form: Form, width: Width) -> Slot {
    let mut entry = entry(operation, form, width);
    entry.detail = None;
    if matches!(operation, O::Set) {
        entry.data = DataClass::Condition;
    }
    Slot::Known(entry)
}

const fn string(operation: O, shape: Shape) -> Slot {
    let mut entry = entry(operation, Form::Implicit, Width::ByOpcode);
    entry.shape = shape;
    if matches!(operation, O::Stos | O::Lods | O::Scas) {
        entry.data = DataClass::Gpr;
    }
    entry.flags = if matches!(operation, O::Stos) {
        flag::PLAIN_MOVE
    } else {
        0
    };
    Slot::Known(entry)
}

const ALU: [O; 8] = [
    O::Add,
    O::Or,
    O::Adc,
    O::Sbb,
    O::And,
    O::Sub,
    O::Xor,
    O::Cmp,
];
const SHIFTS: [O; 8] = [
    O::Rol,
    O::Ror,
    O::Rcl,
    O::Rcr,
    O::Shl,
    O::Shr,
    O::Shl,
    O::Sar,
];

/// A group in which every member has the same form.
const fn group(operations: [O; 8], form: Form, immediate: Immediate) -> [Slot; 8] {
    let mut slots = [Slot::Unknown; 8];
    let mut n = 0;
    while n < 8 {
        slots[n] = with_immediate(operations[n], form, Width::ByOpcode, immediate);
        n += 1;
    }
    slots
}

static ALU_FULL: [Slot; 8] = group(ALU, Form::MemImm, Immediate::Full);
static ALU_BYTE: [Slot; 8] = group(ALU, Form::MemImm, Immediate::Byte);
static SHIFT_BYTE: [Slot; 8] = group(SHIFTS, Form::MemImm, Immediate::Byte);
static SHIFT_ONE: [Slot; 8] = group(SHIFTS, Form::MemImm, Immediate::One);
static SHIFT_CL: [Slot; 8] = group(SHIFTS, Form::Mem, Immediate::None);

/// F6 and F7; `test` has an immediate, of one byte for F6.
const fn unary(immediate: Immediate) -> [Slot; 8] {
    let test = with_immediate(O::Test, Form::MemImm, Width::ByOpcode, immediate);
    let one = Width::ByOpcode;
    [
        test,
        test,
        known(O::Not, Form::Mem, one),
        known(O::Neg, Form::Mem, one),
        known(O::Mul, Form::Mem, one),
        known(O::ImulWide, Form::Mem, one),
        known(O::Div, Form::Mem, one),
        known(O::Idiv, Form::Mem, one),
    ]
}

static UNARY_BYTE: [Slot; 8] = unary(Immediate::Byte);
static UNARY_FULL: [Slot; 8] = unary(Immediate::Full);
static STEP: [Slot; 8] = first_two(O::Inc, O::Dec);
static MOV_BYTE: [Slot; 8] = first(with_immediate(
    O::Mov,
    Form::MemImm,
    Width::ByOpcode,
    Immediate::Byte,
));
static MOV_FULL: [Slot; 8] = first(with_immediate(
    O::Mov,
    Form::MemImm,
    Width::ByOpcode,
    Immediate::Full,
));
static BITS: [Slot; 8] = {
    let mut slots = [Slot::Unknown; 8];
    slots[4] = with_immediate(O::Bt, Form::MemImm, Width::Operand, Immediate::Byte);
    slots[5] = with_immediate(O::Bts, Form::MemImm, Width::Operand, Immediate::Byte);
    slots[6] = with_immediate(O::Btr, Form::MemImm, Width::Operand, Immediate::Byte);
    slots[7] = with_immediate(O::Btc, Form::MemImm, Width::Operand, Immediate::Byte);
    slots
};
static PAIR: [Slot; 8] = {
    let mut slots = [Slot::Unknown; 8];
    slots[1] = known(O::CmpxchgPair, Form::Mem, Width::Pair);
    slots
};

const fn first(slot: Slot) -> [Slot; 8] {
    let mut slots = [Slot::Unknown; 8];
    slots[0] = slot;
    slots
}

const fn first_two(one: O, two: O) -> [Slot; 8] {
    let mut slots = first(known(one, Form::Mem, Width::ByOpcode));
    slots[1] = known(two, Form::Mem, Width::ByOpcode);
    slots
}

pub(super) static ONE_BYTE: [Slot; 256] = one_byte();

const fn one_byte() -> [Slot; 256] {
    let mut table = [Slot::Unknown; 256];
    let mut n = 0;
    while n < 8 {
        let row = n * 8;
        table[row] = known(ALU[n], Form::MemReg, Width::ByOpcode);
        table[row + 1] = known(ALU[n], Form::MemReg, Width::ByOpcode);
        table[row + 2] = known(ALU[n], Form::RegMem, Width::ByOpcode);
        table[row + 3] = known(ALU[n], Form::RegMem, Width::ByOpcode);
        n += 1;
    }
    table[0x63] = movsxd();
    table[0x69] = with_immediate(O::Imul, Form::RegMemImm, Width::Operand, Immediate::Full);
    table[0x6b] = with_immediate(O::Imul, Form::RegMemImm, Width::Operand, Immediate::Byte);
    table[0x80] = Slot::Group(&ALU_BYTE);
    table[0x81] = Slot::Group(&ALU_FULL);
    table[0x83] = Slot::Group(&ALU_BYTE);
    table[0x84] = known(O::Test, Form::MemReg, Width::ByOpcode);
    table[0x85] = table[0x84];
    table[0x86] = known(O::Xchg, Form::MemReg, Width::ByOpcode);
    table[0x87] = table[0x86];
    table[0x88] = known(O::Mov, Form::MemReg, Width::ByOpcode);
    table[0x89] = table[0x88];
    table[0x8a] = known(O::Mov, Form::RegMem, Width::ByOpcode);
    table[0x8b] = table[0x8a];
    table[0xa4] = string(O::Movs, Shape::StringCopy);
    table[0xa5] = table[0xa4];
    table[0xa6] = string(O::Cmps, Shape::StringCompare);
    table[0xa7] = table[0xa6];
    table[0xaa] = string(O::Stos, Shape::StringStore);
    table[0xab] = table[0xaa];
    table[0xac] = string(O::Lods, Shape::StringLoad);
    table[0xad] = table[0xac];
    table[0xae] = string(O::Scas, Shape::StringScan);
    table[0xaf] = table[0xae];
    table[0xc0] = Slot::Group(&SHIFT_BYTE);
    table[0xc1] = table[0xc0];
    table[0xc6] = Slot::Group(&MOV_BYTE);
    table[0xc7] = Slot::Group(&MOV_FULL);
    table[0xd0] = Slot::Group(&SHIFT_ONE);
    table[0xd1] = table[0xd0];
    table[0xd2] = Slot::Group(&SHIFT_CL);
    table[0xd3] = table[0xd2];
    table[0xf6] = Slot::Group(&UNARY_BYTE);
    table[0xf7] = Slot::Group(&UNARY_FULL);
    table[0xfe] = Slot::Group(&STEP);
    table[0xff] = Slot::Group(&STEP);
    table
}

pub(super) static TWO_BYTES: [Slot; 256] = two_bytes();

const fn two_bytes() -> [Slot; 256] {
    let mut table = [Slot::Unknown; 256];
    let mut n = 0;
    while n < 16 {
        table[0x40 + n] = conditional(O::Cmov, Form::RegMem, Width::Operand);
        table[0x90 + n] = conditional(O::Set, Form::Mem, Width::One);
        n += 1;
    }
    table[0xa3] = known(O::Bt, Form::MemReg, Width::Operand);
    table[0xab] = known(O::Bts, Form::MemReg, Width::Operand);
    table[0xb3] = known(O::Btr, Form::MemReg, Width::Operand);
    table[0xbb] = known(O::Btc, Form::MemReg, Width::Operand);
    table[0xba] = Slot::Group(&BITS);
    table[0xa4] = with_immediate(O::Shld, Form::MemReg, Width::Operand, Immediate::Byte);
    table[0xac] = with_immediate(O::Shrd, Form::MemReg, Width::Operand, Immediate::Byte);
    table[0xa5] = by_cl(O::Shld);
    table[0xad] = by_cl(O::Shrd);
    table[0xaf] = known(O::Imul, Form::RegMem, Width::Operand);
    table[0xb0] = known(O::Cmpxchg, Form::MemReg, Width::ByOpcode);
    table[0xb1] = table[0xb0];
    table[0xb6] = extend(O::MovZx, Width::One);
    table[0xb7] = extend(O::MovZx, Width::Two);
    table[0xbc] = known(O::Bsf, Form::RegMem, Width::Operand);
    table[0xbd] = known(O::Bsr, Form::RegMem, Width::Operand);
    table[0xbe] = extend(O::MovSx, Width::One);
    table[0xbf] = extend(O::MovSx, Width::Two);
    table[0xc0] = known(O::Xadd, Form::MemReg, Width::ByOpcode);
    table[0xc1] = table[0xc0];
    table[0xc3] = movnti();
    table[0xc7] = Slot::Group(&PAIR);
    table
}

const fn by_cl(operation: O) -> Slot {
    let mut entry = entry(operation, Form::MemReg, Width::Operand);
    entry.detail = Some(BY_CL);
    Slot::Known(entry)
}

/// With prefix 66h it reads what the vendor likes.
const fn movsxd() -> Slot {
    let mut entry = entry(O::MovSx, Form::RegMem, Width::Operand);
    entry.memory = Width::Four;
    entry.never_16 = true;
    Slot::Known(entry)
}

const fn movnti() -> Slot {
    let mut entry = entry(O::Mov, Form::MemReg, Width::Operand);
    entry.never_16 = true;
    entry.flags |= flag::NON_TEMPORAL;
    Slot::Known(entry)
}
