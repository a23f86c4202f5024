//! IEEE 754 half precision, which Rust has no type for on stable.

/// A 16-bit float as a 32-bit one; every value has one (IEEE 754-2019 section 3.4, binary16).
pub(super) fn from_half(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let exponent = u32::from(half >> 10 & 0x1f);
    let fraction = u32::from(half & 0x3ff);
    let bits = match (exponent, fraction) {
        (0, 0) => sign,
        (0, _) => {
            // Subnormal: shift the fraction up until its leading one is the implicit bit.
            let shift = fraction.leading_zeros() - 21;
            sign | (113 - shift) << 23 | (fraction << shift & 0x3ff) << 13
        }
        (0x1f, _) => sign | 0x7f80_0000 | fraction << 13,
        _ => sign | (exponent + 112) << 23 | fraction << 13,
    };
    f32::from_bits(bits)
}

#[cfg(test)]
mod tests {
    use super::from_half;

    #[test]
    fn every_finite_half_is_its_sum_of_powers() {
        for half in 0..=u16::MAX {
            let exponent = i32::from(half >> 10 & 0x1f);
            if exponent == 0x1f {
                assert!(!from_half(half).is_finite());
                continue;
            }
            let fraction = f64::from(half & 0x3ff);
            let magnitude = match exponent {
                0 => fraction * 2f64.powi(-24),
                _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
            };
            let sign = if half & 0x8000 == 0 { 1.0 } else { -1.0 };
            assert_eq!(f64::from(from_half(half)), sign * magnitude, "{half:#06x}");
        }
    }
}
