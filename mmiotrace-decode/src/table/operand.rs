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
        let (mut base, mut index, mut scale, mut len) = (rm | prefixes.rex_b(), NONE, 0, 1);
        if rm == 4 {
            let sib = window.byte(at + 1);
            len = 2;
            base = sib & 7 | prefixes.rex_b();
            let number = sib >> 3 & 7 | prefixes.rex_x();
            if number != 4 {
                (index, scale) = (number, sib >> 6);
            }
        }
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

/// The lowest 0, 1 or 4 bytes, sign-extended; selected, not branched on.
#[inline(always)]
const fn displacement(dword: u32, bytes: u8) -> i64 {
    // Up to the top and down again: what is above falls out. A shift by 64 is one by 32, twice.
    let up = 32 - 4 * bytes as u32;
    let top = (dword as u64) << up << up;
    top as i64 >> up >> up
}
