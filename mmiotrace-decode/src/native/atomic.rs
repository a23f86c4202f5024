//! Atomic read-modify-write: one locked instruction of exact width.
#![expect(
    unsafe_code,
    reason = "locked operations whose flags are wanted cannot be said in safe Rust"
)]

use super::guarded::{guarded, may_fault};
use crate::{Locked, LockedOp};

/// A locked operation with a register operand, of which the flags tell what there is to know. The
/// flags are read after the label where a fault goes on: a recovered one is thrown away.
macro_rules! locked_flags {
    ($name:literal, $at:ident, $width:ident, $operand:expr) => {{
        let operand: u64 = $operand;
        let flags: u64;
        let done = match $width {
            1 => guarded!([""], concat!("lock ", $name, " byte ptr [{at}], {operand}"), ["pushfq\npop {flags}"],
                at = in(reg) $at, operand = in(reg_byte) operand as u8, flags = out(reg) flags),
            2 => guarded!([""], concat!("lock ", $name, " word ptr [{at}], {operand:x}"), ["pushfq\npop {flags}"],
                at = in(reg) $at, operand = in(reg) operand, flags = out(reg) flags),
            4 => guarded!([""], concat!("lock ", $name, " dword ptr [{at}], {operand:e}"), ["pushfq\npop {flags}"],
                at = in(reg) $at, operand = in(reg) operand, flags = out(reg) flags),
            8 => guarded!([""], concat!("lock ", $name, " qword ptr [{at}], {operand}"), ["pushfq\npop {flags}"],
                at = in(reg) $at, operand = in(reg) operand, flags = out(reg) flags),
            _ => return None,
        };
        done.then_some(Locked::Flags(flags))
    }};
}

/// `bts`, `btr`, `btc`: there is no form of one byte.
macro_rules! locked_bit {
    ($name:literal, $at:ident, $width:ident, $bit:ident) => {{
        let bit = u64::from($bit) & (8 * u64::from($width)).wrapping_sub(1);
        let flags: u64;
        let done = match $width {
            2 => guarded!([""], concat!("lock ", $name, " word ptr [{at}], {bit:x}"), ["pushfq\npop {flags}"],
                at = in(reg) $at, bit = in(reg) bit, flags = out(reg) flags),
            4 => guarded!([""], concat!("lock ", $name, " dword ptr [{at}], {bit:e}"), ["pushfq\npop {flags}"],
                at = in(reg) $at, bit = in(reg) bit, flags = out(reg) flags),
            8 => guarded!([""], concat!("lock ", $name, " qword ptr [{at}], {bit}"), ["pushfq\npop {flags}"],
                at = in(reg) $at, bit = in(reg) bit, flags = out(reg) flags),
            _ => return None,
        };
        done.then_some(Locked::Flags(flags))
    }};
}

/// `not` and `neg`.
macro_rules! locked_unary {
    ($name:literal, $at:ident, $width:ident) => {{
        let flags: u64;
        let done = match $width {
            1 => guarded!([""], concat!("lock ", $name, " byte ptr [{at}]"), ["pushfq\npop {flags}"],
                at = in(reg) $at, flags = out(reg) flags),
            2 => guarded!([""], concat!("lock ", $name, " word ptr [{at}]"), ["pushfq\npop {flags}"],
                at = in(reg) $at, flags = out(reg) flags),
            4 => guarded!([""], concat!("lock ", $name, " dword ptr [{at}]"), ["pushfq\npop {flags}"],
                at = in(reg) $at, flags = out(reg) flags),
            8 => guarded!([""], concat!("lock ", $name, " qword ptr [{at}]"), ["pushfq\npop {flags}"],
                at = in(reg) $at, flags = out(reg) flags),
            _ => return None,
        };
        done.then_some(Locked::Flags(flags))
    }};
}

/// `xchg` and `lock xadd`: the register has the old value afterwards.
macro_rules! locked_old {
    ($name:literal, $at:ident, $width:ident, $operand:ident) => {{
        let mut value: u64 = $operand;
        let done = if $width == 1 {
            let mut byte = value as u8;
            let done = guarded!(concat!($name, " byte ptr [{at}], {byte}"),
                at = in(reg) $at, byte = inout(reg_byte) byte);
            value = u64::from(byte);
            done
        } else {
            match $width {
                2 => guarded!(concat!($name, " word ptr [{at}], {value:x}"),
                    at = in(reg) $at, value = inout(reg) value),
                4 => guarded!(concat!($name, " dword ptr [{at}], {value:e}"),
                    at = in(reg) $at, value = inout(reg) value),
                8 => guarded!(concat!($name, " qword ptr [{at}], {value}"),
                    at = in(reg) $at, value = inout(reg) value),
                _ => return None,
            }
        };
        done.then_some(old($width, value))
    }};
}

/// The old value of `width` bytes, from a register that has more.
fn old(width: u8, value: u64) -> Locked {
    let cut = match width {
        1 => value & 0xff,
        2 => value & 0xffff,
        4 => value & 0xffff_ffff,
        _ => value,
    };
    Locked::Old(u128::from(cut))
}

/// One atomic read-modify-write of `width` bytes: 1, 2, 4, 8 (bit operations: not 1), and 16 for
/// `CompareExchange`. At any alignment, but 16 bytes must be aligned. `None` where the width is
/// another, or where it faulted and was recovered.
///
/// # Safety
/// As for [`read`](super::read) and [`write`](super::write) of these bytes.
#[must_use]
pub unsafe fn locked(at: *mut u8, width: u8, op: LockedOp) -> Option<Locked> {
    // SAFETY: The caller vouches for reading and writing these bytes. Each arm is one locked
    // instruction on them. Flags go over the stack, which the compiler leaves to `asm`.
    unsafe {
        match op {
            LockedOp::Exchange(value) => locked_old!("xchg", at, width, value),
            LockedOp::Add(value) => locked_old!("lock xadd", at, width, value),
            LockedOp::CompareExchange { expected, new } if width == 16 => pair(at, expected, new),
            LockedOp::CompareExchange { expected, new } => {
                compare(at, width, expected as u64, new as u64)
            }
            LockedOp::Or(value) => locked_flags!("or", at, width, value),
            LockedOp::And(value) => locked_flags!("and", at, width, value),
            LockedOp::Xor(value) => locked_flags!("xor", at, width, value),
            LockedOp::Not => locked_unary!("not", at, width),
            LockedOp::Neg => locked_unary!("neg", at, width),
            LockedOp::BitSet(bit) => locked_bit!("bts", at, width, bit),
            LockedOp::BitReset(bit) => locked_bit!("btr", at, width, bit),
            LockedOp::BitComplement(bit) => locked_bit!("btc", at, width, bit),
        }
    }
}

/// # Safety
/// As for [`locked`].
unsafe fn compare(at: *mut u8, width: u8, expected: u64, new: u64) -> Option<Locked> {
    let mut value = expected;
    // SAFETY: As in `locked`.
    let done = unsafe {
        match width {
            1 => guarded!("lock cmpxchg byte ptr [{at}], {new}",
                at = in(reg) at, new = in(reg_byte) new as u8, inout("rax") value),
            2 => guarded!("lock cmpxchg word ptr [{at}], {new:x}",
                at = in(reg) at, new = in(reg) new, inout("rax") value),
            4 => guarded!("lock cmpxchg dword ptr [{at}], {new:e}",
                at = in(reg) at, new = in(reg) new, inout("rax") value),
            8 => guarded!("lock cmpxchg qword ptr [{at}], {new}",
                at = in(reg) at, new = in(reg) new, inout("rax") value),
            _ => return None,
        }
    };
    done.then_some(old(width, value))
}

/// # Safety
/// As for [`locked`], with `at` aligned to 16 bytes.
unsafe fn pair(at: *mut u8, expected: u128, new: u128) -> Option<Locked> {
    let (mut low, mut high) = (expected as u64, (expected >> 64) as u64);
    // SAFETY: As in `locked`. The compiler keeps `rbx` to itself: it is exchanged before and after,
    // also on the way a fault takes, and no operand can be in it, as all others are named.
    unsafe {
        let failed: u64;
        core::arch::asm!(
            "xchg rdi, rbx",
            "mov r8d, 1",
            "2: lock cmpxchg16b xmmword ptr [rsi]",
            may_fault!(),
            "mov r8d, 0",
            "3:",
            "xchg rdi, rbx",
            inout("rdi") new as u64 => _,
            in("rsi") at,
            in("rcx") (new >> 64) as u64,
            inout("rax") low,
            inout("rdx") high,
            out("r8") failed,
        );
        (failed == 0).then_some(Locked::Old(u128::from(high) << 64 | u128::from(low)))
    }
}
