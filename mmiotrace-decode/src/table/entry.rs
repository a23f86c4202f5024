//! What the table knows of an opcode.

use super::Window;
use crate::Way;
use crate::operation::{DataClass, Form, Operation as O, Shape, flag};

/// How many bytes an operand has.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Width {
    /// There is none, or it is not the table's business.
    None,
    One,
    Two,
    Four,
    /// As the prefixes say: 2, 4 or 8.
    Operand,
    /// Twice the operand: `cmpxchg8b`, `cmpxchg16b`.
    Pair,
}

impl Width {
    /// The bytes for an operand size: an index of 4, 2, 8.
    #[inline(always)]
    pub(super) const fn bytes(self, size: usize) -> u8 {
        const BYTES: [[u8; 4]; 6] = [[0; 4], [1; 4], [2; 4], [4; 4], [4, 2, 8, 0], [8, 8, 16, 0]];
        BYTES[self as usize][size & 3]
    }
}

/// What immediate follows the operand.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Immediate {
    None,
    Byte,
    /// 2 or 4 bytes, as the operand is.
    Full,
    /// The constant 1, without a byte of its own.
    One,
}

impl Immediate {
    /// The immediate at `at`, sign-extended, and its length.
    #[inline(always)]
    pub(super) fn read(self, window: Window<'_>, at: usize, size: usize) -> (i32, usize) {
        const LENGTHS: [[u8; 4]; 4] = [[0; 4], [1; 4], [4, 2, 4, 4], [0; 4]];
        let len = LENGTHS[self as usize][size & 3];
        // Up to the top and down again, in two steps, as a shift by 32 is none.
        let up = 16 - 4 * u32::from(len);
        let value = (window.dword(at) << up << up) as i32 >> up >> up;
        (
            if self as u8 == Self::One as u8 {
                1
            } else {
                value
            },
            usize::from(len),
        )
    }
}

/// What the table knows of an opcode. The last fields are in the order of those of the instruction,
/// so that they are copied in one go.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Entry {
    pub(super) flags: u16,
    /// False for all that is left to iced.
    pub(super) known: bool,
    pub(super) memory: Width,
    pub(super) register: Width,
    /// All ones where ModRM.reg names a register.
    pub(super) register_mask: u8,
    /// A register of one byte: some numbers mean `ah` to `bh`.
    pub(super) has_high_bytes: bool,
    pub(super) immediate: Immediate,
    pub(super) lockable: bool,
    /// With prefix 66h it is another instruction, or none.
    pub(super) never_16: bool,
    pub(super) data: DataClass,
    pub(super) operation: O,
    pub(super) form: Form,
    pub(super) shape: Shape,
    pub(super) detail: u8,
    pub(super) ways: [Way; 2],
}

impl Entry {
    pub(super) const UNKNOWN: Self = Self {
        flags: 0,
        known: false,
        memory: Width::None,
        register: Width::None,
        register_mask: 0,
        has_high_bytes: false,
        immediate: Immediate::None,
        lockable: false,
        never_16: false,
        data: DataClass::Other,
        operation: O::Native,
        form: Form::Implicit,
        shape: Shape::None,
        detail: 0,
        ways: [Way::NoAccess; 2],
    };

    pub(super) const fn new(operation: O, form: Form, width: Width) -> Self {
        let plain = matches!(operation, O::Mov | O::Xchg | O::Set);
        let locked = matches!(operation, O::Xchg);
        let named = matches!(form, Form::RegMem | Form::MemReg | Form::RegMemImm);
        let (data, register) = match form {
            Form::RegMem | Form::MemReg | Form::RegMemImm => (DataClass::Gpr, width),
            Form::MemImm => (DataClass::Immediate, Width::None),
            _ => (DataClass::Other, Width::None),
        };
        Self {
            known: true,
            operation,
            form,
            shape: shape(operation, form),
            memory: width,
            register,
            register_mask: if named { 0xff } else { 0 },
            has_high_bytes: named && matches!(width, Width::One),
            data,
            lockable: is_lockable(operation, form),
            flags: if plain { flag::PLAIN_MOVE } else { 0 } | if locked { flag::LOCKED } else { 0 },
            ways: crate::iced::emulated(operation),
            ..Self::UNKNOWN
        }
    }

    pub(super) const fn with_immediate(mut self, immediate: Immediate) -> Self {
        self.immediate = immediate;
        self
    }

    /// Memory narrower than the register: `movzx`, `movsx`, `movsxd`.
    pub(super) const fn with_memory(mut self, memory: Width) -> Self {
        self.memory = memory;
        self
    }

    pub(super) const fn with_detail(mut self, detail: u8) -> Self {
        self.detail = detail;
        self
    }

    pub(super) const fn never_16(mut self) -> Self {
        self.never_16 = true;
        self
    }

    pub(super) const fn with_data(mut self, data: DataClass) -> Self {
        self.data = data;
        self
    }

    pub(super) const fn with_flags(mut self, flags: u16) -> Self {
        self.flags |= flags;
        self
    }

    /// `movs`, `stos`, `lods`, `cmps`, `scas`.
    pub(super) const fn string(operation: O, shape: Shape, width: Width) -> Self {
        let mut entry = Self::new(operation, Form::Implicit, width);
        entry.shape = shape;
        if matches!(operation, O::Stos | O::Lods | O::Scas) {
            entry.data = DataClass::Gpr;
            entry.register = width;
        }
        if matches!(operation, O::Stos) {
            entry.flags = flag::PLAIN_MOVE;
        }
        entry
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

/// Which accesses an operation makes in a form.
const fn shape(operation: O, form: Form) -> Shape {
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
