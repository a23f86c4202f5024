//! What the kernel's own tracer makes of an instruction, and where it is wrong.
//!
//! The kernel's mmiotrace decodes by a list of twelve opcodes (arch/x86/mm/pf_in.c, its 64-bit
//! tables): everything else is an `UNKNOWN` record. Three of the forms it knows are logged with a
//! wrong value. Genuine logs hold such records, so a reader accepts them, and says so.

use mmiotrace_core::{AccessKind, Width};

/// What the kernel's tracer logs for an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KernelView {
    /// An `UNKNOWN` record.
    Unknown,
    /// An `R` record of this width, with the destination register as value.
    Load(Width),
    /// A `W` record of this width.
    Store {
        /// The width in the record.
        width: Width,
        /// The value in the record, where it comes from the instruction's bytes: what the tracer
        /// takes for the immediate. `None` where it comes from a register.
        immediate: Option<u64>,
    },
}

/// An error of the kernel's decoder that shows in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KernelMistake {
    /// `movsx` from memory (0F BE, 0F BF): the value is the sign-extended destination, not the
    /// bytes that were read. `R 1 … 0xfffffffe` stands for 0xfe.
    SignExtended,
    /// `mov` of an immediate (C6, C7) to an operand with a SIB byte: SIB, and a displacement it has
    /// without base, are not skipped, so that the value begins with them.
    /// `movl $0xdeadbeef, (%rax,%rcx,1)` is logged as 0xadbeef08.
    SibAsImmediate,
    /// `mov` of an immediate with REX.W (48 C7): four bytes are logged where eight are written, and
    /// the value is the immediate with the four bytes of code behind it.
    CodeAsImmediate,
}

impl KernelMistake {
    /// The mistake that a record's value gives away: one that does not fit the width. `None` where
    /// it fits, or is of no known mistake's kind. [`SibAsImmediate`](Self::SibAsImmediate) does not
    /// show in a value; the code tells ([`in_code`](Self::in_code)).
    ///
    /// ```
    /// use mmiotrace_core::{AccessKind, Width};
    /// use mmiotrace_decode::KernelMistake;
    ///
    /// let found = KernelMistake::in_record(AccessKind::Read, Width::W1, 0xffff_fffe);
    /// assert_eq!(found, Some(KernelMistake::SignExtended));
    /// ```
    #[must_use]
    pub const fn in_record(kind: AccessKind, width: Width, value: u64) -> Option<Self> {
        let fits = match width.max_u64() {
            Some(max) => value <= max,
            None => true,
        };
        match (kind, width.bytes()) {
            _ if fits => None,
            (AccessKind::Read, 1 | 2) => Some(Self::SignExtended),
            (AccessKind::Write, 4) => Some(Self::CodeAsImmediate),
            _ => None,
        }
    }

    /// The mistake that the kernel's tracer makes with this instruction; `code` must hold all of it.
    #[must_use]
    pub fn in_code(code: &[u8]) -> Option<Self> {
        let opcode = Opcode::find(code)?;
        match opcode.bytes {
            [0x0f, 0xbe | 0xbf] => Some(Self::SignExtended),
            [0xc6 | 0xc7, _] => {
                let modrm = *code.get(opcode.end)?;
                let sib = modrm & 7 == 4 && modrm < 0xc0;
                if sib {
                    Some(Self::SibAsImmediate)
                } else if opcode.wide && opcode.bytes[0] == 0xc7 {
                    Some(Self::CodeAsImmediate)
                } else {
                    None
                }
            }
            _ => None,
        }
    }

    /// The mistake in a sentence, without a full stop.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignExtended => {
                "the kernel's decoder logs the sign-extended register of a movsx, not the bytes read"
            }
            Self::SibAsImmediate => {
                "the kernel's decoder takes the SIB byte of a mov for the first byte of its immediate"
            }
            Self::CodeAsImmediate => {
                "the kernel's decoder logs a mov with REX.W as 4 bytes, with following code in the value; \
                 8 bytes were written, the sign-extended lower half of the value"
            }
        }
    }
}

impl core::fmt::Display for KernelMistake {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An opcode behind its prefixes, as the kernel's decoder finds it.
struct Opcode {
    /// One byte and 0, or 0F and another.
    bytes: [u8; 2],
    /// Where ModRM is.
    end: usize,
    operand_16: bool,
    wide: bool,
}

impl Opcode {
    /// The kernel skips these in any order and number, REX among them.
    fn find(code: &[u8]) -> Option<Self> {
        let (mut operand_16, mut wide) = (false, false);
        for (at, byte) in code.iter().enumerate() {
            match byte {
                0x66 => operand_16 = true,
                0x48..=0x4f => wide = true,
                0x40..=0x47
                | 0x67
                | 0x2e
                | 0x3e
                | 0x26
                | 0x64
                | 0x65
                | 0x36
                | 0xf0
                | 0xf2
                | 0xf3 => {}
                0x0f => {
                    let bytes = [0x0f, *code.get(at + 1)?];
                    return Some(Self {
                        bytes,
                        end: at + 2,
                        operand_16,
                        wide,
                    });
                }
                _ => {
                    return Some(Self {
                        bytes: [*byte, 0],
                        end: at + 1,
                        operand_16,
                        wide,
                    });
                }
            }
        }
        None
    }

    /// 66h wins over REX.W there, unlike in the CPU.
    const fn width(&self) -> Width {
        if self.operand_16 {
            Width::W2
        } else if self.wide {
            Width::W8
        } else {
            Width::W4
        }
    }
}

impl KernelView {
    /// What the kernel's tracer logs for the instruction at the beginning of `code`. For an immediate
    /// it looks at up to eight bytes, some of which may lie behind the instruction. `None` where the
    /// bytes end too early to tell.
    ///
    /// ```
    /// use mmiotrace_core::Width;
    /// use mmiotrace_decode::KernelView;
    ///
    /// // movb $0x5a, (%r12)
    /// let view = KernelView::of(&[0x41, 0xc6, 0x04, 0x24, 0x5a]);
    /// assert_eq!(view, Some(KernelView::Store { width: Width::W1, immediate: Some(0x24) }));
    /// ```
    #[must_use]
    pub fn of(code: &[u8]) -> Option<Self> {
        let opcode = Opcode::find(code)?;
        Some(match opcode.bytes {
            [0x8a, _] | [0x0f, 0xb6 | 0xbe] => Self::Load(Width::W1),
            [0x0f, 0xb7 | 0xbf] => Self::Load(Width::W2),
            [0x8b, _] => Self::Load(opcode.width()),
            [0x88 | 0xaa, _] => Self::Store {
                width: Width::W1,
                immediate: None,
            },
            [0x89 | 0xab, _] => Self::Store {
                width: opcode.width(),
                immediate: None,
            },
            [0xc6, _] => Self::Store {
                width: Width::W1,
                immediate: Some(immediate(code, &opcode, 1)?),
            },
            [0xc7, _] => {
                // The width in the record is 2 or 4; the value is as wide as the operand.
                let width = if opcode.operand_16 {
                    Width::W2
                } else {
                    Width::W4
                };
                let value = immediate(code, &opcode, opcode.width().as_usize())?;
                Self::Store {
                    width,
                    immediate: Some(value),
                }
            }
            _ => Self::Unknown,
        })
    }
}

/// What the kernel takes for the immediate: the bytes behind ModRM and the displacement that ModRM
/// names, SIB not counted.
fn immediate(code: &[u8], opcode: &Opcode, len: usize) -> Option<u64> {
    let modrm = *code.get(opcode.end)?;
    let displacement = match (modrm >> 6, modrm & 7) {
        (1, _) => 1,
        (2, _) | (0, 5) => 4,
        _ => 0,
    };
    let start = opcode.end + 1 + displacement;
    let bytes = code.get(start..start + len)?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | u64::from(*byte)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Instructions and what genuine logs of Linux 6.1 and 6.12 hold for them.
    #[test]
    fn the_known_mistakes() {
        let store = |width, value| {
            Some(KernelView::Store {
                width,
                immediate: Some(value),
            })
        };
        // movl $0xdeadbeef, (%rax,%rcx,1)
        let code = [0xc7, 0x04, 0x08, 0xef, 0xbe, 0xad, 0xde];
        assert_eq!(KernelView::of(&code), store(Width::W4, 0xadbe_ef08));
        assert_eq!(
            KernelMistake::in_code(&code),
            Some(KernelMistake::SibAsImmediate)
        );
        // movq $0x7eadbeef, (%rax), and the code behind it
        let code = [
            0x48, 0xc7, 0x00, 0xef, 0xbe, 0xad, 0x7e, 0x48, 0xc7, 0xc7, 0x1a,
        ];
        assert_eq!(
            KernelView::of(&code),
            store(Width::W4, 0x1ac7_c748_7ead_beef)
        );
        assert_eq!(
            KernelMistake::in_code(&code),
            Some(KernelMistake::CodeAsImmediate)
        );
        // movsbl (%rax), %ecx
        let code = [0x0f, 0xbe, 0x08];
        assert_eq!(KernelView::of(&code), Some(KernelView::Load(Width::W1)));
        assert_eq!(
            KernelMistake::in_code(&code),
            Some(KernelMistake::SignExtended)
        );
        // Right: movl $0xdeadbeef, 0x10(%rax)
        let code = [0xc7, 0x40, 0x10, 0xef, 0xbe, 0xad, 0xde];
        assert_eq!(KernelView::of(&code), store(Width::W4, 0xdead_beef));
        assert_eq!(KernelMistake::in_code(&code), None);
        // movsxd, rep movs, xchg
        for code in [&[0x48, 0x63, 0x00][..], &[0xf3, 0xa5], &[0x41, 0x87, 0x10]] {
            assert_eq!(KernelView::of(code), Some(KernelView::Unknown));
        }
    }
}
