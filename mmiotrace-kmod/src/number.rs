//! The conversions between numbers that the language makes fallible and this engine's targets
//! (64-bit only) do not.

/// An index or a length. Saturates where an address space has fewer than 64 bits.
pub(crate) fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A length as a word of shared memory. Saturates where the machine has more than 64 bits.
pub(crate) fn word(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// `number % count`, for numbers that are nearly always smaller: a division takes longer than all that
/// is done with its result.
#[inline]
pub(crate) const fn wrap(number: u32, count: u32) -> u32 {
    if number < count {
        number
    } else {
        number % count
    }
}

/// The low byte of a word.
pub(crate) const fn low_byte(word: u64) -> u8 {
    word.to_le_bytes()[0]
}

/// The lowest eight bytes.
pub(crate) const fn low_word(number: u128) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = number.to_le_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// The low half of a word.
pub(crate) const fn low_half(word: u64) -> u32 {
    let b = word.to_le_bytes();
    u32::from_le_bytes([b[0], b[1], b[2], b[3]])
}

/// The high half of a word.
pub(crate) const fn high_half(word: u64) -> u32 {
    low_half(word >> 32)
}

/// Two halves as a word.
pub(crate) fn join(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

/// The same bits without a sign.
pub(crate) const fn unsigned(number: i32) -> u32 {
    u32::from_ne_bytes(number.to_ne_bytes())
}

/// The same bits with a sign.
pub(crate) const fn signed(number: u32) -> i32 {
    i32::from_ne_bytes(number.to_ne_bytes())
}
