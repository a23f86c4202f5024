//! Traces that were cut off or changed: what is whole stays readable.
#![allow(clippy::unwrap_used, missing_docs)]

mod traces;

use mmiotrace_format::{Block, Line, ParseError, Position, Record};

fn outcomes(trace: &[u8]) -> Vec<(Position, Result<Record<'_>, ParseError>)> {
    let mut records = Block::new(trace).records();
    let mut outcomes = Vec::new();
    while let Some(record) = records.next() {
        outcomes.push((records.record_position(), record));
    }
    outcomes
}

/// Cut at any byte, a trace gives the same records as the whole one up to the line that is cut,
/// and of that line at most one record or error.
#[test]
fn cut_at_every_byte() {
    for name in [
        "i6300esb-6.1.mmiotrace",
        "mmioops-6.1.mmiotrace",
        "virtio-gpu-6.1.mmiotrace",
    ] {
        let trace = traces::fixture(name).bytes;
        let whole = outcomes(&trace);
        for cut in 0..trace.len() {
            let found = outcomes(&trace[..cut]);
            let lines = trace[..cut].iter().filter(|byte| **byte == b'\n').count();
            assert!(
                found.len() == lines || found.len() == lines + 1,
                "{name} cut at {cut}"
            );
            assert_eq!(found[..lines], whole[..lines], "{name} cut at {cut}");
        }
    }
}

/// Numbers that look random and are the same every time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// A changed byte changes its line and no other; where it is or becomes a newline, the lines that
/// it joins or makes.
#[test]
fn flipped_bytes() {
    let mut random = Random(20_070_824);
    for trace in traces::fixtures()
        .iter()
        .filter(|trace| trace.bytes.len() < 20_000)
    {
        let whole: Vec<&[u8]> = trace.bytes.split_inclusive(|byte| *byte == b'\n').collect();
        for _ in 0..200 {
            let mut changed = trace.bytes.clone();
            let at = random.below(changed.len());
            changed[at] ^= 1 << random.below(8);
            let found: Vec<Line<'_>> = Block::new(&changed).lines().map(Result::unwrap).collect();
            let line = trace.bytes[..at]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count();
            let same = |found: &Line<'_>, whole: &[u8]| {
                assert_eq!(found.as_bytes(), whole, "{} changed at {at}", trace.name);
                assert_eq!(found.parse(), Line::new(whole, found.position()).parse());
            };
            found
                .iter()
                .zip(&whole)
                .take(line)
                .for_each(|(found, whole)| same(found, whole));
            // From behind, past the lines that the change made of one, or one of two.
            let after = whole.len().saturating_sub(line + 2);
            found
                .iter()
                .rev()
                .zip(whole.iter().rev())
                .take(after)
                .for_each(|(found, whole)| same(found, whole));
            outcomes(&changed);
        }
    }
}

/// A mailer wraps `PCIDEV` lines. They are put together again; other lines stay what they are.
#[test]
fn wrapped_by_a_mailer() {
    let trace = b"VERSION 20070824\n\
        PCIDEV 0010 8086100e a febc0000 c001 0 0 0 0 feb80000 20000\n\
        40 0 0 0 0 40000 e1000\n\
        PCIDEV 00f0 1af41003 a c041 febe0000 0 0 febfc00c\n0 0 40 1000\n0 0 4000 0 0 virtio-pci\n\
        PCIDEV 00f8 1af41003 a c041\n\
        MARK 1.000000 after\n";
    let lines: Vec<Line<'_>> = Block::new(trace).lines().map(Result::unwrap).collect();
    assert_eq!(lines.len(), 5);
    let numbers: Vec<u64> = lines.iter().map(|line| line.position().line()).collect();
    assert_eq!(numbers, [1, 2, 4, 7, 8]);
    let Ok(Record::Header(header)) = lines[2].parse() else {
        panic!()
    };
    let mmiotrace_core::Header::PciDev { device, driver, .. } = header else {
        panic!()
    };
    assert_eq!(
        (device.vendor, device.bars[4].len, driver),
        (0x1af4, 0x4000, &b"virtio-pci"[..])
    );
    assert!(lines[3].parse().is_err());
    assert!(matches!(lines[4].parse(), Ok(Record::Marker(_))));
}
