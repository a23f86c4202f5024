//! ModRM and SIB (Intel SDM volume 2, tables 2-2 and 2-3).

use super::Window;
use super::prefix::Prefixes;
use crate::MemoryOperand;
use crate::operand::{NONE, RIP};

/// The memory operand whose ModRM byte is at `at`, and how many bytes it takes. `None` where the
/// operand is a register.
pub(super) fn parse(
    window: &Window,
    at: usize,
    prefixes: &Prefixes,
) -> Option<(MemoryOperand, usize)> {
    let modrm = window.byte(at);
    let (mode, rm) = (modrm >> 6, modrm & 7);
    if mode == 3 {
        return None;
    }
    let mut base = rm | prefixes.rex_b();
    let mut index = NONE;
    let mut scale = 0;
    let mut len = 1;
    if rm == 4 {
        let sib = window.byte(at + 1);
        len = 2;
        base = sib & 7 | prefixes.rex_b();
        let number = sib >> 3 & 7 | prefixes.rex_x();
        if number != 4 {
            index = number;
            scale = sib >> 6;
        }
    }
    // Base 5 (and 13) without displacement stands for a displacement without base.
    let bare = mode == 0 && base & 7 == 5;
    if bare {
        base = if rm == 5 { RIP } else { NONE };
    }
    let displacement = match mode {
        1 => {
            len += 1;
            i64::from(window.byte(at + len - 1) as i8)
        }
        0 if !bare => 0,
        _ => {
            len += 4;
            i64::from(window.dword(at + len - 4))
        }
    };
    let memory = MemoryOperand::absolute(displacement)
        .with_base(base)
        .with_index(index, scale)
        .with_segment(prefixes.segment)
        .with_address_32(prefixes.address_32);
    Some((memory, len))
}

/// What a string instruction keeps of an operand: the segment of `rsi`.
pub(super) const fn segment_only(prefixes: &Prefixes) -> MemoryOperand {
    MemoryOperand::absolute(0).with_segment(prefixes.segment)
}
