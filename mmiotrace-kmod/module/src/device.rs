//! Accesses of device memory: one instruction each, of exactly the width that is asked for.
#![expect(unsafe_code, reason = "device memory is reached by address")]

use core::arch::asm;
use mmiotrace_decode::LockedOp;

/// One read; `false` for a width that no plain load has.
pub(crate) fn read(alias: u64, into: &mut [u8]) -> bool {
    macro_rules! load {
        ($type:ty, $register:ident, $mov:literal) => {{
            let value: $type;
            // SAFETY: `alias` lies in the second mapping of a traced region, which lives until
            // every fault that might use it is over (Engine::detach). Asm, because a volatile load
            // of the language promises no width.
            unsafe { asm!($mov, out($register) value, in(reg) alias, options(nostack, preserves_flags)) };
            into.copy_from_slice(&value.to_le_bytes());
        }};
    }
    match into.len() {
        1 => load!(u8, reg_byte, "mov {0}, [{1}]"),
        2 => load!(u16, reg, "mov {0:x}, [{1}]"),
        4 => load!(u32, reg, "mov {0:e}, [{1}]"),
        8 => load!(u64, reg, "mov {0}, [{1}]"),
        _ => return false,
    }
    true
}

/// One write; `false` for a width that no plain store has.
pub(crate) fn write(alias: u64, bytes: &[u8], non_temporal: bool) -> bool {
    macro_rules! store {
        ($type:ty, $register:ident, $mov:literal) => {{
            let Ok(bytes) = bytes.try_into() else { return false };
            let value = <$type>::from_le_bytes(bytes);
            // SAFETY: as in `read`; the traced code writes there.
            unsafe { asm!($mov, in(reg) alias, in($register) value, options(nostack, preserves_flags)) };
        }};
    }
    match (bytes.len(), non_temporal) {
        (1, _) => store!(u8, reg_byte, "mov [{0}], {1}"),
        (2, _) => store!(u16, reg, "mov [{0}], {1:x}"),
        (4, false) => store!(u32, reg, "mov [{0}], {1:e}"),
        (4, true) => store!(u32, reg, "movnti [{0}], {1:e}"),
        (8, false) => store!(u64, reg, "mov [{0}], {1}"),
        (8, true) => store!(u64, reg, "movnti [{0}], {1}"),
        _ => return false,
    }
    true
}

/// What a locked operation showed.
pub(crate) enum Shown {
    Old(u128),
    Flags(u64),
}

/// One atomic read-modify-write; `None` for one that the CPU does not have in this width.
pub(crate) fn locked(alias: u64, width: u8, op: LockedOp) -> Option<Shown> {
    match op {
        LockedOp::Exchange(new) => exchange(alias, width, new),
        LockedOp::Add(add) => exchange_add(alias, width, add),
        LockedOp::CompareExchange { expected, new } => compare_exchange(alias, width, expected, new),
        LockedOp::Or(value) => logic(alias, width, Logic::Or, value),
        LockedOp::And(value) => logic(alias, width, Logic::And, value),
        LockedOp::Xor(value) => logic(alias, width, Logic::Xor, value),
        LockedOp::Not => logic(alias, width, Logic::Not, 0),
        LockedOp::Neg => logic(alias, width, Logic::Neg, 0),
        LockedOp::BitSet(bit) => bits(alias, width, Bits::Set, bit),
        LockedOp::BitReset(bit) => bits(alias, width, Bits::Reset, bit),
        LockedOp::BitComplement(bit) => bits(alias, width, Bits::Complement, bit),
        _ => None,
    }
}

/// One instruction with a register that goes in and comes out.
macro_rules! in_and_out {
    ($alias:expr, $width:expr, $value:expr, $instruction:literal) => {{
        macro_rules! one {
            ($type:ty, $register:ident, $modifier:literal) => {{
                let mut value = $value as $type;
                // SAFETY: as in `read`: the traced code does the same to the same device memory.
                unsafe {
                    asm!(concat!($instruction, " [{0}], {1", $modifier, "}"),
                        in(reg) $alias, inout($register) value, options(nostack));
                }
                u128::from(value)
            }};
        }
        Some(Shown::Old(match $width {
            1 => one!(u8, reg_byte, ""),
            2 => one!(u16, reg, ":x"),
            4 => one!(u32, reg, ":e"),
            8 => one!(u64, reg, ":r"),
            _ => return None,
        }))
    }};
}

fn exchange(alias: u64, width: u8, new: u64) -> Option<Shown> {
    in_and_out!(alias, width, new, "xchg")
}

fn exchange_add(alias: u64, width: u8, add: u64) -> Option<Shown> {
    in_and_out!(alias, width, add, "lock xadd")
}

fn compare_exchange(alias: u64, width: u8, expected: u128, new: u128) -> Option<Shown> {
    macro_rules! one {
        ($type:ty, $register:ident, $accumulator:tt, $instruction:literal) => {{
            let mut old = expected as $type;
            // SAFETY: as in `read`.
            unsafe {
                asm!($instruction, in(reg) alias, in($register) new as $type,
                    inout($accumulator) old, options(nostack));
            }
            u128::from(old)
        }};
    }
    Some(Shown::Old(match width {
        1 => one!(u8, reg_byte, "al", "lock cmpxchg [{0}], {1}"),
        2 => one!(u16, reg, "ax", "lock cmpxchg [{0}], {1:x}"),
        4 => one!(u32, reg, "eax", "lock cmpxchg [{0}], {1:e}"),
        8 => one!(u64, reg, "rax", "lock cmpxchg [{0}], {1}"),
        16 => compare_exchange_16(alias, expected, new),
        _ => return None,
    }))
}

fn compare_exchange_16(alias: u64, expected: u128, new: u128) -> u128 {
    let (mut low, mut high) = (expected as u64, (expected >> 64) as u64);
    // SAFETY: as in `read`; the traced code executed the same instruction, so the CPU has it. The
    // compiler keeps rbx for itself: it is put back.
    unsafe {
        asm!("xchg {new}, rbx", "lock cmpxchg16b [{alias}]", "mov rbx, {new}",
            alias = in(reg) alias, new = inout(reg) new as u64 => _, in("rcx") (new >> 64) as u64,
            inout("rax") low, inout("rdx") high, options(nostack));
    }
    u128::from(low) | u128::from(high) << 64
}

#[derive(Clone, Copy)]
enum Logic {
    Or,
    And,
    Xor,
    Not,
    Neg,
}

/// One locked instruction of which only the flags come back.
macro_rules! flags_of {
    ($alias:expr, $type:ty, $register:ident, $value:expr, $instruction:expr) => {{
        let flags: u64;
        // SAFETY: as in `read`; the stack is used below the red zone that the target does not have.
        unsafe {
            asm!($instruction, "pushfq", "pop {2}",
                in(reg) $alias, in($register) $value as $type, lateout(reg) flags);
        }
        Some(Shown::Flags(flags))
    }};
}

fn logic(alias: u64, width: u8, op: Logic, value: u64) -> Option<Shown> {
    macro_rules! by_width {
        ($name:literal) => {
            match width {
                1 => flags_of!(alias, u8, reg_byte, value, concat!("lock ", $name, " [{0}], {1}")),
                2 => flags_of!(alias, u16, reg, value, concat!("lock ", $name, " [{0}], {1:x}")),
                4 => flags_of!(alias, u32, reg, value, concat!("lock ", $name, " [{0}], {1:e}")),
                8 => flags_of!(alias, u64, reg, value, concat!("lock ", $name, " [{0}], {1}")),
                _ => None,
            }
        };
    }
    macro_rules! unary {
        ($name:literal) => {
            match width {
                1 => flags_of!(alias, u64, reg, value, concat!("lock ", $name, " byte ptr [{0}] /* {1} */")),
                2 => flags_of!(alias, u64, reg, value, concat!("lock ", $name, " word ptr [{0}] /* {1} */")),
                4 => flags_of!(alias, u64, reg, value, concat!("lock ", $name, " dword ptr [{0}] /* {1} */")),
                8 => flags_of!(alias, u64, reg, value, concat!("lock ", $name, " qword ptr [{0}] /* {1} */")),
                _ => None,
            }
        };
    }
    match op {
        Logic::Or => by_width!("or"),
        Logic::And => by_width!("and"),
        Logic::Xor => by_width!("xor"),
        Logic::Not => unary!("not"),
        Logic::Neg => unary!("neg"),
    }
}

#[derive(Clone, Copy)]
enum Bits {
    Set,
    Reset,
    Complement,
}

fn bits(alias: u64, width: u8, op: Bits, bit: u8) -> Option<Shown> {
    // The number is below the width: the register form then accesses what the immediate form does.
    if u32::from(bit) >= 8 * u32::from(width) {
        return None;
    }
    macro_rules! by_width {
        ($name:literal) => {
            match width {
                2 => flags_of!(alias, u16, reg, bit, concat!("lock ", $name, " [{0}], {1:x}")),
                4 => flags_of!(alias, u32, reg, bit, concat!("lock ", $name, " [{0}], {1:e}")),
                8 => flags_of!(alias, u64, reg, bit, concat!("lock ", $name, " [{0}], {1}")),
                _ => None,
            }
        };
    }
    match op {
        Bits::Set => by_width!("bts"),
        Bits::Reset => by_width!("btr"),
        Bits::Complement => by_width!("btc"),
    }
}
