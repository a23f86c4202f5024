//! Where makers' CPUs do different things with the same bytes: the one place that says so.

use super::Maker;

/// One thing that makers do differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The instructions.
    pub instructions: &'static str,
    /// What Intel's CPUs do.
    pub intel: &'static str,
    /// What AMD's CPUs do.
    pub amd: &'static str,
    /// How that is known.
    pub source: &'static str,
}

/// What each maker's CPUs answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answers<T> {
    intel: T,
    amd: T,
}

impl<T: Copy> Answers<T> {
    pub(crate) const fn of(self, maker: Maker) -> T {
        match maker {
            Maker::Intel => self.intel,
            Maker::Amd => self.amd,
        }
    }
}

impl Answers<u8> {
    pub(crate) const fn least(self) -> u8 {
        if self.intel < self.amd {
            self.intel
        } else {
            self.amd
        }
    }

    pub(crate) const fn most(self) -> u8 {
        if self.intel < self.amd {
            self.amd
        } else {
            self.intel
        }
    }
}

/// How much of a selector's slot on the stack is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotRead {
    /// The two bytes of the selector.
    Selector,
    /// The whole slot.
    Whole,
}

/// What a repeated string instruction with 32-bit addresses and a count of zero leaves in the
/// registers whose upper halves are not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EmptyRepeat {
    /// All that was there.
    Nothing,
    /// Zero in the upper half of `rcx`; of `movs` in those of `rsi` and `rdi` too, of `stos` in that
    /// of `rdi`.
    CutsRegisters,
}

macro_rules! differences {
    ($(
        $(#[$doc:meta])*
        $name:ident $row:ident: $type:ty = ($intel_value:expr, $amd_value:expr) {
            instructions: $instructions:literal,
            intel: $intel:literal,
            amd: $amd:literal,
            source: $source:literal,
        }
    )*) => {
        $($(#[$doc])* pub(crate) const $name: Answers<$type> = Answers {
            intel: $intel_value,
            amd: $amd_value,
        };)*

        /// A row of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Row { $($row,)* }

        impl Row {
            /// The row with this number.
            pub(crate) const fn from_number(number: usize) -> Option<Self> {
                const ROWS: &[Row] = &[$(Row::$row,)*];
                if number < ROWS.len() { Some(ROWS[number]) } else { None }
            }

            pub(crate) const fn difference(self) -> &'static Difference {
                &ALL[self as usize]
            }
        }

        /// All rows.
        pub(super) const ALL: &[Difference] = &[$(Difference {
            instructions: $instructions,
            intel: $intel,
            amd: $amd,
            source: $source,
        },)*];
    };
}

differences! {
    /// Bytes that `movsxd` reads into a register of 16 bits.
    MOVSXD_WORD MovsxdWord: u8 = (2, 4) {
        instructions: "movsxd r16, m (66 63)",
        intel: "reads 2 bytes",
        amd: "reads 4 bytes",
        source: "Intel SDM volume 2, MOVSXD: r16, r/m16; AMD APM volume 3, MOVSXD: the source is 32 bits \
                 wide; oracle runs on intel-6-207, intel-6-167 and amd-26-2",
    }
    /// How selectors are read from the stack, in slots of 4 or 8 bytes.
    SELECTOR_SLOT SelectorSlot: SlotRead = (SlotRead::Selector, SlotRead::Whole) {
        instructions: "pop fs, pop gs, retf, iret with an operand size of 4 or 8 bytes",
        intel: "reads the 2 bytes of a selector, the rest of its slot is not touched",
        amd: "reads all of a selector's slot",
        source: "AMD APM volume 3, POP, RET (Far), IRETx: POP.v of the operand size; Intel SDM volume 2, RET: \
                 high-order bits discarded; oracle runs on intel-6-207, intel-6-167 and amd-26-2",
    }
    /// Bytes of the offset in a far pointer under REX.W.
    FAR_OFFSET FarOffset: u8 = (8, 4) {
        instructions: "call far m, jmp far m, lss, lfs, lgs with REX.W",
        intel: "the pointer is m16:64, 10 bytes; call pushes two slots of 8 bytes",
        amd: "REX.W is ignored: the pointer is m16:32, 6 bytes; call pushes two slots of 4 bytes",
        source: "Intel SDM volume 2, CALL, JMP, LDS/LES/LFS/LGS/LSS: m16:64; AMD APM volume 3, the same pages: \
                 mem16:16 and mem16:32 only; oracle runs on intel-6-207 and intel-6-167 (10 bytes), and on \
                 amd-26-2 (#GP for the selector at offset 8, which is not what it loads)",
    }
    /// Bytes that a near branch moves under prefix 66h.
    NEAR_BRANCH NearBranch: u8 = (8, 2) {
        instructions: "near call, jmp, jcc and ret with prefix 66h and without REX.W",
        intel: "the prefix is ignored: pointers of 8 bytes, displacements of 4",
        amd: "pointers of 2 bytes, displacements of 2; the target is cut to 16 bits",
        source: "Intel SDM volume 2, CALL, JMP, Jcc, RET: operand size forced to 64 bits in 64-bit mode; AMD APM \
                 volume 3, section 1.2.3 and the same pages: 16 bits under the prefix; an oracle run on \
                 intel-6-167",
    }
    /// What a repeated string instruction of zero elements leaves.
    EMPTY_REPEAT EmptyRepeat: EmptyRepeat = (EmptyRepeat::CutsRegisters, EmptyRepeat::Nothing) {
        instructions: "rep, repe and repne string instructions with prefix 67h and ecx = 0",
        intel: "clears the upper half of rcx; movs those of rsi and rdi too, stos that of rdi",
        amd: "changes no register",
        source: "oracle runs on intel-6-207, intel-6-167 and amd-26-2; Linux' KVM does the same for guests on \
                 Intel's CPUs (arch/x86/kvm/emulate.c, string_registers_quirk)",
    }
    /// Whether `ud0` has a ModRM byte, and with it perhaps an operand in memory, which is not accessed.
    #[allow(dead_code, reason = "iced knows it: a test holds it to that")]
    UD0_OPERAND Ud0Operand: bool = (true, false) {
        instructions: "ud0 (0F FF)",
        intel: "has a ModRM byte",
        amd: "has no ModRM byte: two bytes long",
        source: "Intel SDM volume 2, UD; AMD APM volume 3, UD0",
    }
    /// Whether a lock prefix makes `mov` of `cr0` one of `cr8`.
    #[allow(dead_code, reason = "iced knows it: a test holds it to that")]
    LOCK_IS_CR8 LockIsCr8: bool = (false, true) {
        instructions: "lock mov to or from cr0",
        intel: "no instruction",
        amd: "moves cr8, and touches no memory",
        source: "AMD APM volume 3, MOV CRn: AltMovCr8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_numbered_in_order() {
        for (number, difference) in ALL.iter().enumerate() {
            let row = Row::from_number(number).unwrap();
            assert_eq!(row as usize, number);
            assert_eq!(row.difference(), difference);
            assert!(!difference.source.is_empty());
        }
        assert_eq!(Row::from_number(ALL.len()), None);
        // Three bits of an instruction hold the number.
        assert!(ALL.len() <= 8);
    }
}
