//! Operations of which the architecture leaves flags, or results, undefined: as this CPU does them,
//! where it can be asked, else in code.

#[cfg(not(all(feature = "native", target_arch = "x86_64")))]
pub(super) use in_code::*;
#[cfg(all(feature = "native", target_arch = "x86_64"))]
pub(super) use on_cpu::*;

#[cfg(all(feature = "native", target_arch = "x86_64"))]
mod on_cpu {
    use super::super::alu::{self, Outcome};
    use crate::GprPart;
    use crate::native::arithmetic;
    use crate::operation::Operation;

    /// Whether the CPU does them.
    pub(in super::super) const IS_ASKED: bool = true;

    pub(in super::super) fn shift(
        operation: Operation,
        width: u8,
        value: u64,
        other: u64,
        count: u64,
        rflags: u64,
    ) -> Outcome {
        let done = arithmetic::shift(operation, width, value, other, count, rflags);
        Outcome {
            result: done.low,
            rflags: done.rflags,
        }
    }

    pub(in super::super) fn multiply(
        signed: bool,
        width: u8,
        left: u64,
        right: u64,
        rflags: u64,
    ) -> (u64, u64, u64) {
        let done = arithmetic::multiply(signed, width, left, right, rflags);
        (done.low, done.high, done.rflags)
    }

    pub(in super::super) fn multiply_low(
        width: u8,
        left: u64,
        right: u64,
        rflags: u64,
    ) -> (u64, u64) {
        let done = arithmetic::multiply_low(width, left, right, rflags);
        (done.low, done.rflags)
    }

    /// Quotient, remainder and flags; `None` for #DE.
    pub(in super::super) fn divide(
        signed: bool,
        width: u8,
        dividend: (u64, u64),
        divisor: u64,
        rflags: u64,
    ) -> Option<(u64, u64, u64)> {
        let (low, high) = dividend;
        alu::divide(signed, width, low, high, divisor)?;
        // SAFETY: the division has a result, so that the CPU raises no exception for it.
        #[expect(unsafe_code, reason = "see the proof")]
        let done = unsafe { arithmetic::divide(signed, width, dividend, divisor, rflags) };
        Some((done.low, done.high, done.rflags))
    }

    /// The whole register that was `whole`, and the flags.
    pub(in super::super) fn scan(
        forward: bool,
        part: GprPart,
        value: u64,
        whole: u64,
        rflags: u64,
    ) -> (u64, u64) {
        let done = arithmetic::scan(forward, part.width(), value, whole, rflags);
        (done.low, done.rflags)
    }
}

#[cfg(any(test, not(all(feature = "native", target_arch = "x86_64"))))]
mod in_code {
    use super::super::{alu, shift as shifts};
    use crate::GprPart;
    use crate::operation::Operation;

    #[cfg(not(all(feature = "native", target_arch = "x86_64")))]
    pub(in super::super) const IS_ASKED: bool = false;

    pub(in super::super) fn shift(
        operation: Operation,
        width: u8,
        value: u64,
        other: u64,
        count: u64,
        rflags: u64,
    ) -> alu::Outcome {
        shifts::compute(operation, width, value, other, count, rflags)
    }

    pub(in super::super) fn multiply(
        signed: bool,
        width: u8,
        left: u64,
        right: u64,
        rflags: u64,
    ) -> (u64, u64, u64) {
        alu::multiply(signed, width, left, right, rflags)
    }

    pub(in super::super) fn multiply_low(
        width: u8,
        left: u64,
        right: u64,
        rflags: u64,
    ) -> (u64, u64) {
        let (low, _, rflags) = alu::multiply(true, width, left, right, rflags);
        (low, rflags)
    }

    pub(in super::super) fn divide(
        signed: bool,
        width: u8,
        (low, high): (u64, u64),
        divisor: u64,
        rflags: u64,
    ) -> Option<(u64, u64, u64)> {
        let (quotient, remainder) = alu::divide(signed, width, low, high, divisor)?;
        Some((quotient, remainder, rflags))
    }

    pub(in super::super) fn scan(
        forward: bool,
        part: GprPart,
        value: u64,
        whole: u64,
        rflags: u64,
    ) -> (u64, u64) {
        let (found, rflags) = alu::scan(forward, part.width(), value, rflags);
        (found.map_or(whole, |found| part.put(whole, found)), rflags)
    }
}

/// What is computed in code is what the CPU computes, flags that are left undefined apart.
#[cfg(all(test, feature = "native", target_arch = "x86_64"))]
mod tests {
    use super::super::flags::{AF, ARITHMETIC, CF, OF, PF, SF, ZF, mask};
    use super::{in_code, on_cpu};
    use crate::operation::Operation as O;
    use crate::{Gpr, GprPart};

    /// Values that meet every bit, top bits and carries among them.
    fn values() -> impl Iterator<Item = u64> + Clone {
        (0..40u64).map(|n| match n {
            0..=3 => [0, 1, 0x8000_8000_8000_8080, u64::MAX][n as usize],
            _ => n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (n % 3 * 20),
        })
    }

    #[test]
    fn shifts_in_code_are_the_cpus() {
        let operations = [
            O::Rol,
            O::Ror,
            O::Rcl,
            O::Rcr,
            O::Shl,
            O::Shr,
            O::Sar,
            O::Shld,
            O::Shrd,
        ];
        for (operation, value) in operations
            .into_iter()
            .flat_map(|it| values().map(move |v| (it, v)))
        {
            for (width, count) in [1u8, 2, 4, 8]
                .into_iter()
                .flat_map(|w| (0..70).map(move |c| (w, c)))
            {
                let double = matches!(operation, O::Shld | O::Shrd);
                let cut = count & if width == 8 { 63 } else { 31 };
                let bits = 8 * u64::from(width);
                if double && (width == 1 || cut > bits) {
                    continue;
                }
                let rflags = value & ARITHMETIC | 0x202;
                let other = value.rotate_left(29);
                let code = in_code::shift(operation, width, value, other, count, rflags);
                let cpu = on_cpu::shift(operation, width, value, other, count, rflags);
                let what = (operation, width, value, count);
                assert_eq!(code.result, cpu.result, "{what:?}");
                let rotates = matches!(operation, O::Rol | O::Ror | O::Rcl | O::Rcr);
                let mut undefined = if rotates || cut == 0 { 0 } else { AF };
                if cut != 1 {
                    undefined |= if cut == 0 { 0 } else { OF };
                }
                // CF after a shift by the operand's size or more (Intel SDM volume 2, SAL/SAR/SHL/SHR).
                if cut >= bits && !rotates && operation != O::Sar {
                    undefined |= CF;
                }
                assert_eq!((code.rflags ^ cpu.rflags) & !undefined, 0, "{what:?}");
            }
        }
    }

    #[test]
    fn products_in_code_are_the_cpus() {
        for (left, right) in values().flat_map(|left| values().map(move |right| (left, right))) {
            for width in [1u8, 2, 4, 8] {
                let undefined = SF | ZF | AF | PF;
                for signed in [false, true] {
                    let code = in_code::multiply(signed, width, left, right, 0x202);
                    let cpu = on_cpu::multiply(signed, width, left, right, 0x202);
                    assert_eq!(
                        (code.0, code.1),
                        (cpu.0, cpu.1),
                        "{left:#x} {right:#x} {width}"
                    );
                    assert_eq!((code.2 ^ cpu.2) & !undefined, 0);
                    // A quotient that fits: the divisor is above the upper half.
                    let dividend = (left, (right & mask(width)) >> 2);
                    let code = in_code::divide(signed, width, dividend, right, 0x202);
                    let cpu = on_cpu::divide(signed, width, dividend, right, 0x202);
                    assert_eq!(code.map(|it| (it.0, it.1)), cpu.map(|it| (it.0, it.1)));
                }
                if width > 1 {
                    let code = in_code::multiply_low(width, left, right, 0x202);
                    let cpu = on_cpu::multiply_low(width, left, right, 0x202);
                    assert_eq!(code.0, cpu.0);
                    assert_eq!((code.1 ^ cpu.1) & !undefined, 0);
                }
            }
        }
    }

    #[test]
    fn scans_in_code_are_the_cpus() {
        for (value, width) in values().flat_map(|value| [2u8, 4, 8].map(|width| (value, width))) {
            for (forward, value) in [(true, value), (false, value), (true, 0), (false, 0)] {
                let part = GprPart::low(Gpr::Rcx, width);
                let whole = 0xfedc_ba98_7654_3210;
                let code = in_code::scan(forward, part, value, whole, 0x202);
                let cpu = on_cpu::scan(forward, part, value, whole, 0x202);
                assert_eq!(code.0, cpu.0, "{forward} {width} {value:#x}");
                assert_eq!((code.1 ^ cpu.1) & ZF, 0);
            }
        }
    }
}
