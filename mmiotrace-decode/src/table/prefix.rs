//! Prefixes, as far as the table goes into them.

use super::Window;
use crate::Segment;
use crate::operation::{Operation, flag};

/// The prefixes of an instruction.
#[derive(Clone, Copy)]
pub(super) struct Prefixes {
    /// How many bytes, REX included.
    pub(super) len: usize,
    rex: u8,
    pub(super) operand_16: bool,
    pub(super) address_32: bool,
    pub(super) lock: bool,
    /// F2 or F3, whichever came last; 0 for none.
    pub(super) repeat: u8,
    pub(super) segment: Option<Segment>,
}

/// Bits of `KINDS`.
const LEGACY: u8 = 1;
const REX: u8 = 2;

/// What each byte is as a prefix.
static KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte {
            0x26 | 0x2e | 0x36 | 0x3e | 0x64..=0x67 | 0xf0 | 0xf2 | 0xf3 => LEGACY,
            0x40..=0x4f => REX,
            _ => 0,
        };
        byte += 1;
    }
    kinds
};

impl Prefixes {
    /// A REX prefix or none; `None` where there are others.
    #[inline(always)]
    pub(super) fn rex_only(window: Window<'_>) -> Option<Self> {
        let first = window.byte(0);
        // REX is there or not, as it happens: no branch.
        let has_rex = KINDS[usize::from(first)] == REX;
        let len = usize::from(has_rex);
        let rex = if has_rex { first } else { 0 };
        let plain = KINDS[usize::from(window.byte(len))] == 0;
        plain.then_some(Self {
            len,
            rex,
            ..Self::NONE
        })
    }

    const NONE: Self = Self {
        len: 0,
        rex: 0,
        operand_16: false,
        address_32: false,
        lock: false,
        repeat: 0,
        segment: None,
    };

    /// All of them. `None` where a REX prefix is not the last: then it does not count, which is rare
    /// enough to leave to iced.
    pub(super) fn parse(window: Window<'_>) -> Option<Self> {
        let mut prefixes = Self::NONE;
        loop {
            let byte = window.byte(prefixes.len);
            match byte {
                0x40..=0x4f => {
                    prefixes.rex = byte;
                    prefixes.len += 1;
                    let next = window.byte(prefixes.len);
                    return (KINDS[usize::from(next)] == 0).then_some(prefixes);
                }
                0x66 => prefixes.operand_16 = true,
                0x67 => prefixes.address_32 = true,
                0xf0 => prefixes.lock = true,
                0xf2 | 0xf3 => prefixes.repeat = byte,
                0x64 => prefixes.segment = Some(Segment::Fs),
                0x65 => prefixes.segment = Some(Segment::Gs),
                0x26 | 0x2e | 0x36 | 0x3e => {}
                _ => return Some(prefixes),
            }
            prefixes.len += 1;
            if prefixes.len > 14 {
                return None;
            }
        }
    }

    #[inline(always)]
    pub(super) const fn has_rex(&self) -> bool {
        self.rex != 0
    }

    /// The operand size as an index: 0 for 4 bytes, 1 for 2, 2 for 8. REX.W wins over 66h.
    #[inline(always)]
    pub(super) const fn size(&self) -> usize {
        let wide = (self.rex >> 3 & 1) as usize;
        2 * wide + (self.operand_16 as usize & (1 - wide))
    }

    /// REX.R as the fourth bit of a register number.
    #[inline(always)]
    pub(super) const fn rex_r(&self) -> u8 {
        self.rex << 1 & 8
    }

    /// REX.X as the fourth bit of a register number.
    #[inline(always)]
    pub(super) const fn rex_x(&self) -> u8 {
        self.rex << 2 & 8
    }

    /// REX.B as the fourth bit of a register number.
    #[inline(always)]
    pub(super) const fn rex_b(&self) -> u8 {
        self.rex << 3 & 8
    }

    /// What the prefixes make of a string instruction; `None` where that is not for the table.
    pub(super) fn string_flags(&self, operation: Operation) -> Option<u16> {
        if self.lock {
            return None;
        }
        let compares = matches!(operation, Operation::Cmps | Operation::Scas);
        let repeat = match self.repeat {
            0xf3 => flag::REP,
            0xf2 if compares => flag::REPNE,
            // What `repne` does to the others is not documented, though it repeats.
            0xf2 => return None,
            _ => 0,
        };
        // What is left after no element is for the maker to say.
        if self.address_32 && repeat != 0 {
            return None;
        }
        Some(repeat | if self.address_32 { flag::ADDRESS_32 } else { 0 })
    }
}
