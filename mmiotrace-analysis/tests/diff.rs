//! Comparing real traces with themselves, with other recordings, and with doctored copies.

mod support;

use mmiotrace_analysis::diff::{Act, Comparison, Diff, Difference, Field, Known, Side, Treatment};
use mmiotrace_format::Reader;
use support::{Random, fixtures};

fn fixture(name: &str) -> String {
    String::from_utf8_lossy(&fixtures::trace(name)).into_owned()
}

fn push(comparison: &mut Comparison<'_>, side: Side, trace: &str) {
    let mut entries = Reader::new(trace.as_bytes()).entries();
    while let Some(entry) = entries.next_entry().expect("a line") {
        let _ = comparison.push(side, &entry);
    }
}

fn compare(before: &str, after: &str) -> Diff {
    let mut comparison = Comparison::new();
    push(&mut comparison, Side::Before, before);
    push(&mut comparison, Side::After, after);
    comparison.finish()
}

#[test]
fn every_trace_is_the_same_as_itself() {
    let traces = fixtures::traces();
    for (name, trace) in &traces {
        let trace = String::from_utf8_lossy(trace);
        let diff = compare(&trace, &trace);
        assert!(diff.is_same(), "{name}: {:?}", diff.differences.first());
    }
    assert!(traces.len() > 40, "only {} traces", traces.len());
}

/// Times, map ids and the address of the BAR moved: the same driver on another machine.
#[test]
fn what_does_not_matter_is_no_difference() {
    let trace = fixture("xhci-6.1");
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

/// What was done to a line of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planted {
    Changed,
    Dropped,
    Moved,
}

/// Where a trace can be changed so that there is one right answer: writes whose neighbours are
/// other registers (one that looks like the one beside it can be taken for it).
fn candidates(lines: &[&str]) -> Vec<usize> {
    let place = |at: usize| lines[at].split(' ').nth(4);
    let alone = |at: &usize| {
        lines[*at].starts_with("W ")
            && (at - 5..at + 6)
                .filter(|other| other != at)
                .all(|other| place(other) != place(*at))
    };
    (5..lines.len() - 6).filter(alone).collect()
}

/// One access in a hundred changed, dropped or moved at random: exactly those are found.
#[test]
fn planted_differences_are_found_and_nothing_else() {
    let trace = fixture("e1000e-q35-6.1");
    let lines: Vec<&str> = trace.lines().collect();
    let is_access = |line: &&&str| line.starts_with("R ") || line.starts_with("W ");
    let accesses = lines.iter().filter(is_access).count();
    let candidates = candidates(&lines);
    for seed in 1..9 {
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ seed);
        let mut planted: Vec<(usize, Planted)> = Vec::new();
        while planted.len() * 100 < accesses {
            let at = candidates[random.below(candidates.len())];
            // Far enough apart that each stands alone.
            if planted.iter().all(|(other, _)| at.abs_diff(*other) > 12) {
                let kinds = [Planted::Changed, Planted::Dropped, Planted::Moved];
                planted.push((at, kinds[random.below(3)]));
            }
        }
        planted.sort_unstable_by_key(|(at, _)| *at);
        let mut doctored: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        for (at, what) in planted.iter().rev() {
            match what {
                Planted::Changed => {
                    let mut words: Vec<String> = lines[*at].split(' ').map(str::to_owned).collect();
                    words[5] = format!("0x{:x}", 0x5a5a_0000 + random.below(0xffff));
                    doctored[*at] = words.join(" ");
                }
                Planted::Dropped => drop(doctored.remove(*at)),
                Planted::Moved => {
                    let line = doctored.remove(*at);
                    doctored.insert(at + 5, line);
                }
            }
        }
        let diff = compare(&trace, &(doctored.join("\n") + "\n"));
        let found: Vec<(usize, Planted)> = diff
            .differences
            .iter()
            .map(|difference| {
                let what = match difference {
                    Difference::Changed { .. } => Planted::Changed,
                    Difference::Missing { .. } => Planted::Dropped,
                    Difference::Moved { .. } => Planted::Moved,
                    _ => panic!("seed {seed}: {difference:?}"),
                };
                let line = difference.before().expect("none was inserted").line;
                (usize::try_from(line).expect("few lines") - 1, what)
            })
            .collect();
        assert_eq!(found, planted, "seed {seed}");
    }
}

#[test]
fn a_step_that_moved_is_told_as_one() {
    let trace = fixture("nvme-6.1");
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
    let diff = compare(&fixture("e1000-6.1"), &fixture("e1000-6.12"));
    let summary = diff.summary;
    assert!(summary.equal * 10 > summary.steps_before * 9, "{summary:?}");
}

#[test]
fn treatments() {
    let before = "R 4 1.000000 0 0x10 0x1 0x0 0\nW 4 1.000001 0 0x14 0x1 0x0 0\nR 4 1.000002 0 0x18 0x1 0x0 0\n";
    let after = "R 4 1.000000 0 0x10 0x2 0x0 0\nW 4 1.000001 0 0x14 0x2 0x0 0\nR 4 1.000002 0 0x18 0x2 0x0 0\n";
    let mut comparison = Comparison::new().treat(|register| match register.name.as_deref() {
        Some("VOLATILE") => Some(Treatment::Volatile),
        Some("IGNORED") => Some(Treatment::Ignore),
        _ => None,
    });
    for (side, trace) in [(Side::Before, before), (Side::After, after)] {
        let mut entries = Reader::new(trace.as_bytes()).entries();
        let mut names = ["VOLATILE", "IGNORED", "COMPARED"].into_iter();
        while let Some(entry) = entries.next_entry().expect("a line") {
            let known = || names.next().map(Known::new);
            comparison
                .push_known(side, &entry, known)
                .expect("a record");
        }
    }
    let diff = comparison.finish();
    assert_eq!(diff.differences.len(), 1);
    let seen = diff.differences[0].before().expect("a step");
    assert_eq!((seen.act, seen.line), (Act::Read, 3));
}

/// What a map says of a register: its fields tell what changed, and what changes by itself is not
/// compared. Addresses that the system chose are left out by whoever knows them.
#[test]
fn what_a_map_knows() {
    let trace = |status: &str, control: &str, address: &str| {
        format!(
            "R 4 1.000000 0 0x10 {status} 0x0 0\nW 4 1.000001 0 0x14 {control} 0x0 0\n\
             W 4 1.000002 0 0x18 {address} 0x0 0\n"
        )
    };
    let mut comparison = Comparison::new().treat(|register| {
        (register.name.as_deref() == Some("BASE")).then_some(Treatment::AnyValue)
    });
    let sides = [
        (Side::Before, trace("0x1", "0x80000011", "0x1000")),
        (Side::After, trace("0x2", "0x80000201", "0x2000")),
    ];
    for (side, trace) in &sides {
        let mut entries = Reader::new(trace.as_bytes()).entries();
        let mut status = Known::new("STATUS");
        status.volatile = true;
        let mut control = Known::new("CONTROL");
        for (name, bits) in [("ENABLE", 1), ("MODE", 0xff0), ("RESET", 1 << 31)] {
            let name = name.to_owned();
            control.fields.push(Field { name, bits });
        }
        let mut known = [status, control, Known::new("BASE")].into_iter();
        while let Some(entry) = entries.next_entry().expect("a line") {
            let result = comparison.push_known(*side, &entry, || known.next());
            result.expect("a record");
        }
    }
    let diff = comparison.finish();
    let [Difference::Changed { fields, .. }] = &diff.differences[..] else {
        panic!("{:?}", diff.differences);
    };
    let told: Vec<_> = fields
        .iter()
        .map(|field| (field.name.as_str(), field.before, field.after))
        .collect();
    assert_eq!(told, [("MODE", 0x1, 0x20)]);
}

/// A write between the turns of a poll is one difference, and nothing is told of the turns.
#[test]
fn a_poll_torn_in_two_is_still_a_poll() {
    let reads = |count: usize| "R 4 1.000000 0 0x10 0x0 0x0 0\n".repeat(count);
    let end = "R 4 1.000000 0 0x10 0x1 0x0 0\nW 4 1.000001 0 0x14 0x1 0x0 0\n";
    let kick = "W 4 1.000000 0 0x20 0x1 0x0 0\n";
    let whole = reads(7) + end;
    let torn = reads(3) + kick + &reads(9) + end;
    let diff = compare(&whole, &torn);
    assert_eq!(diff.differences.len(), 1, "{:?}", diff.differences);
    assert_eq!(diff.summary.inserted, 1);
    // A poll that one side has not at all is one difference, however many turns it took.
    let without = end
        .lines()
        .last()
        .map(|line| format!("{line}\n"))
        .expect("lines");
    let diff = compare(&without, &(reads(50) + end));
    assert_eq!(diff.differences.len(), 1, "{:?}", diff.differences);
    assert_eq!(diff.differences[0].after().map(|seen| seen.count), Some(51));
}
