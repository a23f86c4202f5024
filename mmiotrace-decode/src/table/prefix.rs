//! Prefixes, as far as the table goes into them.

use super::Window;
use crate::Segment;

/// The prefixes of an instruction.
#[derive(Clone, Copy)]
pub(super) struct Prefixes {
    /// How many bytes, REX included.
    pub(super) len: usize,
    rex: u8,
    operand_16: bool,
    pub(super) address_32: bool,
    pub(super) lock: bool,
    /// F2 or F3, whichever came last; 0 for none.
    pub(super) repeat: u8,
    pub(super) segment: Option<Segment>,
}

impl Prefixes {
    /// `None` where a REX prefix is not the last: then it does not count, which is rare enough to
    /// leave to iced.
    pub(super) fn parse(window: &Window) -> Option<Self> {
        let mut prefixes = Self {
            len: 0,
            rex: 0,
            operand_16: false,
            address_32: false,
            lock: false,
            repeat: 0,
            segment: None,
        };
        loop {
            let byte = window.byte(prefixes.len);
            match byte {
                0x40..=0x4f => {
                    prefixes.rex = byte;
                    prefixes.len += 1;
                    let next = window.byte(prefixes.len);
                    return (!is_prefix(next)).then_some(prefixes);
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

    pub(super) const fn has_rex(&self) -> bool {
        self.rex != 0
    }

    pub(super) const fn operand_16(&self) -> bool {
        self.operand_16
    }

    pub(super) const fn operand_width(&self) -> u8 {
        if self.rex & 8 != 0 {
            8
        } else if self.operand_16 {
            2
        } else {
            4
        }
    }

    /// REX.R as the fourth bit of a register number.
    pub(super) const fn rex_r(&self) -> u8 {
        self.rex << 1 & 8
    }

    /// REX.X as the fourth bit of a register number.
    pub(super) const fn rex_x(&self) -> u8 {
        self.rex << 2 & 8
    }

    /// REX.B as the fourth bit of a register number.
    pub(super) const fn rex_b(&self) -> u8 {
        self.rex << 3 & 8
    }
}

const fn is_prefix(byte: u8) -> bool {
    matches!(
        byte,
        0x26 | 0x2e | 0x36 | 0x3e | 0x40..=0x4f | 0x64..=0x67 | 0xf0 | 0xf2 | 0xf3
    )
}
