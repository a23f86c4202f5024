//! Shapes of operands: which registers, displacement and prefixes an encoding is tried with.

/// One way to fill ModRM, SIB and the register extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    pub(crate) name: &'static str,
    /// Number of the base register; `NO_BASE` for a bare displacement, `RIP` for a relative one.
    pub(crate) base: u8,
    /// Number and log2 of the scale of the index register.
    pub(crate) index: Option<(u8, u8)>,
    /// Bytes of displacement: 0, 1 or 4.
    pub(crate) displacement: u8,
    /// Number of the register operand, 0 to 15.
    pub(crate) register: u8,
    /// Number of the register in VEX.vvvv.
    pub(crate) second: u8,
    /// A REX prefix even where no bit of it is needed.
    pub(crate) rex: bool,
    /// Prefixes before all others.
    pub(crate) prefixes: &'static [u8],
}

pub(crate) const NO_BASE: u8 = 16;
pub(crate) const RIP: u8 = 17;

const PLAIN: Form = Form {
    name: "",
    base: 3,
    index: None,
    displacement: 0,
    register: 1,
    second: 2,
    rex: false,
    prefixes: &[],
};

/// All forms. The first are the plain ones; the others aim at what goes wrong easily: base and data
/// in one register, the stack pointer as data, registers that cannot go with REX, 32-bit addresses,
/// segments, no base at all, base and index in one register.
pub(crate) const FORMS: &[Form] = &[
    Form {
        name: "[rbx]",
        ..PLAIN
    },
    Form {
        name: "[rsi+disp8]",
        base: 6,
        displacement: 1,
        register: 2,
        second: 0,
        ..PLAIN
    },
    Form {
        name: "[rdi+r9*4+disp32]",
        base: 7,
        index: Some((9, 2)),
        displacement: 4,
        register: 11,
        second: 13,
        ..PLAIN
    },
    Form {
        name: "[rax], base is data",
        base: 0,
        register: 0,
        second: 0,
        ..PLAIN
    },
    Form {
        name: "[rbx], rsp or ah is data",
        register: 4,
        second: 4,
        ..PLAIN
    },
    Form {
        name: "[r12+disp8]",
        base: 12,
        displacement: 1,
        register: 5,
        second: 12,
        ..PLAIN
    },
    Form {
        name: "[r13+rcx*8]",
        base: 13,
        index: Some((1, 3)),
        register: 9,
        second: 1,
        ..PLAIN
    },
    Form {
        name: "[ebx+disp8]",
        displacement: 1,
        register: 6,
        second: 7,
        prefixes: &[0x67],
        ..PLAIN
    },
    Form {
        name: "gs:[rdx]",
        base: 2,
        register: 7,
        second: 8,
        prefixes: &[0x65],
        ..PLAIN
    },
    Form {
        name: "[rip+disp32]",
        base: RIP,
        register: 2,
        second: 15,
        ..PLAIN
    },
    Form {
        name: "[disp32]",
        base: NO_BASE,
        register: 1,
        second: 3,
        ..PLAIN
    },
    Form {
        name: "[rsp+disp8]",
        base: 4,
        displacement: 1,
        register: 3,
        second: 4,
        ..PLAIN
    },
    Form {
        name: "fs:[rbp+disp8]",
        base: 5,
        displacement: 1,
        register: 12,
        second: 5,
        prefixes: &[0x64],
        ..PLAIN
    },
    Form {
        name: "[rcx+rcx*2], base is index",
        base: 1,
        index: Some((1, 1)),
        register: 10,
        second: 6,
        ..PLAIN
    },
    Form {
        name: "[r8], REX, spl is data",
        base: 8,
        register: 4,
        second: 8,
        rex: true,
        ..PLAIN
    },
    Form {
        name: "[rdi+rdx], index is data",
        base: 7,
        index: Some((2, 0)),
        register: 2,
        second: 2,
        ..PLAIN
    },
    Form {
        name: "lock [rbx]",
        register: 2,
        prefixes: &[0xf0],
        ..PLAIN
    },
    Form {
        name: "lock [rax], base is data",
        base: 0,
        register: 0,
        prefixes: &[0xf0],
        ..PLAIN
    },
    Form {
        name: "lock [rsi+disp8], rsp or ah is data",
        base: 6,
        displacement: 1,
        register: 4,
        prefixes: &[0xf0],
        ..PLAIN
    },
    Form {
        name: "rep [rbx]",
        prefixes: &[0xf3],
        ..PLAIN
    },
    Form {
        name: "repne [rbx]",
        prefixes: &[0xf2],
        ..PLAIN
    },
    Form {
        name: "rep [ebx]",
        prefixes: &[0x67, 0xf3],
        ..PLAIN
    },
    Form {
        name: "rep gs:[rbx]",
        prefixes: &[0x65, 0xf3],
        ..PLAIN
    },
];

impl Form {
    /// ModRM, SIB and displacement, with `register` in the place of the register operand; only the
    /// lowest three bits of each number count here.
    pub(crate) fn operand(&self, register: u8) -> Vec<u8> {
        let reg = (register & 7) << 3;
        let mut bytes = Vec::with_capacity(6);
        match (self.base, self.index) {
            (RIP, _) => bytes.extend([reg | 5, 0, 0, 0, 0]),
            (NO_BASE, _) => bytes.extend([reg | 4, 0x25, 0, 0, 0, 0]),
            (base, index) => {
                let low = base & 7;
                // `rbp` and `r13` have no form without displacement.
                let len = if self.displacement == 0 && low == 5 {
                    1
                } else {
                    self.displacement
                };
                let mode = [0, 1, 0, 0, 2][usize::from(len)] << 6;
                match index {
                    None if low != 4 => bytes.push(mode | reg | low),
                    None => bytes.extend([mode | reg | 4, 0x24]),
                    Some((index, scale)) => {
                        bytes.extend([mode | reg | 4, scale << 6 | (index & 7) << 3 | low]);
                    }
                }
                bytes.extend(&[0x18, 1, 0, 0][..usize::from(len)]);
            }
        }
        bytes
    }

    /// The extension bits R, X and B of REX, VEX, EVEX for this register operand.
    pub(crate) fn extensions(&self, register: u8) -> (bool, bool, bool) {
        let base = self.base < 16 && self.base >= 8;
        let index = self.index.is_some_and(|(index, _)| index >= 8);
        (register >= 8, index, base)
    }
}
