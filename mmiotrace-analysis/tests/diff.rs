//! Comparing real traces with themselves, with other recordings, and with doctored copies.

use mmiotrace_analysis::diff::{Act, Comparison, Diff, Difference, Side, Treatment};
use mmiotrace_format::Reader;
use std::io::Read;
use std::path::Path;

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/traces")
        .join(name);
    let mut bytes = Vec::new();
    let mut file = std::fs::File::open(path).expect("a fixture");
    if name.ends_with(".xz") {
        liblzma::read::XzDecoder::new(file)
            .read_to_end(&mut bytes)
            .expect("an xz file");
    } else {
        file.read_to_end(&mut bytes).expect("a readable file");
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn push(comparison: &mut Comparison<'_>, side: Side, trace: &str) {
    let mut reader = Reader::new(trace.as_bytes());
    while let Some(line) = reader.next_line().expect("a line") {
        let _ = comparison.push(side, &line);
    }
}

fn compare(before: &str, after: &str) -> Diff {
    let mut comparison = Comparison::new();
    push(&mut comparison, Side::Before, before);
    push(&mut comparison, Side::After, after);
    comparison.finish()
}

/// A small generator of numbers (Marsaglia's xorshift64*), so that runs repeat.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }
}

#[test]
fn every_trace_is_the_same_as_itself() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/traces");
    let mut traces = 0;
    for entry in std::fs::read_dir(folder).expect("the fixtures are part of the project") {
        let name = entry
            .expect("a readable folder")
            .file_name()
            .to_string_lossy()
            .into_owned();
        if name.ends_with(".mmiotrace") || name.ends_with(".mmiotrace.xz") {
            let trace = fixture(&name);
            let diff = compare(&trace, &trace);
            assert!(diff.is_same(), "{name}: {:?}", diff.differences.first());
            traces += 1;
        }
    }
    assert!(traces > 40, "only {traces} traces");
}

/// Times, map ids and the address of the BAR moved: the same driver on another machine.
#[test]
fn what_does_not_matter_is_no_difference() {
    let trace = fixture("xhci-6.1.mmiotrace");
    let moved: String = trace
        .lines()
        .map(|line| {
            let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let shift = |word: &str| {
                let number = u64::from_str_radix(word.trim_start_matches("0x"), 16).expect("hex");
                format!("0x{:x}", number + 0x10_0000_0000)
            };
            match words[0].as_str() {
                "R" | "W" => {
                    words[2] = format!("1{}", words[2]);
                    words[3] = format!("7{}", words[3]);
                    words[4] = shift(&words[4]);
                }
                "MAP" => {
                    words[1] = format!("1{}", words[1]);
                    words[2] = format!("7{}", words[2]);
                    words[3] = shift(&words[3]);
                }
                "UNMAP" => words[2] = format!("7{}", words[2]),
                "PCIDEV" => {
                    for word in words.iter_mut().take(11).skip(4) {
                        let number = u64::from_str_radix(word, 16).expect("hex");
                        // Memory ranges only: an I/O range lies below 64 KiB.
                        if number > 0xffff {
                            *word = format!("{:x}", number + 0x10_0000_0000);
                        }
                    }
                }
                _ => {}
            }
            words.join(" ") + "\n"
        })
        .collect();
    assert_ne!(trace, moved);
    let diff = compare(&trace, &moved);
    assert!(diff.is_same(), "{:?}", diff.differences.first());
}

#[test]
fn polls_of_other_lengths_are_no_difference() {
    let once = "R 4 1.000000 0 0x10 0x0 0x0 0\nR 4 1.000001 0 0x10 0x2 0x0 0\nW 4 1.000002 0 0x14 0x1 0x0 0\n";
    let often = "R 4 1.000000 0 0x10 0x0 0x0 0\n".repeat(500)
        + "R 4 2.000001 0 0x10 0x2 0x0 0\nW 4 2.000002 0 0x14 0x1 0x0 0\n";
    assert!(compare(once, &often).is_same());
    let failed = often.replace(" 0x2 ", " 0x0 ");
    let diff = compare(once, &failed);
    assert_eq!((diff.summary.changed_reads, diff.differences.len()), (1, 1));
    assert_eq!(
        diff.differences[0].after().map(|seen| seen.count),
        Some(501)
    );
}

/// One access in a hundred changed, dropped or moved: exactly those are found.
#[test]
fn planted_differences_are_found_and_nothing_else() {
    let trace = fixture("e1000e-q35-6.1.mmiotrace.xz");
    let lines: Vec<&str> = trace.lines().collect();
    let is_write = |line: &str| line.starts_with("W ");
    let place = |line: &str| line.split(' ').nth(4).map(str::to_owned);
    for seed in 1..6 {
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ seed);
        let mut doctored: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        // Far enough apart that each stands alone, and only where the neighbours are other
        // registers: a write that looks like the one beside it can be taken for it.
        let candidates: Vec<usize> = (2..lines.len() - 3)
            .filter(|at| {
                is_write(lines[*at])
                    && [at - 2, at - 1, at + 1, at + 2]
                        .iter()
                        .all(|other| place(lines[*other]) != place(lines[*at]))
            })
            .collect();
        let (mut changed, mut dropped) = (Vec::new(), Vec::new());
        let mut last = 0;
        for at in candidates {
            if at < last + 20 || random.below(5) != 0 {
                continue;
            }
            last = at;
            if random.below(2) == 0 {
                let mut words: Vec<String> = lines[at].split(' ').map(str::to_owned).collect();
                words[5] = format!("0x{:x}", 0x5a5a_0000 + random.below(0xffff));
                doctored[at] = words.join(" ");
                changed.push(at as u64 + 1);
            } else {
                doctored[at].clear();
                dropped.push(at as u64 + 1);
            }
        }
        assert!(
            changed.len() + dropped.len() > 20,
            "only {} planted",
            changed.len() + dropped.len()
        );
        let doctored: String = doctored
            .iter()
            .filter(|line| !line.is_empty())
            .map(|line| format!("{line}\n"))
            .collect();
        let diff = compare(&trace, &doctored);
        let lines_of = |wanted: fn(&Difference) -> bool| -> Vec<u64> {
            let found = diff
                .differences
                .iter()
                .filter(|difference| wanted(difference));
            found
                .filter_map(|difference| difference.before())
                .map(|seen| seen.line)
                .collect()
        };
        assert_eq!(
            lines_of(|difference| matches!(difference, Difference::Changed { .. })),
            changed,
            "seed {seed}"
        );
        assert_eq!(
            lines_of(|difference| matches!(difference, Difference::Missing { .. })),
            dropped,
            "seed {seed}"
        );
        assert_eq!(
            diff.differences.len(),
            changed.len() + dropped.len(),
            "seed {seed}"
        );
    }
}

#[test]
fn a_step_that_moved_is_told_as_one() {
    let trace = fixture("nvme-6.1.mmiotrace");
    let mut lines: Vec<&str> = trace.lines().collect();
    let at = lines
        .iter()
        .position(|line| line.starts_with("W 4") && line.contains("014 0x460061"))
        .expect("CC.EN is written");
    let line = lines.remove(at);
    lines.insert(at + 6, line);
    let diff = compare(&trace, &(lines.join("\n") + "\n"));
    let moved: Vec<u64> = diff
        .differences
        .iter()
        .filter(|difference| matches!(difference, Difference::Moved { .. }))
        .filter_map(|difference| difference.before())
        .map(|seen| seen.line)
        .collect();
    assert!(diff.summary.moved >= 1, "{:?}", diff.summary);
    assert_eq!(
        diff.summary.missing + diff.summary.inserted,
        0,
        "{:?}",
        diff.differences
    );
    assert!(
        moved
            .iter()
            .any(|line| (at as u64 + 1..=at as u64 + 7).contains(line)),
        "{moved:?} near {}",
        at + 1
    );
}

/// Two recordings of one driver: the kernel's version differs, the writes hardly do.
#[test]
fn two_kernels_drive_the_card_nearly_alike() {
    let diff = compare(
        &fixture("e1000-6.1.mmiotrace.xz"),
        &fixture("e1000-6.12.mmiotrace.xz"),
    );
    let summary = diff.summary;
    assert!(summary.equal * 10 > summary.steps_before * 9, "{summary:?}");
}

#[test]
fn treatments() {
    let before = "R 4 1.000000 0 0x10 0x1 0x0 0\nW 4 1.000001 0 0x14 0x1 0x0 0\nR 4 1.000002 0 0x18 0x1 0x0 0\n";
    let after = "R 4 1.000000 0 0x10 0x2 0x0 0\nW 4 1.000001 0 0x14 0x2 0x0 0\nR 4 1.000002 0 0x18 0x2 0x0 0\n";
    let mut comparison = Comparison::new()
        .names(|access| Some(format!("REG{:x}", access.phys)))
        .treat(|register| match register.name.as_deref() {
            Some("REG0x10" | "REG10") => Treatment::Volatile,
            Some("REG0x14" | "REG14") => Treatment::Ignore,
            _ => Treatment::Compare,
        });
    push(&mut comparison, Side::Before, before);
    push(&mut comparison, Side::After, after);
    let diff = comparison.finish();
    assert_eq!(diff.differences.len(), 1);
    let seen = diff.differences[0].before().expect("a step");
    assert_eq!((seen.act, seen.line), (Act::Read, 3));
}
