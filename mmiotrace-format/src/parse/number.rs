//! The numbers of the format, each as the kernel prints it.

use mmiotrace_core::{Timestamp, Width};
use nom::bytes::complete::{tag, take_while_m_n, take_while1};
use nom::character::complete::{char, i32 as decimal_i32, u8 as decimal_u8, u64 as decimal_u64};
use nom::combinator::{map_opt, map_res, verify};
use nom::sequence::{preceded, separated_pair};
use nom::{IResult, Parser};

/// Hex digits without prefix, at most 64 bits: `%llx`.
pub(super) fn bare_hex(input: &[u8]) -> IResult<&[u8], u64> {
    map_opt(take_while1(|byte: u8| byte.is_ascii_hexdigit()), from_hex).parse(input)
}

/// `0x` and hex digits, at most 64 bits: `0x%lx`.
pub(super) fn hex(input: &[u8]) -> IResult<&[u8], u64> {
    preceded(tag("0x"), bare_hex).parse(input)
}

/// Exactly `digits` hex digits: `%04x`.
pub(super) fn fixed_hex(digits: usize) -> impl Fn(&[u8]) -> IResult<&[u8], u32> {
    move |input| {
        let taken = take_while_m_n(digits, digits, |byte: u8| byte.is_ascii_hexdigit());
        map_res(map_opt(taken, from_hex), u32::try_from).parse(input)
    }
}

/// A signed decimal number: `%d`.
pub(super) fn signed(input: &[u8]) -> IResult<&[u8], i32> {
    // `%d` prints no plus sign.
    verify(decimal_i32, |_| input.first() != Some(&b'+')).parse(input)
}

/// The width of an access. The kernel's decoder knows 1, 2, 4 and 8 (`pf_in.c`).
pub(super) fn width(input: &[u8]) -> IResult<&[u8], Width> {
    let power = verify(decimal_u8, |bytes| matches!(bytes, 1 | 2 | 4 | 8));
    map_opt(power, Width::from_bytes).parse(input)
}

/// `%u.%06lu`: seconds and exactly six digits of microseconds.
pub(super) fn time(input: &[u8]) -> IResult<&[u8], Timestamp> {
    decimal_time(input, 6, 6)
}

/// Seconds and one to nine digits of a fraction, as hand-made markers have them.
pub(super) fn loose_time(input: &[u8]) -> IResult<&[u8], Timestamp> {
    decimal_time(input, 1, 9)
}

fn decimal_time(input: &[u8], fewest: usize, most: usize) -> IResult<&[u8], Timestamp> {
    let fraction = take_while_m_n(fewest, most, |byte: u8| byte.is_ascii_digit());
    map_opt(
        separated_pair(decimal_u64, char('.'), fraction),
        |(seconds, fraction): (u64, &[u8])| {
            let nanos = (0..9).fold(0u64, |nanos, place| {
                nanos * 10 + u64::from(fraction.get(place).map_or(0, |digit| digit - b'0'))
            });
            let seconds = seconds.checked_mul(1_000_000_000)?;
            Some(Timestamp::from_nanos(seconds.checked_add(nanos)?))
        },
    )
    .parse(input)
}

/// `%02lx,%02lx,%02lx`: the first three bytes of an instruction.
pub(super) fn code(input: &[u8]) -> IResult<&[u8], [u8; 3]> {
    let byte = || map_res(fixed_hex(2), u8::try_from);
    let (rest, (first, _, second, _, third)) =
        (byte(), char(','), byte(), char(','), byte()).parse(input)?;
    Ok((rest, [first, second, third]))
}

/// What `parser` makes of a whole word.
pub(super) fn whole<'a, T>(
    parser: impl Fn(&'a [u8]) -> IResult<&'a [u8], T>,
    word: &'a [u8],
) -> Option<T> {
    let (rest, value) = parser(word).ok()?;
    rest.is_empty().then_some(value)
}

/// The number that hex digits make, or `None` above 64 bits.
pub(crate) fn from_hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0u64, |number, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        (number >> 60 == 0).then_some(number << 4 | u64::from(digit))
    })
}

/// The number that decimal digits make, or `None` where there is another byte or none.
pub(crate) fn from_decimal(digits: &[u8]) -> Option<u64> {
    match nom::combinator::all_consuming(decimal_u64::<_, nom::error::Error<&[u8]>>).parse(digits) {
        Ok((_, number)) => Some(number),
        Err(_) => None,
    }
}
