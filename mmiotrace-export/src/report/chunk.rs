//! Single accesses, packed in pieces that a browser unpacks when they are looked at.

use super::collect::Point;
use flate2::Compression;
use flate2::write::GzEncoder;
use mmiotrace_core::AccessKind;
use std::io::{self, Write};

/// Accesses in a piece.
pub(super) const CHUNK: usize = 1 << 16;

/// Packs a piece column by column, because equal columns compress best: a byte of flags (bit 0:
/// write, bit 1: value unknown, bit 2: has a high half) each, the register's number as u32, the
/// time since the access before in ns as a zigzag varint, the low 32 bits of the value, and the
/// high ones where the flag says so. All little-endian.
pub(super) fn pack(points: &[Point]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(points.len() * 12);
    bytes.extend(points.iter().map(flags));
    for point in points {
        bytes.extend_from_slice(&point.track.to_le_bytes());
    }
    let mut before = points.first().map_or(0, |point| point.nanos);
    for point in points {
        let step = i128::from(point.nanos) - i128::from(before);
        push_varint(&mut bytes, zigzag(step));
        before = point.nanos;
    }
    for point in points {
        bytes.extend_from_slice(&(point.value as u32).to_le_bytes());
    }
    for point in points.iter().filter(|point| flags(point) & 4 != 0) {
        bytes.extend_from_slice(&((point.value >> 32) as u32).to_le_bytes());
    }
    compress(&bytes)
}

/// Compresses bytes in the form that browsers unpack by themselves.
pub(super) fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn flags(point: &Point) -> u8 {
    u8::from(point.kind == AccessKind::Write)
        | u8::from(!point.known) << 1
        | u8::from(point.value >> 32 != 0) << 2
}

fn zigzag(step: i128) -> u64 {
    let magnitude = u64::try_from(step.unsigned_abs()).unwrap_or(u64::MAX >> 1) << 1;
    if step < 0 { magnitude - 1 } else { magnitude }
}

fn push_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 (RFC 4648, section 4).
pub(super) fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = group
            .iter()
            .fold(0u32, |word, byte| word << 8 | u32::from(*byte))
            << (8 * (3 - group.len()));
        for digit in 0..4 {
            if digit <= group.len() {
                let index = word >> (18 - 6 * digit) & 0x3f;
                text.push(char::from(DIGITS[index as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_rfc() {
        let cases = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, text) in cases {
            assert_eq!(base64(plain.as_bytes()), text);
        }
    }

    #[test]
    fn steps_back_are_kept() {
        assert_eq!((zigzag(0), zigzag(-1), zigzag(1), zigzag(-2)), (0, 1, 2, 3));
    }
}
