//! What an instruction does, in the words of this crate: the part of a decoded instruction that
//! the executor works from.

use crate::{Kind, Maker};

/// What is computed. Everything that the executor does not compute itself is `Native`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Operation {
    /// Left to the CPU: on a buffer, on the alias, or by a step.
    Native,
    Mov,
    MovZx,
    MovSx,
    MovBe,
    // The order of the next eight is that of their encodings.
    Add,
    Or,
    Adc,
    Sbb,
    And,
    Sub,
    Xor,
    Cmp,
    Test,
    Inc,
    Dec,
    Not,
    Neg,
    Xchg,
    Xadd,
    Cmpxchg,
    /// `cmpxchg8b`, `cmpxchg16b`.
    CmpxchgPair,
    // The order of the next four is that of their encodings.
    Bt,
    Bts,
    Btr,
    Btc,
    // The order of the next eight is that of their encodings; the seventh is another `shl`.
    Rol,
    Ror,
    Rcl,
    Rcr,
    Shl,
    Shr,
    Sar,
    Shld,
    Shrd,
    /// Two or three operands, result in a register.
    Imul,
    /// One operand, result in `rdx:rax`.
    Mul,
    /// As `Mul`, signed.
    ImulWide,
    Div,
    Idiv,
    Cmov,
    Set,
    Bsf,
    Bsr,
    Movs,
    Stos,
    Lods,
    Cmps,
    Scas,
    Push,
    Pop,
    Call,
    Jmp,
    Ret,
    Leave,
    Enter,
    Pushf,
    Xlat,
}

impl Operation {
    /// Whether flags that the SDM leaves undefined after the operation differ between CPUs in
    /// practice: then only running it gives what this CPU would give.
    pub(crate) const fn leaves_flags_to_the_cpu(self) -> bool {
        matches!(
            self,
            Self::Rol
                | Self::Ror
                | Self::Rcl
                | Self::Rcr
                | Self::Shl
                | Self::Shr
                | Self::Sar
                | Self::Shld
                | Self::Shrd
                | Self::Imul
                | Self::Mul
                | Self::ImulWide
                | Self::Div
                | Self::Idiv
                | Self::Bsf
                | Self::Bsr
        )
    }
}

/// Which operand is where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Form {
    /// No operand that matters here, or all implicit.
    Implicit,
    /// The register is the destination (for `cmp` and `test`: the left side), memory the source.
    RegMem,
    /// Memory is the destination or left side, the register the source.
    MemReg,
    /// Memory is the destination or left side, the immediate the source.
    MemImm,
    /// Memory is the only operand; shifts by `cl` too.
    Mem,
    /// `imul r, m, imm`.
    RegMemImm,
    /// No memory operand but the stack; the other is a register.
    Reg,
    /// No memory operand but the stack; the other is an immediate.
    Imm,
}

/// Which accesses are made, in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Shape {
    /// None.
    None,
    /// One read of the operand.
    Read,
    /// As `Read`, with `al` as an index: `xlat`.
    IndexedRead,
    /// One write of the operand.
    Write,
    /// A read and a write of the operand.
    Update,
    /// As `Read`, at the place a register's bit offset says.
    BitRead,
    /// As `Update`, at the place a register's bit offset says.
    BitUpdate,
    /// Reads at `rsi`.
    StringLoad,
    /// Writes at `rdi`.
    StringStore,
    /// Reads at `rsi`, writes at `rdi`.
    StringCopy,
    /// Reads at `rsi`, reads at `rdi`.
    StringCompare,
    /// Reads at `rdi`.
    StringScan,
    /// Writes below `rsp`.
    Push,
    /// Reads at `rsp`.
    Pop,
    /// Reads the operand, writes below `rsp`.
    PushMemory,
    /// Reads at `rsp`, writes the operand, whose address is computed after `rsp` has moved.
    PopMemory,
    /// Reads at `rbp`.
    Leave,
    /// Writes below `rsp`: once, or twice with nesting level 1.
    Enter,
    /// As `Enter` with a higher nesting level: reads the outer frame pointers, too.
    EnterNested,
    /// Reads a far pointer at the operand, then writes `cs` and the return address below `rsp`.
    CallFar,
    /// Reads `detail` elements of 8 bytes or fewer at `rsp`: far returns.
    PopSeveral,
    /// A block of `immediate` bytes at the operand, read.
    BlockRead,
    /// A block of `immediate` bytes at the operand, written.
    BlockWrite,
    /// The write side of the XSAVE family.
    Xsave,
    /// The read side of the XSAVE family.
    Xrstor,
    /// Elements under a mask, each at its place.
    MaskedRead,
    /// Elements under a mask, each at its place.
    MaskedWrite,
    /// As many elements as the mask has bits, one after the other.
    PackedRead,
    /// As many elements as the mask has bits, one after the other.
    PackedWrite,
    /// Elements under a mask, each of which goes to several of the register (broadcast).
    AnyRead,
    /// Elements at addresses from an index vector.
    Gather,
    /// Elements at addresses from an index vector.
    Scatter,
    /// 64 bytes read at the operand, 64 bytes written at the address in a register.
    MoveBlock,
    /// The cache line of the operand: it faults as a read, but no data moves.
    CacheLine,
    /// The cache line at the operand, 64 bytes, cleared.
    ClearLine,
    /// It reads, but how much and where only state that is not at hand tells (tiles).
    UnknownRead,
    /// It writes, but how much and where only state that is not at hand tells (tiles).
    UnknownWrite,
}

/// What a shape means for those who ask about the operand.
#[derive(Clone, Copy)]
pub(crate) struct Traits {
    pub(crate) kind: Kind,
    /// There is an operand with an address of its own: not only strings or the stack.
    pub(crate) has_operand: bool,
    /// The address is more than base, index and displacement.
    pub(crate) is_computed: bool,
}

impl Shape {
    const ALL: [Self; 37] = [
        Self::None,
        Self::Read,
        Self::IndexedRead,
        Self::Write,
        Self::Update,
        Self::BitRead,
        Self::BitUpdate,
        Self::StringLoad,
        Self::StringStore,
        Self::StringCopy,
        Self::StringCompare,
        Self::StringScan,
        Self::Push,
        Self::Pop,
        Self::PushMemory,
        Self::PopMemory,
        Self::Leave,
        Self::Enter,
        Self::EnterNested,
        Self::CallFar,
        Self::PopSeveral,
        Self::BlockRead,
        Self::BlockWrite,
        Self::Xsave,
        Self::Xrstor,
        Self::MaskedRead,
        Self::MaskedWrite,
        Self::PackedRead,
        Self::PackedWrite,
        Self::AnyRead,
        Self::Gather,
        Self::Scatter,
        Self::MoveBlock,
        Self::CacheLine,
        Self::ClearLine,
        Self::UnknownRead,
        Self::UnknownWrite,
    ];

    /// One for each shape, so that asking is a look and no branch.
    const TRAITS: [Traits; 64] = {
        let mut traits = [Self::None.find_traits(); 64];
        let mut n = 0;
        while n < Self::ALL.len() {
            traits[Self::ALL[n] as usize] = Self::ALL[n].find_traits();
            n += 1;
        }
        traits
    };

    #[inline(always)]
    pub(crate) const fn traits(self) -> Traits {
        Self::TRAITS[self as usize & 63]
    }

    const fn find_traits(self) -> Traits {
        Traits {
            kind: self.kind(),
            has_operand: !matches!(
                self,
                Self::None
                    | Self::StringLoad
                    | Self::StringStore
                    | Self::StringCopy
                    | Self::StringCompare
                    | Self::StringScan
                    | Self::Push
                    | Self::Pop
                    | Self::PopSeveral
                    | Self::Leave
                    | Self::Enter
                    | Self::EnterNested
            ),
            is_computed: matches!(
                self,
                Self::IndexedRead | Self::BitRead | Self::BitUpdate | Self::PopMemory
            ),
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::None | Self::CacheLine => Kind::NoAccess,
            Self::Read
            | Self::IndexedRead
            | Self::BitRead
            | Self::StringLoad
            | Self::StringCompare
            | Self::StringScan
            | Self::Pop
            | Self::PopSeveral
            | Self::Leave
            | Self::BlockRead
            | Self::Xrstor
            | Self::MaskedRead
            | Self::PackedRead
            | Self::AnyRead
            | Self::UnknownRead
            | Self::Gather => Kind::Read,
            Self::Write
            | Self::StringStore
            | Self::Push
            | Self::Enter
            | Self::BlockWrite
            | Self::MaskedWrite
            | Self::PackedWrite
            | Self::UnknownWrite
            | Self::Scatter
            | Self::ClearLine => Kind::Write,
            Self::Update | Self::BitUpdate | Self::Xsave => Kind::ReadModifyWrite,
            Self::StringCopy
            | Self::PushMemory
            | Self::PopMemory
            | Self::EnterNested
            | Self::CallFar
            | Self::MoveBlock => Kind::ReadAndWrite,
        }
    }
}

/// What the value moved comes from or goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum DataClass {
    /// Several, or none that a register shows.
    Other,
    Gpr,
    GprHigh,
    Immediate,
    /// The low bytes of a vector register.
    Vector,
    /// Bytes 8 to 15 of a vector register (`movhps`).
    VectorUpper,
    Mmx,
    /// The top of the x87 stack, with all its ten bytes.
    X87Top,
    Opmask,
    /// The condition in `detail`, as one byte.
    Condition,
    /// The address of the next instruction.
    ReturnAddress,
    /// The flags register.
    Flags,
}

/// Bits of [`DecodedInstruction::flags`](crate::DecodedInstruction).
pub(crate) mod flag {
    /// A `lock` prefix, or `xchg` with memory.
    pub(crate) const LOCKED: u16 = 1 << 0;
    /// A non-temporal hint.
    pub(crate) const NON_TEMPORAL: u16 = 1 << 1;
    /// `rep` or `repe`.
    pub(crate) const REP: u16 = 1 << 2;
    /// `repne`.
    pub(crate) const REPNE: u16 = 1 << 3;
    /// Address size prefix: string registers and counts of 32 bits.
    pub(crate) const ADDRESS_32: u16 = 1 << 4;
    /// The value moved is the whole of what `data` names, so it can be told from there.
    pub(crate) const PLAIN_MOVE: u16 = 1 << 5;
    /// Whether the access is made depends on more than the registers (or on a mask).
    pub(crate) const CONDITIONAL: u16 = 1 << 6;
    /// x87: it records its own address and its operand's.
    pub(crate) const X87_POINTERS: u16 = 1 << 7;
    /// It reads or writes x87, MMX or vector registers.
    pub(crate) const EXTENDED: u16 = 1 << 8;
    /// Two bits: whose CPUs the answer is for, where makers differ.
    pub(crate) const MAKER: u16 = 3 << MAKER_SHIFT;
    pub(crate) const MAKER_SHIFT: u16 = 9;
    /// Three bits: in which row of the table of differences.
    pub(crate) const ROW: u16 = 7 << ROW_SHIFT;
    pub(crate) const ROW_SHIFT: u16 = 11;
}

/// Whose CPUs an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    /// Every maker's.
    All,
    /// One maker's; others differ.
    Of(Maker),
    /// Nobody's for sure: makers differ, and the CPU is not known.
    Unknown,
}

/// The mask and index of a gather, scatter or masked move, packed into 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VectorInfo {
    /// The register that masks: `k` number, or vector number.
    pub(crate) mask: u8,
    /// Whether the mask is a vector, of whose elements the top bits count.
    pub(crate) mask_is_vector: bool,
    /// The index vector; of a broadcast, how many elements its operand has.
    pub(crate) index: u8,
    /// The width of one index, 4 or 8.
    pub(crate) index_width: u8,
}

impl VectorInfo {
    pub(crate) const fn pack(self) -> i32 {
        i32::from_le_bytes([
            self.mask,
            self.mask_is_vector as u8,
            self.index,
            self.index_width,
        ])
    }

    pub(crate) const fn unpack(bits: i32) -> Self {
        let [mask, mask_is_vector, index, index_width] = bits.to_le_bytes();
        Self {
            mask,
            mask_is_vector: mask_is_vector != 0,
            index,
            index_width,
        }
    }
}
