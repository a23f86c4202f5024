//! Operations that leave flags, or results, to the CPU: done by this CPU, on registers.
//!
//! The architecture leaves some flags undefined after shifts, multiplications, divisions and bit
//! scans, and the result of a double shift of 16 bits by more; a program sees them all the same. What
//! is computed here is what the instruction itself leaves, whoever made the CPU.
#![expect(unsafe_code, reason = "flags cannot be had in safe Rust")]

use crate::operation::Operation;
use core::arch::asm;

/// A result, its upper half where there is one, and the flags register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Computed {
    pub(crate) low: u64,
    pub(crate) high: u64,
    pub(crate) rflags: u64,
}

/// The six arithmetic flags.
const ARITHMETIC: u64 = 0x8d5;

/// Runs `code` with the arithmetic flags of `flags`, and stores those after it there. Nothing else of
/// the flags register changes: the others are put back as they were read.
macro_rules! with_flags {
    ($flags:ident, $code:expr, $($operands:tt)*) => {
        // SAFETY: One instruction on registers that cannot fault (a division is checked before), between
        // others that use the stack as `asm!` allows; the flags it leaves are declared clobbered.
        unsafe {
            asm!(
                "pushfq",
                "pop {all}",
                "and {all}, -2262",
                "or {all}, {flags}",
                "push {all}",
                "popfq",
                $code,
                "pushfq",
                "pop {flags}",
                all = out(reg) _,
                flags = inout(reg) $flags,
                $($operands)*
            );
        }
    };
}

macro_rules! shift {
    ($name:literal, $width:ident, $value:ident, $count:ident, $flags:ident) => {{
        let count = $count as u8;
        match $width {
            1 => {
                let mut value = $value as u8;
                with_flags!($flags, concat!($name, " {value}, cl"),
                    value = inout(reg_byte) value, in("cl") count);
                $value = u64::from(value);
            }
            2 => with_flags!($flags, concat!($name, " {value:x}, cl"),
                value = inout(reg) $value, in("cl") count),
            4 => with_flags!($flags, concat!($name, " {value:e}, cl"),
                value = inout(reg) $value, in("cl") count),
            _ => with_flags!($flags, concat!($name, " {value}, cl"),
                value = inout(reg) $value, in("cl") count),
        }
    }};
}

macro_rules! double {
    ($name:literal, $width:ident, $value:ident, $other:ident, $count:ident, $flags:ident) => {{
        let count = $count as u8;
        match $width {
            2 => with_flags!($flags, concat!($name, " {value:x}, {other:x}, cl"),
                value = inout(reg) $value, other = in(reg) $other, in("cl") count),
            4 => with_flags!($flags, concat!($name, " {value:e}, {other:e}, cl"),
                value = inout(reg) $value, other = in(reg) $other, in("cl") count),
            _ => with_flags!($flags, concat!($name, " {value}, {other}, cl"),
                value = inout(reg) $value, other = in(reg) $other, in("cl") count),
        }
    }};
}

/// A shift or rotation of `value` by `count`; `other` is what `shld` and `shrd` shift in.
pub(crate) fn shift(
    operation: Operation,
    width: u8,
    value: u64,
    other: u64,
    count: u64,
    rflags: u64,
) -> Computed {
    let (mut value, mut flags) = (value, rflags & ARITHMETIC);
    match operation {
        Operation::Rol => shift!("rol", width, value, count, flags),
        Operation::Ror => shift!("ror", width, value, count, flags),
        Operation::Rcl => shift!("rcl", width, value, count, flags),
        Operation::Rcr => shift!("rcr", width, value, count, flags),
        Operation::Shl => shift!("shl", width, value, count, flags),
        Operation::Shr => shift!("shr", width, value, count, flags),
        Operation::Sar => shift!("sar", width, value, count, flags),
        Operation::Shld => double!("shld", width, value, other, count, flags),
        _ => double!("shrd", width, value, other, count, flags),
    }
    computed(width, value, 0, rflags, flags)
}

/// A multiplication or division of `rdx:rax` by one operand; of `ax` for one byte.
macro_rules! wide {
    ($name:literal, $width:ident, $low:ident, $high:ident, $operand:ident, $flags:ident) => {
        match $width {
            1 => {
                let operand = $operand as u8;
                with_flags!($flags, concat!($name, " {operand}"),
                    operand = in(reg_byte) operand, inout("rax") $low);
                $high = $low >> 8;
            }
            2 => with_flags!($flags, concat!($name, " {operand:x}"),
                operand = in(reg) $operand, inout("rax") $low, inout("rdx") $high),
            4 => with_flags!($flags, concat!($name, " {operand:e}"),
                operand = in(reg) $operand, inout("rax") $low, inout("rdx") $high),
            _ => with_flags!($flags, concat!($name, " {operand}"),
                operand = in(reg) $operand, inout("rax") $low, inout("rdx") $high),
        }
    };
}

/// `mul`, or `imul` with one operand: the product in two halves.
pub(crate) fn multiply(signed: bool, width: u8, left: u64, right: u64, rflags: u64) -> Computed {
    let (mut low, mut high, mut flags) = (left, 0, rflags & ARITHMETIC);
    if signed {
        wide!("imul", width, low, high, right, flags);
    } else {
        wide!("mul", width, low, high, right, flags);
    }
    computed(width, low, high, rflags, flags)
}

/// `imul` with two or three operands: the lower half of the product.
pub(crate) fn multiply_low(width: u8, left: u64, right: u64, rflags: u64) -> Computed {
    let (mut value, mut flags) = (left, rflags & ARITHMETIC);
    match width {
        2 => with_flags!(flags, "imul {value:x}, {right:x}",
            value = inout(reg) value, right = in(reg) right),
        4 => with_flags!(flags, "imul {value:e}, {right:e}",
            value = inout(reg) value, right = in(reg) right),
        _ => with_flags!(flags, "imul {value}, {right}",
            value = inout(reg) value, right = in(reg) right),
    }
    computed(width, value, 0, rflags, flags)
}

/// `div` or `idiv`: quotient, remainder and flags.
///
/// # Safety
/// The division raises no exception: `alu::divide` has a result for it.
pub(crate) unsafe fn divide(
    signed: bool,
    width: u8,
    (low, high): (u64, u64),
    divisor: u64,
    rflags: u64,
) -> Computed {
    // For one byte the dividend is in `ax`.
    let low = if width == 1 {
        low & 0xff | (high & 0xff) << 8
    } else {
        low
    };
    let (mut low, mut high, mut flags) = (low, high, rflags & ARITHMETIC);
    if signed {
        wide!("idiv", width, low, high, divisor, flags);
    } else {
        wide!("div", width, low, high, divisor, flags);
    }
    computed(width, low, high, rflags, flags)
}

/// `bsf` or `bsr`: all of the destination, which holds `destination` before.
pub(crate) fn scan(
    forward: bool,
    width: u8,
    value: u64,
    destination: u64,
    rflags: u64,
) -> Computed {
    let (mut found, mut flags) = (destination, rflags & ARITHMETIC);
    match (forward, width) {
        (true, 2) => with_flags!(flags, "bsf {found:x}, {value:x}",
            found = inout(reg) found, value = in(reg) value),
        (true, 4) => with_flags!(flags, "bsf {found:e}, {value:e}",
            found = inout(reg) found, value = in(reg) value),
        (true, _) => with_flags!(flags, "bsf {found}, {value}",
            found = inout(reg) found, value = in(reg) value),
        (false, 2) => with_flags!(flags, "bsr {found:x}, {value:x}",
            found = inout(reg) found, value = in(reg) value),
        (false, 4) => with_flags!(flags, "bsr {found:e}, {value:e}",
            found = inout(reg) found, value = in(reg) value),
        (false, _) => with_flags!(flags, "bsr {found}, {value}",
            found = inout(reg) found, value = in(reg) value),
    }
    // The destination is given whole.
    computed(8, found, 0, rflags, flags)
}

/// Cut to the operand's width, with the arithmetic flags put into the flags register.
fn computed(width: u8, low: u64, high: u64, rflags: u64, flags: u64) -> Computed {
    let mask = u64::MAX >> (64 - 8 * u32::from(width.clamp(1, 8)));
    Computed {
        low: low & mask,
        high: high & mask,
        rflags: rflags & !ARITHMETIC | flags & ARITHMETIC,
    }
}
