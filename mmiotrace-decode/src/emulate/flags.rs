//! The arithmetic flags (Intel SDM volume 1, section 3.4.3.1, and each instruction's page).

pub(crate) const CF: u64 = 1 << 0;
pub(crate) const PF: u64 = 1 << 2;
pub(crate) const AF: u64 = 1 << 4;
pub(crate) const ZF: u64 = 1 << 6;
pub(crate) const SF: u64 = 1 << 7;
pub(crate) const DF: u64 = 1 << 10;
pub(crate) const OF: u64 = 1 << 11;
/// All six.
pub(crate) const ARITHMETIC: u64 = CF | PF | AF | ZF | SF | OF;

/// Whether condition `code` (0 to 15 as in `jcc`, `setcc`, `cmovcc`) holds (Intel SDM volume 1,
/// appendix B).
pub(crate) const fn condition(code: u8, rflags: u64) -> bool {
    let less = (rflags & SF != 0) != (rflags & OF != 0);
    let holds = match code >> 1 & 7 {
        0 => rflags & OF != 0,
        1 => rflags & CF != 0,
        2 => rflags & ZF != 0,
        3 => rflags & (CF | ZF) != 0,
        4 => rflags & SF != 0,
        5 => rflags & PF != 0,
        6 => less,
        _ => less || rflags & ZF != 0,
    };
    holds != (code & 1 == 1)
}

/// The number of bits in an operand of `width` bytes.
pub(crate) const fn bits(width: u8) -> u32 {
    8 * width as u32
}

/// All ones in an operand of `width` bytes (1 to 8).
pub(crate) const fn mask(width: u8) -> u64 {
    u64::MAX >> (64 - bits(if width == 0 || width > 8 { 8 } else { width }))
}

/// The top bit of an operand.
pub(crate) const fn top(value: u64, width: u8) -> bool {
    value >> (bits(width) - 1) & 1 == 1
}

/// `flag` where `condition` holds.
pub(crate) const fn when(condition: bool, flag: u64) -> u64 {
    if condition { flag } else { 0 }
}

/// SF, ZF and PF of a result.
pub(crate) const fn of_result(result: u64, width: u8) -> u64 {
    let result = result & mask(width);
    when(result == 0, ZF)
        | when(top(result, width), SF)
        | when((result as u8).count_ones().is_multiple_of(2), PF)
}

/// `rflags` with the flags in `which` replaced by those of `new`.
pub(crate) const fn replace(rflags: u64, which: u64, new: u64) -> u64 {
    rflags & !which | new & which
}
