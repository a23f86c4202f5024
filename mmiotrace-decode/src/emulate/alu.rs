//! Addition, subtraction, logic: results and flags.

use super::flags::{AF, ARITHMETIC, CF, OF, ZF, mask, of_result, replace, top, when};
use crate::operation::Operation;

/// What an operation gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The result, cut to the operand's width.
    pub(super) result: u64,
    /// The whole flags register afterwards.
    pub(super) rflags: u64,
}

/// `left` op `right`, both cut to `width` bytes first. For `cmp` and `test` the result is what
/// would be thrown away. One operand (`inc`, `neg`, …): `left`.
pub(super) fn compute(
    operation: Operation,
    width: u8,
    left: u64,
    right: u64,
    rflags: u64,
) -> Outcome {
    let (left, right) = (left & mask(width), right & mask(width));
    let carry = rflags & CF;
    match operation {
        Operation::Add | Operation::Xadd => add(width, left, right, 0, rflags),
        Operation::Adc => add(width, left, right, carry, rflags),
        Operation::Sub | Operation::Cmp | Operation::Cmpxchg => {
            subtract(width, left, right, 0, rflags)
        }
        Operation::Sbb => subtract(width, left, right, carry, rflags),
        Operation::Inc => keep_carry(add(width, left, 1, 0, rflags), rflags),
        Operation::Dec => keep_carry(subtract(width, left, 1, 0, rflags), rflags),
        Operation::Neg => subtract(width, 0, left, 0, rflags),
        Operation::Not => Outcome {
            result: !left & mask(width),
            rflags,
        },
        Operation::And | Operation::Test => logic(width, left & right, rflags),
        Operation::Or => logic(width, left | right, rflags),
        Operation::Xor => logic(width, left ^ right, rflags),
        _ => Outcome {
            result: left,
            rflags,
        },
    }
}

fn add(width: u8, left: u64, right: u64, carry: u64, rflags: u64) -> Outcome {
    let sum = u128::from(left) + u128::from(right) + u128::from(carry);
    let result = sum as u64 & mask(width);
    let new = of_result(result, width)
        | when(sum > u128::from(mask(width)), CF)
        | when((left ^ right ^ result) & 0x10 != 0, AF)
        | when(top((left ^ result) & (right ^ result), width), OF);
    Outcome {
        result,
        rflags: replace(rflags, ARITHMETIC, new),
    }
}

fn subtract(width: u8, left: u64, right: u64, borrow: u64, rflags: u64) -> Outcome {
    let result = left.wrapping_sub(right).wrapping_sub(borrow) & mask(width);
    let new = of_result(result, width)
        | when(
            u128::from(left) < u128::from(right) + u128::from(borrow),
            CF,
        )
        | when((left ^ right ^ result) & 0x10 != 0, AF)
        | when(top((left ^ right) & (left ^ result), width), OF);
    Outcome {
        result,
        rflags: replace(rflags, ARITHMETIC, new),
    }
}

/// AF is undefined after logic; every CPU known clears it.
fn logic(width: u8, result: u64, rflags: u64) -> Outcome {
    Outcome {
        result,
        rflags: replace(rflags, ARITHMETIC, of_result(result, width)),
    }
}

/// `inc` and `dec` leave CF alone.
const fn keep_carry(outcome: Outcome, before: u64) -> Outcome {
    Outcome {
        result: outcome.result,
        rflags: replace(outcome.rflags, CF, before),
    }
}

/// `mul` and one-operand `imul`: the double-width product as (low, high), and the flags. SF, ZF, AF
/// and PF are undefined and left alone.
#[cfg_attr(
    all(feature = "native", target_arch = "x86_64", not(test)),
    expect(dead_code, reason = "the CPU does it instead")
)]
pub(super) fn multiply(
    signed: bool,
    width: u8,
    left: u64,
    right: u64,
    rflags: u64,
) -> (u64, u64, u64) {
    let shift = super::flags::bits(width);
    let (product, overflow) = if signed {
        let product = i128::from(super::sign_extend(left, width) as i64)
            * i128::from(super::sign_extend(right, width) as i64);
        let low = super::sign_extend(product as u64 & mask(width), width) as i64;
        (product as u128, product != i128::from(low))
    } else {
        let product = u128::from(left & mask(width)) * u128::from(right & mask(width));
        (product, product > u128::from(mask(width)))
    };
    let flags = replace(rflags, CF | OF, when(overflow, CF | OF));
    (
        product as u64 & mask(width),
        (product >> shift) as u64 & mask(width),
        flags,
    )
}

/// `div` and `idiv`: (quotient, remainder), or `None` for #DE. All flags are undefined and left
/// alone.
pub(super) fn divide(
    signed: bool,
    width: u8,
    low: u64,
    high: u64,
    divisor: u64,
) -> Option<(u64, u64)> {
    let shift = super::flags::bits(width);
    let dividend = u128::from(high & mask(width)) << shift | u128::from(low & mask(width));
    if signed {
        let dividend = (dividend << (128 - 2 * shift)) as i128 >> (128 - 2 * shift);
        let divisor = i128::from(super::sign_extend(divisor, width) as i64);
        let quotient = dividend.checked_div(divisor)?;
        let fits =
            i128::from(super::sign_extend(quotient as u64 & mask(width), width) as i64) == quotient;
        fits.then_some((
            quotient as u64 & mask(width),
            (dividend % divisor) as u64 & mask(width),
        ))
    } else {
        let divisor = u128::from(divisor & mask(width));
        let quotient = dividend.checked_div(divisor)?;
        (quotient <= u128::from(mask(width)))
            .then_some((quotient as u64, (dividend % divisor) as u64))
    }
}

/// `bsf` and `bsr`: the bit number, or `None` for zero (the destination then stays as it is, on
/// every CPU known, and as AMD documents), and the flags; all but ZF are undefined and left alone.
#[cfg_attr(
    all(feature = "native", target_arch = "x86_64", not(test)),
    expect(dead_code, reason = "the CPU does it instead")
)]
pub(super) fn scan(forward: bool, width: u8, value: u64, rflags: u64) -> (Option<u64>, u64) {
    let value = value & mask(width);
    let found = if value == 0 {
        None
    } else if forward {
        Some(u64::from(value.trailing_zeros()))
    } else {
        Some(u64::from(63 - value.leading_zeros()))
    };
    (found, replace(rflags, ZF, when(found.is_none(), ZF)))
}
