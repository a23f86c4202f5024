//! The opcodes (Intel SDM volume 2, appendix A).

use super::Window;
use super::entry::{Entry, Immediate, Width};
use crate::emulate::BY_CL;
use crate::operation::{DataClass, Form, Operation as O, Shape, flag};

/// An opcode and what the table knows of it.
pub(super) struct Opcode {
    pub(super) entry: &'static Entry,
    pub(super) modrm: u8,
    /// Where ModRM is, or what comes instead.
    pub(super) end: usize,
}

impl Opcode {
    /// The opcode at `at`, if the table knows it. ModRM counts where its reg field is a part of the
    /// opcode.
    #[inline(always)]
    pub(super) fn find(window: Window<'_>, at: usize) -> Option<Self> {
        let (first, second) = (window.byte(at), window.byte(at + 1));
        let is_escaped = first == 0x0f;
        let opcode = usize::from(if is_escaped { second } else { first });
        let opcode = opcode | usize::from(is_escaped) << 8;
        let end = at + 1 + usize::from(is_escaped);
        let modrm = window.byte(end);
        let group = usize::from(GROUP_OF[opcode & 511]);
        let member = GROUPS_START + 8 * group + usize::from(modrm >> 3 & 7);
        let number = if group == NO_GROUP { opcode } else { member };
        let entry = ENTRIES.get(number).filter(|entry| entry.known)?;
        Some(Self { entry, modrm, end })
    }
}

const GROUPS: usize = 17;
const GROUPS_START: usize = 512;
const NO_GROUP: usize = 255;

/// By opcode, then by group and ModRM.reg.
static ENTRIES: [Entry; GROUPS_START + 8 * GROUPS] = {
    let mut entries = [Entry::UNKNOWN; GROUPS_START + 8 * GROUPS];
    put(&mut entries, 0, &one_byte());
    put(&mut entries, 256, &two_bytes());
    let mut n = 0;
    while n < GROUPS {
        put(&mut entries, GROUPS_START + 8 * n, &MEMBERS[n].1);
        n += 1;
    }
    entries
};

/// The group of each opcode.
static GROUP_OF: [u8; 512] = {
    let mut group_of = [NO_GROUP as u8; 512];
    let mut n = 0;
    while n < GROUPS {
        group_of[MEMBERS[n].0] = n as u8;
        n += 1;
    }
    group_of
};

/// Opcodes that ModRM.reg is a part of, with their eight members.
const MEMBERS: [(usize, [Entry; 8]); GROUPS] = [
    (0x80, all(ALU, Form::MemImm, Width::One, Immediate::Byte)),
    (
        0x81,
        all(ALU, Form::MemImm, Width::Operand, Immediate::Full),
    ),
    (
        0x83,
        all(ALU, Form::MemImm, Width::Operand, Immediate::Byte),
    ),
    (0xc0, all(SHIFTS, Form::MemImm, Width::One, Immediate::Byte)),
    (
        0xc1,
        all(SHIFTS, Form::MemImm, Width::Operand, Immediate::Byte),
    ),
    (0xd0, all(SHIFTS, Form::MemImm, Width::One, Immediate::One)),
    (
        0xd1,
        all(SHIFTS, Form::MemImm, Width::Operand, Immediate::One),
    ),
    (0xd2, all(SHIFTS, Form::Mem, Width::One, Immediate::None)),
    (
        0xd3,
        all(SHIFTS, Form::Mem, Width::Operand, Immediate::None),
    ),
    (0xf6, unary(Width::One, Immediate::Byte)),
    (0xf7, unary(Width::Operand, Immediate::Full)),
    (0xfe, step(Width::One)),
    (0xff, step(Width::Operand)),
    (
        0xc6,
        first(Entry::new(O::Mov, Form::MemImm, Width::One).with_immediate(Immediate::Byte)),
    ),
    (
        0xc7,
        first(Entry::new(O::Mov, Form::MemImm, Width::Operand).with_immediate(Immediate::Full)),
    ),
    (0x1ba, BITS),
    (0x1c7, PAIR),
];

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

const fn all(operations: [O; 8], form: Form, width: Width, immediate: Immediate) -> [Entry; 8] {
    let mut members = [Entry::UNKNOWN; 8];
    let mut n = 0;
    while n < 8 {
        members[n] = Entry::new(operations[n], form, width).with_immediate(immediate);
        n += 1;
    }
    members
}

/// F6 and F7.
const fn unary(width: Width, immediate: Immediate) -> [Entry; 8] {
    const OPERATIONS: [O; 8] = [
        O::Test,
        O::Test,
        O::Not,
        O::Neg,
        O::Mul,
        O::ImulWide,
        O::Div,
        O::Idiv,
    ];
    let mut members = all(OPERATIONS, Form::Mem, width, Immediate::None);
    members[0] = Entry::new(O::Test, Form::MemImm, width).with_immediate(immediate);
    members[1] = members[0];
    members
}

/// FE and FF; the other members of FF are branches and `push`.
const fn step(width: Width) -> [Entry; 8] {
    let mut members = [Entry::UNKNOWN; 8];
    members[0] = Entry::new(O::Inc, Form::Mem, width);
    members[1] = Entry::new(O::Dec, Form::Mem, width);
    members
}

const BITS: [Entry; 8] = {
    let mut members = [Entry::UNKNOWN; 8];
    let operations = [O::Bt, O::Bts, O::Btr, O::Btc];
    let mut n = 0;
    while n < 4 {
        members[4 + n] =
            Entry::new(operations[n], Form::MemImm, Width::Operand).with_immediate(Immediate::Byte);
        n += 1;
    }
    members
};

/// `cmpxchg8b`, `cmpxchg16b`.
const PAIR: [Entry; 8] = {
    let mut members = [Entry::UNKNOWN; 8];
    members[1] = Entry::new(O::CmpxchgPair, Form::Mem, Width::Pair);
    members
};

/// A group of which only the first member has a meaning.
const fn first(entry: Entry) -> [Entry; 8] {
    let mut members = [Entry::UNKNOWN; 8];
    members[0] = entry;
    members
}

const fn put<const N: usize>(entries: &mut [Entry], at: usize, from: &[Entry; N]) {
    let mut n = 0;
    while n < N {
        entries[at + n] = from[n];
        n += 1;
    }
}

/// Even opcodes are bytes, odd ones words, in the forms of the first days.
const fn pair(table: &mut [Entry; 256], even: usize, operation: O, form: Form) {
    table[even] = Entry::new(operation, form, Width::One);
    table[even + 1] = Entry::new(operation, form, Width::Operand);
}

const fn strings(table: &mut [Entry; 256], even: usize, operation: O, shape: Shape) {
    table[even] = Entry::string(operation, shape, Width::One);
    table[even + 1] = Entry::string(operation, shape, Width::Operand);
}

const fn one_byte() -> [Entry; 256] {
    let mut table = [Entry::UNKNOWN; 256];
    let mut n = 0;
    while n < 8 {
        pair(&mut table, n * 8, ALU[n], Form::MemReg);
        pair(&mut table, n * 8 + 2, ALU[n], Form::RegMem);
        n += 1;
    }
    // With prefix 66h it reads what the vendor likes.
    table[0x63] = Entry::new(O::MovSx, Form::RegMem, Width::Operand)
        .with_memory(Width::Four)
        .never_16();
    table[0x69] =
        Entry::new(O::Imul, Form::RegMemImm, Width::Operand).with_immediate(Immediate::Full);
    table[0x6b] =
        Entry::new(O::Imul, Form::RegMemImm, Width::Operand).with_immediate(Immediate::Byte);
    pair(&mut table, 0x84, O::Test, Form::MemReg);
    pair(&mut table, 0x86, O::Xchg, Form::MemReg);
    pair(&mut table, 0x88, O::Mov, Form::MemReg);
    pair(&mut table, 0x8a, O::Mov, Form::RegMem);
    strings(&mut table, 0xa4, O::Movs, Shape::StringCopy);
    strings(&mut table, 0xa6, O::Cmps, Shape::StringCompare);
    strings(&mut table, 0xaa, O::Stos, Shape::StringStore);
    strings(&mut table, 0xac, O::Lods, Shape::StringLoad);
    strings(&mut table, 0xae, O::Scas, Shape::StringScan);
    table
}

const fn two_bytes() -> [Entry; 256] {
    let mut table = [Entry::UNKNOWN; 256];
    let mut n = 0;
    while n < 16 {
        table[0x40 + n] = Entry::new(O::Cmov, Form::RegMem, Width::Operand).with_detail(n as u8);
        let set = Entry::new(O::Set, Form::Mem, Width::One).with_detail(n as u8);
        table[0x90 + n] = set.with_data(DataClass::Condition);
        n += 1;
    }
    let operand = Width::Operand;
    table[0xa3] = Entry::new(O::Bt, Form::MemReg, operand);
    table[0xab] = Entry::new(O::Bts, Form::MemReg, operand);
    table[0xb3] = Entry::new(O::Btr, Form::MemReg, operand);
    table[0xbb] = Entry::new(O::Btc, Form::MemReg, operand);
    table[0xa4] = Entry::new(O::Shld, Form::MemReg, operand).with_immediate(Immediate::Byte);
    table[0xa5] = Entry::new(O::Shld, Form::MemReg, operand).with_detail(BY_CL);
    table[0xac] = Entry::new(O::Shrd, Form::MemReg, operand).with_immediate(Immediate::Byte);
    table[0xad] = Entry::new(O::Shrd, Form::MemReg, operand).with_detail(BY_CL);
    table[0xaf] = Entry::new(O::Imul, Form::RegMem, operand);
    pair(&mut table, 0xb0, O::Cmpxchg, Form::MemReg);
    table[0xb6] = Entry::new(O::MovZx, Form::RegMem, operand).with_memory(Width::One);
    table[0xb7] = Entry::new(O::MovZx, Form::RegMem, operand).with_memory(Width::Two);
    table[0xbc] = Entry::new(O::Bsf, Form::RegMem, operand);
    table[0xbd] = Entry::new(O::Bsr, Form::RegMem, operand);
    table[0xbe] = Entry::new(O::MovSx, Form::RegMem, operand).with_memory(Width::One);
    table[0xbf] = Entry::new(O::MovSx, Form::RegMem, operand).with_memory(Width::Two);
    pair(&mut table, 0xc0, O::Xadd, Form::MemReg);
    table[0xc3] = Entry::new(O::Mov, Form::MemReg, operand)
        .with_flags(flag::NON_TEMPORAL)
        .never_16();
    table
}
