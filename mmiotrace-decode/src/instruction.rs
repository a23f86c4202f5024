//! A decoded instruction: what it does to memory, and how to have it done.

use crate::cpu::{FAR_OFFSET, MOVSXD_WORD, NEAR_BRANCH, Row};
use crate::operation::{DataClass, Form, Operation, Shape, Validity, flag};
use crate::{
    Accesses, Context, Difference, Gpr, GprPart, Maker, MemoryOperand, RegisterFile, Registers, Way,
};
use mmiotrace_core::{Code, VirtAddr, Width};

/// What an instruction does to the memory that its operand names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// It touches no memory, or none whose content it uses (`clflush`).
    NoAccess,
    /// It reads.
    Read,
    /// It writes.
    Write,
    /// It reads and then writes the same place: two accesses.
    ReadModifyWrite,
    /// It reads one place and writes another: `movs`, `push [m]`, `pop [m]`, `call [m]`,
    /// `enter` with a nesting level above 1, `movdir64b`.
    ReadAndWrite,
}

/// How often a string instruction does its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Repeat {
    /// Once.
    Once,
    /// As often as `rcx` says (`ecx` under prefix 67h): `rep`.
    Count,
    /// As `Count`, but `cmps` and `scas` stop at the first difference: `repe`.
    WhileEqual,
    /// As `Count`, but `cmps` and `scas` stop at the first match: `repne`.
    WhileNotEqual,
}

/// Where the value of an access comes from or goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Data {
    /// Several places, or none that a register shows.
    Other,
    /// A general-purpose register or a part of one.
    Gpr(GprPart),
    /// A constant in the instruction, sign-extended; the lowest bytes count.
    Immediate(i64),
    /// The low bytes of the vector register with this number.
    Vector(u8),
    /// Bytes 8 to 15 of the vector register with this number (`movhps`).
    VectorUpper(u8),
    /// The MMX register with this number.
    Mmx(u8),
    /// The top of the x87 stack, with all its ten bytes.
    X87Top,
    /// The mask register with this number.
    Opmask(u8),
    /// A condition of the flags, as one byte.
    Condition,
    /// The address of the next instruction (`call`).
    ReturnAddress,
    /// The flags register.
    Flags,
}

/// One instruction of 64-bit mode, decoded.
///
/// Plain data of 48 bytes, without reference to where it was found: the same bytes decode to the
/// same value at every address.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct DecodedInstruction {
    pub(crate) memory: MemoryOperand,
    // INVARIANT: bytes at and above `len` are zero; len <= 15, and 0 in no instruction.
    pub(crate) code: [u8; 15],
    pub(crate) len: u8,
    pub(crate) immediate: i32,
    pub(crate) flags: u16,
    /// Bytes of one access; 0 where there is none.
    pub(crate) width: u8,
    /// Number of the register that `data` names.
    pub(crate) register: u8,
    /// Bytes of that register that take part.
    pub(crate) register_width: u8,
    // From here on in the order of the table's entries.
    pub(crate) data: DataClass,
    pub(crate) operation: Operation,
    pub(crate) form: Form,
    pub(crate) shape: Shape,
    /// Condition code, count of elements, or what `shape` says.
    pub(crate) detail: u8,
    pub(crate) ways: [Way; 2],
}

impl DecodedInstruction {
    /// An instruction that does nothing to memory.
    pub(crate) const fn bare(code: [u8; 15], len: u8) -> Self {
        Self {
            code,
            len,
            memory: MemoryOperand::absolute(0),
            immediate: 0,
            flags: 0,
            operation: Operation::Native,
            form: Form::Implicit,
            shape: Shape::None,
            width: 0,
            data: DataClass::Other,
            register: 0,
            register_width: 0,
            detail: 0,
            ways: [Way::NoAccess; 2],
        }
    }

    /// The length in bytes, 1 to 15.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no instruction is empty")]
    pub const fn len(&self) -> u8 {
        self.len
    }

    /// The bytes.
    #[must_use]
    pub fn code(&self) -> Code {
        Code::from_prefix(self.bytes())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.code[..usize::from(self.len.min(15))]
    }

    /// What it does to memory.
    #[must_use]
    #[inline]
    pub const fn kind(&self) -> Kind {
        self.shape.traits().kind
    }

    /// The width of one access: of the operand, of one string element, of one element of a masked
    /// move. `None` where there is no access, or where the accesses have several widths.
    #[must_use]
    #[inline]
    pub const fn width(&self) -> Option<Width> {
        Width::from_bytes(self.width)
    }

    /// The memory operand, if it has an explicit one (or `xlat`, `maskmovdqu` an implicit one).
    /// String and stack instructions have none: their addresses are registers by definition.
    #[must_use]
    #[inline]
    pub const fn operand(&self) -> Option<MemoryOperand> {
        if self.shape.traits().has_operand {
            Some(self.memory)
        } else {
            None
        }
    }

    /// The address of the memory operand, a register bit offset included; for a gather or scatter
    /// the address that the indexes count from. A quick look: [`accesses`](Self::accesses) tells
    /// all.
    #[must_use]
    #[inline]
    pub fn address(&self, registers: &Registers) -> Option<VirtAddr> {
        self.operand()
            .map(|_| VirtAddr(self.operand_address(registers)))
    }

    /// How often a string instruction does its work.
    #[must_use]
    pub const fn repeat(&self) -> Repeat {
        let compares = matches!(self.shape, Shape::StringCompare | Shape::StringScan);
        match (self.flags & flag::REP != 0, self.flags & flag::REPNE != 0) {
            (false, false) => Repeat::Once,
            (true, _) if compares => Repeat::WhileEqual,
            (_, true) if compares => Repeat::WhileNotEqual,
            _ => Repeat::Count,
        }
    }

    /// Whether it is a string instruction: `movs`, `stos`, `lods`, `cmps`, `scas`, `ins`, `outs`.
    #[must_use]
    pub const fn is_string(&self) -> bool {
        matches!(
            self.shape,
            Shape::StringLoad
                | Shape::StringStore
                | Shape::StringCopy
                | Shape::StringCompare
                | Shape::StringScan
        )
    }

    /// Whether read and write are one atomic access: a `lock` prefix, or `xchg` with memory.
    #[must_use]
    pub const fn is_locked(&self) -> bool {
        self.flags & flag::LOCKED != 0
    }

    /// Whether the access carries a non-temporal hint.
    #[must_use]
    pub const fn is_non_temporal(&self) -> bool {
        self.flags & flag::NON_TEMPORAL != 0
    }

    /// Whether a mask decides which elements are accessed.
    #[must_use]
    pub const fn is_masked(&self) -> bool {
        matches!(
            self.shape,
            Shape::MaskedRead
                | Shape::MaskedWrite
                | Shape::PackedRead
                | Shape::PackedWrite
                | Shape::AnyRead
                | Shape::Gather
                | Shape::Scatter
        )
    }

    /// Where the value comes from or goes to.
    #[must_use]
    pub const fn data(&self) -> Data {
        match self.data {
            DataClass::Other => Data::Other,
            DataClass::Gpr => Data::Gpr(GprPart::low(
                Gpr::from_number(self.register),
                self.register_width,
            )),
            DataClass::GprHigh => match GprPart::high(Gpr::from_number(self.register)) {
                Some(part) => Data::Gpr(part),
                None => Data::Other,
            },
            DataClass::Immediate => Data::Immediate(self.immediate as i64),
            DataClass::Vector => Data::Vector(self.register),
            DataClass::VectorUpper => Data::VectorUpper(self.register),
            DataClass::Mmx => Data::Mmx(self.register),
            DataClass::X87Top => Data::X87Top,
            DataClass::Opmask => Data::Opmask(self.register),
            DataClass::Condition => Data::Condition,
            DataClass::ReturnAddress => Data::ReturnAddress,
            DataClass::Flags => Data::Flags,
        }
    }

    /// Whether it accesses memory of which only state that is not at hand tells how much and where
    /// (the tile configuration): [`accesses`](Self::accesses) gives none then, and every
    /// [`way`](Self::way) is `cannot`.
    ///
    /// ```
    /// use mmiotrace_decode::{Decoder, Kind, Registers};
    ///
    /// let store = [0xc4, 0xe2, 0x7a, 0x4b, 0x04, 0x8e]; // tilestored [rsi+rcx*4], tmm0
    /// let store = Decoder::new().decode_uncached(&store)?;
    /// assert_eq!(store.kind(), Kind::Write);
    /// assert!(store.has_unknown_extent());
    /// assert_eq!(store.accesses(&Registers::default()).count(), 0);
    /// # Ok::<(), mmiotrace_decode::DecodeError>(())
    /// ```
    #[must_use]
    pub const fn has_unknown_extent(&self) -> bool {
        matches!(self.shape, Shape::UnknownRead | Shape::UnknownWrite)
    }

    /// What CPUs of different makers do differently with these bytes; `None` where all do the same.
    /// Whether this answer is for one of them, [`is_cpu_unknown`](Self::is_cpu_unknown) says.
    #[must_use]
    pub const fn difference(&self) -> Option<&'static Difference> {
        match (self.validity(), self.row()) {
            (Validity::All, _) | (_, None) => None,
            (_, Some(row)) => Some(row.difference()),
        }
    }

    /// Whether makers differ over these bytes and the decoder did not know the CPU. Then the
    /// accesses say how many bytes are accessed at least, and the length is that on Intel's CPUs.
    #[must_use]
    pub const fn is_cpu_unknown(&self) -> bool {
        matches!(self.validity(), Validity::Unknown)
    }

    /// Whose CPUs this answer is for.
    pub(crate) const fn validity(&self) -> Validity {
        match (self.flags & flag::MAKER) >> flag::MAKER_SHIFT {
            0 => Validity::All,
            1 => Validity::Of(Maker::Intel),
            2 => Validity::Of(Maker::Amd),
            _ => Validity::Unknown,
        }
    }

    /// Says that makers differ, and that the answer is for CPUs of `maker`.
    pub(crate) const fn set_difference(&mut self, row: Row, maker: Option<Maker>) {
        let whose = match maker {
            Some(Maker::Intel) => 1,
            Some(Maker::Amd) => 2,
            None => 3,
        };
        self.flags |= whose << flag::MAKER_SHIFT | (row as u16) << flag::ROW_SHIFT;
    }

    pub(crate) const fn row(&self) -> Option<Row> {
        Row::from_number(((self.flags & flag::ROW) >> flag::ROW_SHIFT) as usize)
    }

    /// How many bytes of an access of `most` bytes are accessed whoever made the CPU.
    pub(crate) const fn least(&self, most: u8) -> u8 {
        let (Validity::Unknown, Some(row)) = (self.validity(), self.row()) else {
            return most;
        };
        let least = match row {
            Row::MovsxdWord => MOVSXD_WORD.least(),
            Row::NearBranch => NEAR_BRANCH.least(),
            // A far pointer, or a slot that `call` pushes.
            Row::FarOffset if most > FAR_OFFSET.most() => FAR_OFFSET.least() + 2,
            Row::FarOffset => FAR_OFFSET.least(),
            // Of the slots of a far return some are no selector's.
            Row::SelectorSlot if matches!(self.shape, Shape::Pop) => 2,
            Row::SelectorSlot | Row::EmptyRepeat | Row::Ud0Operand | Row::LockIsCr8 => most,
        };
        if least < most { least } else { most }
    }

    /// The accesses it makes with these registers, in order.
    ///
    /// One for every element of a string instruction, gather, scatter or masked move; a read and
    /// a write for read-modify-write. Nothing is allocated. A `rep` with a large count gives as
    /// many. None where the [extent is unknown](Self::has_unknown_extent).
    pub const fn accesses<'a, R: RegisterFile + ?Sized>(
        &'a self,
        registers: &'a R,
    ) -> Accesses<'a, R> {
        Accesses::new(self, registers)
    }

    /// How an engine in this context has it done exactly, were its operand device memory.
    #[must_use]
    pub const fn way(&self, context: Context) -> Way {
        match context {
            Context::Process => self.ways[0],
            Context::Kernel => self.ways[1],
        }
    }

    /// Whether x87, MMX or vector registers take part.
    #[must_use]
    pub const fn uses_extended_state(&self) -> bool {
        self.flags & flag::EXTENDED != 0
    }
}

impl core::fmt::Debug for DecodedInstruction {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DecodedInstruction")
            .field("code", &self.code())
            .field("operation", &self.operation)
            .field("form", &self.form)
            .field("shape", &self.shape)
            .field("width", &self.width)
            .field("memory", &self.memory)
            .field("data", &self.data())
            .field("register_width", &self.register_width)
            .field("immediate", &self.immediate)
            .field("detail", &self.detail)
            .field("flags", &format_args!("{:#x}", self.flags))
            .field("ways", &self.ways)
            .finish()
    }
}
