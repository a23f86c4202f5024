//! `PCIDEV` lines that a mailer has wrapped.
//!
//! Traces in mails have them (they are up to 150 bytes long, mailers wrap at 72): the numbers go
//! on in the next line. The kernel never wraps one, so a whole line costs one comparison.

use memchr::memchr;

/// Bus and devfn, vendor and device, irq, seven starts, seven lengths.
const NUMBERS: usize = 17;

/// Neither the wrapped line nor its continuations are longer: 18 words of at most 17 bytes and a
/// name. Bounds what is looked at again when input comes byte by byte.
const MAX_LEN: usize = 512;

/// A record of 17 numbers cannot be spread over more lines.
#[cfg(feature = "std")]
pub(crate) const MAX_LINES: usize = NUMBERS;

/// Which lines make one `PCIDEV` record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The first alone.
    One,
    /// Several, `len` bytes with all their endings.
    Several { len: usize, newlines: u64 },
    /// That depends on what follows the input.
    Undecided,
}

/// How far the record reaches that begins `input`, whose first newline is at `newline`.
#[inline]
pub(crate) fn extent(input: &[u8], newline: usize, end: bool) -> Extent {
    match input {
        [b'P', b'C', b'I', b'D', b'E', b'V', b' ', ..] if newline <= MAX_LEN => {
            wrapped(input, newline, end)
        }
        _ => Extent::One,
    }
}

/// Whether `lines`, the last of the input, are the beginning of a wrapped record and what follows
/// the input may belong to it.
#[cfg(feature = "std")]
pub(crate) fn may_go_on(lines: &[u8]) -> bool {
    match memchr(b'\n', lines) {
        Some(newline) => extent(lines, newline, false) == Extent::Undecided,
        None => false,
    }
}

/// Whether `line` is a `PCIDEV` line with fewer numbers than a record has: what follows it may be taken
/// for the rest.
#[cfg(feature = "std")]
pub(crate) fn is_begun(line: &[u8]) -> bool {
    line.strip_prefix(b"PCIDEV ").is_some_and(
        |rest| matches!(numbers(rest, NUMBERS), Continued::Numbers(seen) if seen < NUMBERS),
    )
}

#[cold]
fn wrapped(input: &[u8], newline: usize, end: bool) -> Extent {
    let first = input.get(b"PCIDEV".len()..newline).unwrap_or_default();
    let Continued::Numbers(mut seen) = numbers(first, NUMBERS) else {
        return Extent::One;
    };
    let (mut len, mut newlines) = (newline + 1, 1);
    while seen < NUMBERS {
        let rest = input.get(len..).unwrap_or_default();
        let (line, step, ends) = match memchr(b'\n', rest) {
            Some(at) => (rest.get(..at).unwrap_or_default(), at + 1, 1),
            None if end => (rest, rest.len(), 0),
            None if rest.len() > MAX_LEN => return Extent::One,
            None => return Extent::Undecided,
        };
        match numbers(line, NUMBERS - seen) {
            Continued::Numbers(more) if more > 0 && line.len() <= MAX_LEN => seen += more,
            _ => return Extent::One,
        }
        len += step;
        newlines += ends;
    }
    if newlines == 1 && len == newline + 1 {
        Extent::One
    } else {
        Extent::Several { len, newlines }
    }
}

enum Continued {
    /// So many hex numbers stand at the beginning of the line; words after them, if any, come
    /// after the last number that was wanted.
    Numbers(usize),
    /// A word that is no hex number stands where a number was wanted.
    Broken,
}

fn numbers(line: &[u8], wanted: usize) -> Continued {
    let words = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .take(wanted);
    let mut count = 0;
    for word in words {
        if word.len() > 16 || !word.iter().all(u8::is_ascii_hexdigit) {
            return Continued::Broken;
        }
        count += 1;
    }
    Continued::Numbers(count)
}
