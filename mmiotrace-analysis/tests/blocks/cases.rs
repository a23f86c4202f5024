//! Small traces that were told wrongly once: fixtures/cases.

use mmiotrace_analysis::blocks::{Block, BlockKind, Blocks};
use mmiotrace_format::Reader;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/cases/");

fn blocks(case: &str) -> Vec<Block> {
    let trace = std::fs::read(format!("{ROOT}{case}")).unwrap();
    Blocks::new(Reader::new(&trace[..]))
        .map(Result::unwrap)
        .collect()
}

fn text(blocks: &[Block]) -> String {
    let mut text = String::new();
    for block in blocks {
        text.push_str(&format!("{block}\n"));
        let addresses = mmiotrace_analysis::blocks::Addresses;
        block.print_inside(&addresses, &mut text).unwrap();
    }
    text
}

/// cases/r50: one body for five turns read as five times the same.
#[test]
fn case_r50_a_repetition_shows_the_values_that_differ() {
    let shown = text(&blocks("r50/rmw.mmiotrace"));
    assert_eq!(
        shown,
        "1 line\n\
         2 map 1 0x3c500000 len 0x10000\n\
         3-12 repeat 5 x 1 block, values differ, 9 us\n  \
         3-4 modify 0x3c500048/4: 0x444 -> 0x454 (+0x10); then 0x474, 0x434, 0x534, 0x34\n"
    );
    let shown = text(&blocks("r50/enable.mmiotrace"));
    assert_eq!(
        shown,
        "1 line\n\
         2 map 1 0x3c500000 len 0x10000\n\
         3-10 repeat 4 x 2 blocks, values differ, 7 us\n  \
         3 write 0x3c500100/4 0x1; then 0x2, 0x3, 0x4\n  \
         4 write 0x3c500104/4 0xaa; then 0xbb, 0xcc, 0xdd\n"
    );
}

/// cases/r65: bits of the PHY's data that two answers happen to share are no condition.
#[test]
fn case_r65_the_mask_of_a_poll_has_no_data_bits() {
    for trace in ["r65/mdic.mmiotrace", "r65/other-phy.mmiotrace"] {
        let all = blocks(trace);
        let conditions: Vec<String> = all
            .iter()
            .filter_map(|block| match &block.kind {
                BlockKind::Poll(poll) => Some(poll.condition?.to_string()),
                _ => None,
            })
            .collect();
        assert_eq!(conditions, ["& 0x10000000 == 0x10000000"; 2], "{trace}");
    }
}

/// A bit that is read after each write of its register, on or off, is data and no wait: the driver
/// went on in both cases (the EEPROM of a network card, bit by bit).
#[test]
fn bits_of_an_eeprom_are_no_polls() {
    let mut trace = String::new();
    for (line, bit) in [0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 0]
        .iter()
        .enumerate()
    {
        for (clock, read) in [(0x88, 0x88), (0x8c, 0x8c | bit)] {
            let time = format!("1.{:06}", 10 * line + clock);
            trace.push_str(&format!("W 1 {time} 1 0xfebf0050 {clock:#x} 0x0 0\n"));
            trace.push_str(&format!("R 1 {time} 1 0xfebf0050 {read:#x} 0x0 0\n"));
        }
    }
    let all: Vec<Block> = Blocks::new(Reader::new(trace.as_bytes()))
        .map(Result::unwrap)
        .collect();
    assert!(!text(&all).contains("poll"), "{}", text(&all));
}

/// cases/r85: what lies between time 0, which a header or an importer's note has, and the first
/// access is the machine's uptime.
#[test]
fn case_r85_time_0_of_a_note_is_no_time() {
    let trace = "VERSION 20070824\nMARK 0.000000 import ftrace\n\
                 W 4 627700.002000 1 0x10 0x1 0x0 0\nW 4 627700.002010 1 0x14 0x2 0x0 0\n";
    let all: Vec<Block> = Blocks::new(Reader::new(trace.as_bytes()))
        .map(Result::unwrap)
        .collect();
    let delays = all
        .iter()
        .filter(|block| matches!(block.kind, BlockKind::Delay(_)));
    assert_eq!(delays.count(), 0, "{}", text(&all));
}
