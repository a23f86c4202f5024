//! The opcode table and iced give the same answer, field by field, wherever the table answers.

use mmiotrace_decode::{DecodeError, Decoder};

/// Prefixes before the opcode, REX last.
const PREFIXES: &[&[u8]] = &[
    &[],
    &[0x66],
    &[0x67],
    &[0xf0],
    &[0xf2],
    &[0xf3],
    &[0x64],
    &[0x65],
    &[0x2e],
    &[0x41],
    &[0x42],
    &[0x44],
    &[0x48],
    &[0x40],
    &[0x4f],
    &[0x66, 0x48],
    &[0x66, 0x44],
    &[0x67, 0x43],
    &[0xf0, 0x4c],
    &[0xf0, 0x66],
    &[0xf3, 0x48],
    &[0xf3, 0x67],
    &[0xf2, 0xf3, 0x66],
    &[0xf3, 0xf2],
    &[0x64, 0x65, 0x3e],
    &[0x65, 0x26, 0x64, 0x49],
    &[0x48, 0x66],
    &[0x44, 0x41],
    &[0x66, 0x66, 0x67, 0x67, 0x2e],
    &[0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66],
];

/// Bytes behind ModRM: different for every encoding, the same in every run.
fn tail(seed: u64) -> [u8; 16] {
    let mut tail = [0; 16];
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for chunk in tail.chunks_mut(8) {
        z = (z ^ z >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z ^= z >> 32;
        chunk.copy_from_slice(&z.to_le_bytes());
    }
    tail
}

/// Calls `each` with the bytes of every prefix set x map x opcode x ModRM.
fn every_encoding(mut each: impl FnMut(&[u8])) {
    let mut seed = 0;
    for prefixes in PREFIXES {
        for escape in [&[][..], &[0x0f]] {
            for opcode in 0..=255u8 {
                for modrm in 0..=255u8 {
                    seed += 1;
                    let mut bytes = [0u8; 32];
                    let mut len = 0;
                    for part in [prefixes, escape, &[opcode, modrm], &tail(seed)] {
                        bytes[len..len + part.len()].copy_from_slice(part);
                        len += part.len();
                    }
                    each(&bytes[..len]);
                }
            }
        }
    }
}

#[test]
fn table_and_iced_agree() {
    let mut decoder = Decoder::new();
    let (mut answered, mut asked) = (0u64, 0u64);
    every_encoding(|bytes| {
        asked += 1;
        let Some(ours) = Decoder::decode_by_table(bytes) else {
            return;
        };
        answered += 1;
        match decoder.decode_by_iced(bytes) {
            Ok(theirs) => assert_eq!(ours, theirs, "{bytes:02x?}"),
            Err(error) => panic!("{bytes:02x?}: the table says {ours:?}, iced says {error}"),
        }
    });
    // Half of all opcodes with memory operands, and none of the register forms.
    assert!(
        answered > asked / 10,
        "the table answers for {answered} of {asked}"
    );
}

#[test]
fn the_end_of_the_bytes_is_seen() {
    let mut decoder = Decoder::new();
    let mut cut = 0;
    every_encoding(|bytes| {
        // A sample: the property does not depend on the registers.
        if bytes[bytes.len() - 1] % 16 != 0 {
            return;
        }
        let Some(whole) = Decoder::decode_by_table(bytes) else {
            return;
        };
        let len = usize::from(whole.len());
        for have in 0..len {
            assert_eq!(
                Decoder::decode_by_table(&bytes[..have]),
                None,
                "{:02x?}",
                &bytes[..have]
            );
            assert_eq!(
                decoder.decode_uncached(&bytes[..have]),
                Err(DecodeError::Truncated { have }),
                "{:02x?}",
                &bytes[..have]
            );
        }
        assert_eq!(decoder.decode_uncached(&bytes[..len]), Ok(whole));
        cut += 1;
    });
    assert!(cut > 10_000, "{cut} instructions cut");
}
