//! What drivers really do: every instruction on the list has a way, and nearly all are in the table.

use mmiotrace_decode::{Context, Decoder, Kind, Way};

const LIST: &str = include_str!("data/driver-instructions.txt");

/// The bytes of each instruction, and how often it was drawn.
fn instructions() -> impl Iterator<Item = (Vec<u8>, u32)> {
    LIST.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (hex, count) = line.split_once(' ').expect("two columns");
            let byte = |n| u8::from_str_radix(&hex[n..n + 2], 16).expect("hex digits");
            (
                (0..hex.len()).step_by(2).map(byte).collect(),
                count.parse().expect("a count"),
            )
        })
}

#[test]
fn the_table_knows_what_drivers_do() {
    let mut decoder = Decoder::new();
    let (mut all, mut known) = (0, 0);
    for (code, count) in instructions() {
        let instruction = decoder
            .decode_uncached(&code)
            .expect("the list holds instructions");
        assert_eq!(usize::from(instruction.len()), code.len(), "{code:02x?}");
        assert_ne!(instruction.kind(), Kind::NoAccess, "{code:02x?}");
        all += count;
        if Decoder::decode_by_table(&code).is_some() {
            known += count;
        }
    }
    assert_eq!(all, 16_000);
    // Measured: 15,992. What is missing: SSE moves, `tzcnt`, `crc32`.
    assert!(known >= 15_980, "{known} of {all}");
}

#[test]
fn every_driver_instruction_has_a_way() {
    let mut decoder = Decoder::new();
    let mut emulated = [0; 2];
    for (code, count) in instructions() {
        let instruction = decoder
            .decode_uncached(&code)
            .expect("the list holds instructions");
        for (number, context) in [Context::Process, Context::Kernel].into_iter().enumerate() {
            let way = instruction.way(context);
            assert!(
                way.reason().is_none() && way != Way::NoAccess,
                "{code:02x?}: {way:?} {instruction:?}"
            );
            if way == Way::Emulate {
                emulated[number] += count;
            }
        }
    }
    assert!(
        emulated[1] >= 15_980,
        "emulated in the kernel: {}",
        emulated[1]
    );
    assert!(
        emulated[0] >= 15_900,
        "emulated in a process: {}",
        emulated[0]
    );
}
