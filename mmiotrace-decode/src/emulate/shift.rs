//! Shifts and rotates. Flags that are undefined (AF always, OF for counts above 1) are set as for
//! a count of one, AF is left alone.

use super::alu::Outcome;
use super::flags::{AF, ARITHMETIC, CF, OF, bits, mask, of_result, replace, top, when};
use crate::operation::Operation;

/// `value` shifted by `count`, which is cut as the CPU cuts it: to 5 bits, 6 for 8-byte operands.
/// `other` is what `shld` and `shrd` shift in. A count of zero changes no flag.
pub(super) fn compute(
    operation: Operation,
    width: u8,
    value: u64,
    other: u64,
    count: u64,
    rflags: u64,
) -> Outcome {
    let count = (count & if width == 8 { 63 } else { 31 }) as u32;
    let value = value & mask(width);
    if count == 0 {
        return Outcome {
            result: value,
            rflags,
        };
    }
    match operation {
        Operation::Rol | Operation::Ror => rotate(operation, width, value, count, rflags),
        Operation::Rcl | Operation::Rcr => rotate_carry(operation, width, value, count, rflags),
        Operation::Shld | Operation::Shrd => {
            double(operation, width, value, other & mask(width), count, rflags)
        }
        _ => shift(operation, width, value, count, rflags),
    }
}

fn shift(operation: Operation, width: u8, value: u64, count: u32, rflags: u64) -> Outcome {
    let size = bits(width);
    // 64 bits of room below or above: counts reach 63.
    let (result, carry, overflow) = match operation {
        Operation::Shl => {
            let wide = u128::from(value) << count;
            let result = wide as u64 & mask(width);
            let carry = wide >> size & 1 == 1;
            (result, carry, top(result, width) != carry)
        }
        Operation::Shr => {
            let carry = u128::from(value) << 1 >> count & 1 == 1;
            (
                (u128::from(value) >> count) as u64,
                carry,
                top(value, width),
            )
        }
        _ => {
            let signed = i128::from(super::sign_extend(value, width) as i64);
            let carry = signed << 1 >> count & 1 == 1;
            ((signed >> count) as u64 & mask(width), carry, false)
        }
    };
    let new = of_result(result, width) | when(carry, CF) | when(overflow, OF);
    Outcome {
        result,
        rflags: replace(rflags, ARITHMETIC & !AF, new),
    }
}

fn rotate(operation: Operation, width: u8, value: u64, count: u32, rflags: u64) -> Outcome {
    let size = bits(width);
    let left = if operation == Operation::Rol {
        count % size
    } else {
        (size - count % size) % size
    };
    let result =
        (u128::from(value) << left | u128::from(value) << left >> size) as u64 & mask(width);
    let (carry, overflow) = if operation == Operation::Rol {
        let carry = result & 1 == 1;
        (carry, top(result, width) != carry)
    } else {
        (
            top(result, width),
            top(result, width) != top(result << 1, width),
        )
    };
    Outcome {
        result,
        rflags: replace(rflags, CF | OF, when(carry, CF) | when(overflow, OF)),
    }
}

/// Rotates through the carry flag: a value one bit wider.
fn rotate_carry(operation: Operation, width: u8, value: u64, count: u32, rflags: u64) -> Outcome {
    let size = bits(width) + 1;
    let count = count % size;
    let wide = u128::from(rflags & CF) << (size - 1) | u128::from(value);
    let left = if operation == Operation::Rcl {
        count
    } else {
        (size - count) % size
    };
    let all = (1u128 << size) - 1;
    let turned = (wide << left | wide >> (size - left)) & all;
    let result = turned as u64 & mask(width);
    let carry = turned >> (size - 1) & 1 == 1;
    let overflow = if operation == Operation::Rcl {
        top(result, width) != carry
    } else {
        top(result, width) != top(result << 1, width)
    };
    Outcome {
        result,
        rflags: replace(rflags, CF | OF, when(carry, CF) | when(overflow, OF)),
    }
}

/// Whether `shld` or `shrd` of `width` bytes by `count` gives what the architecture leaves open: more
/// than the operand has bits.
pub(super) const fn is_undefined(width: u8, count: u64) -> bool {
    width == 2 && count & 31 > 16
}

fn double(
    operation: Operation,
    width: u8,
    value: u64,
    other: u64,
    count: u32,
    rflags: u64,
) -> Outcome {
    let size = bits(width);
    let (result, carry) = if operation == Operation::Shld {
        let wide = u128::from(value) << size | u128::from(other);
        let carry = wide >> (2 * size - count) & 1 == 1;
        ((wide << count >> size) as u64 & mask(width), carry)
    } else {
        let wide = u128::from(other) << size | u128::from(value);
        (
            ((wide >> count) as u64) & mask(width),
            wide << 1 >> count & 1 == 1,
        )
    };
    let overflow = top(result ^ value, width);
    let new = of_result(result, width) | when(carry, CF) | when(overflow, OF);
    Outcome {
        result,
        rflags: replace(rflags, ARITHMETIC & !AF, new),
    }
}
