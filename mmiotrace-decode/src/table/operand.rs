//! ModRM and SIB (Intel SDM volume 2, tables 2-2 and 2-3).

use super::Window;
use super::prefix::Prefixes;
use crate::MemoryOperand;
use crate::operand::{NONE, RIP};

/// A memory operand and how many bytes it takes, ModRM included.
pub(super) struct Operand {
    pub(super) memory: MemoryOperand,
    pub(super) len: usize,
}

/// Bytes of displacement by ModRM.mod.
const DISPLACEMENTS: [u8; 4] = [0, 1, 4, 0];

impl Operand {
    /// The operand whose ModRM byte is at `at`. `None` where it is a register.
    #[inline(always)]
    pub(super) fn parse(window: Window<'_>, at: usize, prefixes: &Prefixes) -> Option<Self> {
        let modrm = window.byte(at);
        let (mode, rm) = (modrm >> 6, modrm & 7);
        if mode == 3 {
            return None;
        }
        // A SIB byte is there or not, and it has an index or not, as it happens: masks, no branches.
        let has_sib = rm == 4;
        let sib = select(has_sib, window.byte(at + 1), rm);
        let len = 1 + usize::from(has_sib);
        let mut base = sib & 7 | prefixes.rex_b();
        let number = sib >> 3 & 7 | prefixes.rex_x();
        let has_index = has_sib & (number != 4);
        let index = select(has_index, number, NONE);
        let scale = select(has_index, sib >> 6, 0);
        // Base 5 (and 13) without displacement stands for a displacement without base.
        let bare = mode == 0 && base & 7 == 5;
        if bare {
            base = if rm == 5 { RIP } else { NONE };
        }
        let bytes = if bare {
            4
        } else {
            DISPLACEMENTS[usize::from(mode)]
        };
        let memory = MemoryOperand::absolute(displacement(window.dword(at + len), bytes))
            .with_base(base)
            .with_index(index, scale)
            .with_segment(prefixes.segment)
            .with_address_32(prefixes.address_32);
        Some(Self {
            memory,
            len: len + usize::from(bytes),
        })
    }
}

/// One or the other; compilers make a branch of an `if`.
#[inline(always)]
const fn select(condition: bool, one: u8, other: u8) -> u8 {
    let mask = (condition as u8).wrapping_neg();
    one & mask | other & !mask
}

/// The lowest 0, 1 or 4 bytes, sign-extended; selected, not branched on.
#[inline(always)]
const fn displacement(dword: u32, bytes: u8) -> i64 {
    // Up to the top and down again: what is above falls out. A shift by 64 is one by 32, twice.
    let up = 32 - 4 * bytes as u32;
    let top = (dword as u64) << up << up;
    top as i64 >> up >> up
}
