//! Blocks that no fixture has, and blocks whose right answer is known by construction.

use mmiotrace_analysis::blocks::{Block, BlockKind, Blocks, Outcome, Transfer};
use mmiotrace_format::Reader;

/// A trace from `R phys value` and `W phys value` words, 4 bytes each, 5 µs apart.
fn fold(accesses: &[(char, u64, u64)]) -> Vec<Block> {
    let mut text = String::new();
    for (i, (kind, phys, value)) in accesses.iter().enumerate() {
        text.push_str(&format!(
            "{kind} 4 1.{:06} 1 {phys:#x} {value:#x} 0x0 0\n",
            i * 5
        ));
    }
    Blocks::new(Reader::new(text.as_bytes()))
        .map(Result::unwrap)
        .collect()
}

fn kinds(blocks: &[Block]) -> Vec<String> {
    blocks.iter().map(ToString::to_string).collect()
}

#[test]
fn a_loop_that_gave_up_says_so() {
    let mut accesses = vec![
        ('R', 0x10, 0x80),
        ('R', 0x10, 0x80),
        ('R', 0x10, 0x81),
        ('W', 0x14, 1),
    ];
    accesses.extend([('R', 0x10, 0x80); 300]);
    accesses.push(('W', 0x18, 0));
    let blocks = fold(&accesses);
    let BlockKind::Poll(poll) = &blocks[2].kind else {
        panic!("{:?}", kinds(&blocks))
    };
    assert_eq!(poll.values.len(), 300);
    assert_eq!(poll.outcome, Outcome::TimedOut);
    // What it waited for is known from the loop that ended.
    assert_eq!(poll.condition.unwrap().to_string(), "& 0x1 == 0x1");
}

#[test]
fn three_hundred_thousand_reads_are_one_block() {
    let mut text = "R 4 1.000000 1 0x10 0x0 0x0 0\n".repeat(300_000);
    text.push_str("R 4 1.500000 1 0x10 0x4 0x0 0\n");
    let blocks: Vec<Block> = Blocks::new(Reader::new(text.as_bytes()))
        .map(Result::unwrap)
        .collect();
    assert_eq!(blocks.len(), 1);
    let BlockKind::Poll(poll) = &blocks[0].kind else {
        panic!("{}", blocks[0])
    };
    assert_eq!((poll.values.len(), poll.values.runs().len()), (300_001, 2));
    assert_eq!(poll.condition.unwrap().to_string(), "& 0x4 == 0x4");
    assert_eq!(blocks[0].duration().as_micros(), 500_000);
}

#[test]
fn firmware_comes_out_of_a_port_and_out_of_a_window() {
    let firmware: Vec<u64> = (0..64u64)
        .map(|i| (i * 0x9e37_79b9) & 0xffff_ffff)
        .collect();
    let bytes: Vec<u8> = firmware
        .iter()
        .flat_map(|v| (*v as u32).to_le_bytes())
        .collect();
    let port: Vec<_> = firmware.iter().map(|v| ('W', 0x40, *v)).collect();
    let window: Vec<_> = (0..)
        .zip(&firmware)
        .map(|(i, v)| ('W', 0x1000 + 4 * i, *v))
        .collect();
    for (accesses, stride) in [(port, 0), (window, 4)] {
        let blocks = fold(&accesses);
        let BlockKind::Upload(Transfer {
            values,
            stride: found,
            ..
        }) = &blocks[0].kind
        else {
            panic!("{:?}", kinds(&blocks))
        };
        assert_eq!(blocks.len(), 1);
        assert_eq!((values.to_bytes(), *found), (bytes.clone(), stride));
    }
}

#[test]
fn a_fill_and_a_download() {
    let fill: Vec<_> = (0..32).map(|i| ('W', 0x5200 + 4 * i, 0)).collect();
    assert_eq!(
        kinds(&fold(&fill)),
        ["1-32 fill 0x5200/4..0x527c: 32 x 0x0"]
    );
    let table: Vec<_> = (0..16).map(|i| ('R', 0x100 + 4 * i, i * 77)).collect();
    assert_eq!(
        kinds(&fold(&table)),
        ["1-16 download 0x100/4..0x13c: 64 bytes"]
    );
}

#[test]
fn index_and_data_are_paired_by_what_is_read() {
    let rom = [7u64, 3, 9, 9, 1, 4, 8, 2];
    let mut accesses = Vec::new();
    for (index, value) in rom.iter().enumerate() {
        accesses.push(('W', 0x0, index as u64));
        accesses.push(('R', 0x10, *value));
    }
    let blocks = fold(&accesses);
    let BlockKind::Repeat(repeat) = &blocks[0].kind else {
        panic!("{:?}", kinds(&blocks))
    };
    assert!(
        repeat
            .blocks
            .iter()
            .all(|b| matches!(b.kind, BlockKind::Indexed(_)))
    );
    assert_eq!(
        repeat.blocks[1].to_string(),
        "3-4 indexed read 0x10/4[0x1] 0x3"
    );

    // The same register read after every write, whatever was written: a flush.
    let mut flush = Vec::new();
    for index in 0..8 {
        flush.push(('W', 0x0, index));
        flush.push(('R', 0x8, 0x8008_0783));
    }
    assert!(
        kinds(&fold(&flush))
            .iter()
            .all(|line| !line.contains("indexed"))
    );
}

#[test]
fn acknowledged_bits_and_stored_bits_differ() {
    let status = [('R', 0x44, 0x18), ('W', 0x44, 0x8), ('R', 0x44, 0x10)];
    assert_eq!(
        kinds(&fold(&status))[0],
        "1-2 acknowledge 0x44/4: read 0x18, wrote 0x8"
    );
    let control = [('R', 0x0, 0x18), ('W', 0x0, 0x8), ('R', 0x0, 0x8)];
    assert_eq!(
        kinds(&fold(&control))[0],
        "1-2 modify 0x0/4: 0x18 -> 0x8 (-0x10)"
    );
}

#[test]
fn a_bit_banged_word_is_a_repeat_of_repeats() {
    let mut accesses = Vec::new();
    for word in 0..5u64 {
        accesses.push(('W', 0x18, word));
        for bit in 0..16u64 {
            accesses.push(('W', 0x10, 0x1c2 | ((word * 7 + bit) % 3)));
            accesses.push(('R', 0x8, 0x783));
        }
        accesses.push(('W', 0x20, 0));
    }
    let blocks = fold(&accesses);
    assert_eq!(blocks.len(), 1, "{:?}", kinds(&blocks));
    assert!(
        blocks[0]
            .to_string()
            .starts_with("1-170 repeat 5 x 3 blocks"),
        "{}",
        blocks[0]
    );
}

#[test]
fn markers_and_long_pauses_stand_between_blocks() {
    let text = "W 4 1.000000 1 0x0 0x1 0x0 0\nW 4 1.000010 1 0x4 0x1 0x0 0\nMARK 1.000020 ifup\n\
                W 4 1.000030 1 0x8 0x1 0x0 0\nW 4 1.500030 1 0xc 0x1 0x0 0\n";
    let blocks: Vec<Block> = Blocks::new(Reader::new(text.as_bytes()))
        .map(Result::unwrap)
        .collect();
    let lines = kinds(&blocks);
    assert_eq!(lines[2], "3 marker \"ifup\"");
    assert_eq!(lines[4], "delay 500.0 ms");
    assert_eq!(blocks[4].lines.len(), 0);
}
