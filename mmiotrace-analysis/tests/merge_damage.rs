//! Whatever the sources hold, merging ends, and no line is lost.

mod support;

use mmiotrace_analysis::merge::{Merge, Shift};
use support::{Random, fixtures};

fn damaged(trace: &[u8], random: &mut Random) -> Vec<u8> {
    let begin = random.below(trace.len() / 2);
    let mut bytes = trace[begin..begin + trace.len() / 8].to_vec();
    for _ in 0..random.below(60) {
        let at = random.below(bytes.len());
        match random.below(4) {
            0 => bytes[at] = b"\n\0 \t-.x9"[random.below(8)],
            1 => bytes[at] ^= 1 << random.below(8),
            2 => drop(bytes.remove(at)),
            _ => {
                let annotations: [&[u8]; 4] = [
                    b"\nMARK 1.000000 mmiotrace1 wide n=200 width=16\n",
                    b"\nMARK 1.000000 mmiotrace1 lines n=4000000000\n",
                    b"\nMARK 1.000000 mmiotrace1 seq seq=18446744073709551615\n",
                    b"\nVERSION 20070824\nPCIDEV 0010 8086100e a febc0000\n",
                ];
                let text = annotations[random.below(4)];
                bytes.splice(at..at, text.iter().copied());
            }
        }
    }
    bytes
}

#[test]
fn damaged_sources_are_merged_to_their_end() {
    let traces = [
        fixtures::trace("nvme-6.1"),
        fixtures::trace("lost-events-6.1"),
        fixtures::trace("ahci-q35-6.1"),
    ];
    for seed in 1..200 {
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ seed);
        let sources: Vec<Vec<u8>> = traces
            .iter()
            .map(|trace| damaged(trace, &mut random))
            .collect();
        let mut merge = Merge::new();
        for (number, source) in sources.iter().enumerate() {
            let shift = Shift::from_nanos(i64::try_from(number).expect("three") * 1_000_000);
            merge.add(&format!("{number}\n"), shift, &source[..]);
        }
        let (mut merged, mut fatal) = (Vec::new(), 0);
        loop {
            match merge.next(&mut merged) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => fatal += usize::from(error.is_fatal()),
            }
        }
        // What was added begins in one way; what is told once is left out of the count.
        let is_ours = |line: &&[u8]| {
            let text = String::from_utf8_lossy(line).into_owned();
            !text.contains("merge: source ")
                && !text.contains(" mmiotrace1 source n=")
                && !text.contains(" mmiotrace1 cpu ")
                && !text.contains(" mmiotrace1 seq ")
                && !text.starts_with("VERSION ")
                && !text.starts_with("PCIDEV ")
        };
        let count = |bytes: &[u8]| {
            let lines = bytes.split_inclusive(|byte| *byte == b'\n');
            lines.filter(is_ours).count()
        };
        let expected: usize = sources.iter().map(|source| count(source)).sum();
        assert!(
            count(&merged) == expected || fatal > 0,
            "seed {seed}: {} of {expected}",
            count(&merged)
        );
    }
}
