//! The verdict on a merged trace: who captured each source, and what that one cannot see.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use mmiotrace_analysis::merge::{Merge, Shift};
use mmiotrace_analysis::{Capture, FindingKind};
use support::check;

/// Traces of every kind of capture, in every order: the verdict on the merged trace says of each
/// source what its own verdict says, and lists what each cannot see.
#[test]
fn who_captured_the_sources_of_a_merged_trace() {
    let map = |virt: &str| format!("MAP 1.000000 1 0xfebc0000 {virt} 0x20000 0x0 0\n");
    let kernel_map = map("0xffa0000000500000");
    let access = "R 4 2.000000 1 0xfebc0008 0x0 0x0 0\n";
    let sequence = "MARK 2.000000 mmiotrace1 seq seq=5\n";
    let wide = "MARK 2.000000 mmiotrace1 wide n=2 width=16\n\
                R 8 2.000000 1 0xfebc0008 0x0 0x0 0\nR 8 2.000000 1 0xfebc0010 0x0 0x0 0\n";
    let blind = "MARK 2.000000 mmiotrace1 blind begin page=0xfebc0000 reason=budget code=\n";
    let thread = access.replace("0x0 0\n", "0x0 812\n");
    let import = "MARK 0.000000 import: of another tool\n";
    let announced = "MARK 0.000000 mmiotrace1 capture backend=kmod\n";
    let traces = [
        (Capture::Kernel, [&*kernel_map, access].concat()),
        (
            Capture::Kernel,
            [&*kernel_map, "MARK 3.000000 by hand\n"].concat(),
        ),
        (
            Capture::Kernel,
            "UNMAP 2.000000 -1 0x0 0\nodd line\n".to_owned(),
        ),
        (Capture::Kmod, [&*kernel_map, sequence, access].concat()),
        (Capture::Kmod, [&*kernel_map, wide].concat()),
        (Capture::Kmod, [&*kernel_map, access, blind].concat()),
        (Capture::Kmod, [&*kernel_map, &*thread].concat()),
        (
            Capture::Process,
            [&*map("0x7f0012340000"), sequence, access].concat(),
        ),
        (Capture::Imported, [import, access].concat()),
        (Capture::Kmod, announced.to_owned()),
        (
            Capture::Kmod,
            "MARK 2.000000 mmiotrace1 lost n=5 seq=1-5\nMARK 0.000000 Lost 5 events.\n".to_owned(),
        ),
        (Capture::Kernel, "MARK 0.000000 Lost 5 events.\n".to_owned()),
        (Capture::Unknown, "MARK 3.000000 by hand\n".to_owned()),
    ];
    let mut indices = Vec::new();
    for a in 0..traces.len() {
        for b in 0..traces.len() {
            indices.extend((0..traces.len()).map(|c| [a, b, c]));
        }
    }
    for chosen in indices {
        let mut merge = Merge::new();
        for (at, number) in chosen.iter().zip(1_i64..) {
            merge.add(
                &format!("trace, map {number}"),
                Shift::from_nanos(number),
                traces[*at].1.as_bytes(),
            );
        }
        let mut merged = Vec::new();
        while merge.next(&mut merged).unwrap_or(true) {}
        let verdict = check(&merged);
        assert_eq!(verdict.capture, Capture::Merged);
        let told = verdict.sources.iter();
        let told: Vec<_> = told
            .map(|source| (source.number, source.name.clone(), source.capture))
            .collect();
        let expected: Vec<_> = (1..)
            .zip(chosen)
            .map(|(number, at)| (number, format!("trace, map {number}"), traces[at].0))
            .collect();
        assert_eq!(told, expected, "{}", String::from_utf8_lossy(&merged));
        for (number, at) in (1..).zip(chosen) {
            assert_eq!(
                check(traces[at].1.as_bytes()).capture,
                traces[at].0,
                "trace {at}"
            );
            for what in traces[at].0.not_seen() {
                let is_told =
                    |told: &String| told == what || *told == format!("source {number}: {what}");
                assert!(verdict.not_seen.iter().any(is_told), "{number}: {what}");
            }
        }
    }
}

/// What the kernel's tracer misses of a mapping is told of the sources that it captured, and of no others.
#[test]
fn what_one_source_missed() {
    let untraced = |first: &str, second: &str| {
        let mut merge = Merge::new();
        for trace in [first, second] {
            merge.add("t", Shift::default(), trace.as_bytes());
        }
        let mut merged = Vec::new();
        while merge.next(&mut merged).expect("mergeable") {}
        let findings = check(&merged).findings.into_iter();
        let of_kind = findings.filter(|finding| finding.kind == FindingKind::UntracedRange);
        of_kind.map(|finding| finding.count).sum::<u64>()
    };
    let unaligned = "MAP 1.000000 1 0xfd000123 0xffa0000000075123 0x10 0x0 0\n";
    let seen = "R 4 2.000000 1 0xfd000124 0x0 0x0 0\n";
    let ours = [unaligned, "MARK 2.000000 mmiotrace1 seq seq=5\n", seen].concat();
    assert_eq!(untraced(unaligned, unaligned), 2);
    assert_eq!(untraced(unaligned, &ours), 1);
    assert_eq!(untraced(&ours, unaligned), 1);
    assert_eq!(untraced(&ours, &ours), 0);
}
