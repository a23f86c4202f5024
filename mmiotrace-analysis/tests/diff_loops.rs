//! Loops over several registers: how often they turned does not matter, what they wrote does.

mod support;

use mmiotrace_analysis::diff::{Comparison, Diff, Difference, Seen, Side};
use mmiotrace_format::Reader;
use support::Random;

fn compare(before: &str, after: &str) -> Diff {
    let mut comparison = Comparison::new();
    for (side, trace) in [(Side::Before, before), (Side::After, after)] {
        let mut entries = Reader::new(trace.as_bytes()).entries();
        while let Some(entry) = entries.next_entry().expect("a line") {
            comparison.push(side, &entry).expect("a record");
        }
    }
    comparison.finish()
}

/// Lines for accesses such as `R 10 1`: kind, register and value in hex.
fn trace(accesses: &[String]) -> String {
    let line = |access: &String| {
        let words: Vec<&str> = access.split(' ').collect();
        let [kind, register, value] = words[..] else {
            panic!("{access}");
        };
        format!("{kind} 4 1.000000 0 0x{register} 0x{value} 0x0 0\n")
    };
    accesses.iter().map(line).collect()
}

fn accesses(text: &str) -> Vec<String> {
    text.split(", ").map(str::to_owned).collect()
}

/// A loop that turns so often, then its last turn, between two writes.
fn looped(turn: &str, turns: usize, last: &str) -> String {
    let mut all = accesses("W 90 1");
    for _ in 1..turns {
        all.extend(accesses(turn));
    }
    all.extend(accesses(last));
    all.extend(accesses("W 94 1"));
    trace(&all)
}

/// Waits of 2 to 5 accesses a turn, and their last turns.
const WAITS: [(&str, &str); 5] = [
    ("R 10 0, R 14 5", "R 10 1, R 14 5"),
    ("R 10 0, R 10 0, R 14 5, R 18 0", "R 10 0, R 14 5, R 18 7"),
    // Index and data, a kick before each look, and a status behind an index with a flush.
    ("W 20 5, R 24 0", "W 20 5, R 24 1"),
    ("W 30 1, R 34 8, R 38 0", "W 30 1, R 34 8, R 38 1"),
    (
        "W 20 5, R 2c 3, W 24 1, R 24 0, R 28 4",
        "W 20 5, R 2c 3, W 24 1, R 24 2, R 28 4",
    ),
];

#[test]
fn how_often_a_wait_turned_is_no_difference() {
    for (turn, last) in WAITS {
        for (few, many) in [(5, 9), (1, 9), (3, 700), (2, 3), (8, 8)] {
            let (few, many) = (looped(turn, few, last), looped(turn, many, last));
            for (before, after) in [(&few, &many), (&many, &few)] {
                let diff = compare(before, after);
                assert!(diff.is_same(), "{turn}: {:#?}", diff.differences);
            }
        }
    }
}

#[test]
fn what_a_wait_came_to_is_a_difference() {
    for (turn, last) in WAITS {
        // It never came: the last turn is as the others.
        let (good, bad) = (looped(turn, 5, last), looped(turn, 9, turn));
        let diff = compare(&good, &bad);
        let [Difference::Changed { before, after, .. }] = &diff.differences[..] else {
            panic!("{turn}: {:#?}", diff.differences);
        };
        assert_eq!((before.turns, after.turns), (5, 9), "{turn}");
        assert_ne!(before.value, after.value);
    }
}

/// A loop in a loop, both turning as often as they like.
#[test]
fn waits_within_repetitions() {
    let make = |inner: &[usize]| {
        let mut all = accesses("W 90 1");
        for turns in inner {
            all.extend(accesses("W 40 1"));
            for _ in 1..*turns {
                all.extend(accesses("R 44 0, R 48 0"));
            }
            all.extend(accesses("R 44 1, R 48 0, R 4c 0"));
        }
        all.extend(accesses("W 94 1"));
        trace(&all)
    };
    let diff = compare(&make(&[3, 4, 5, 3]), &make(&[7, 3, 12, 4]));
    assert!(diff.is_same(), "{:#?}", diff.differences);
}

fn writes(diff: &Diff) -> Vec<&Seen> {
    let seen = diff.differences.iter().flat_map(|difference| {
        let (before, after) = (difference.before(), difference.after());
        before.into_iter().chain(after)
    });
    seen.filter(|seen| format!("{:?}", seen.act) == "Write")
        .collect()
}

/// Bits shifted out one by one, each with a look at the status: equal bits look like a loop. Every
/// other word must be told, whatever the status was.
#[test]
fn a_changed_bit_of_a_word_is_found() {
    let shifted = |word: u32, clock: bool, status: fn(u32) -> u32| {
        let mut all = accesses("W 90 1");
        for bit in (0..8).rev() {
            let value = word >> bit & 1;
            all.push(format!("W 50 {value:x}"));
            all.push(format!("R 54 {:x}", status(bit)));
            if clock {
                all.push(format!("W 50 {:x}", value | 4));
                all.push(format!("R 54 {:x}", status(bit)));
            }
        }
        all.extend(accesses("W 94 1"));
        trace(&all)
    };
    let quiet: fn(u32) -> u32 = |_| 0;
    let late: fn(u32) -> u32 = |bit| u32::from(bit == 4 || bit == 0);
    for clock in [false, true] {
        for status in [quiet, late] {
            for word in 0..256 {
                for bit in 0..8 {
                    let other = word ^ 1 << bit;
                    let diff = compare(
                        &shifted(word, clock, status),
                        &shifted(other, clock, status),
                    );
                    assert!(!writes(&diff).is_empty(), "{word:#x} {other:#x} {clock}");
                }
            }
        }
    }
}

/// A sequence that is done more often is told: once, with the number of turns.
#[test]
fn a_repetition_that_waits_for_nothing_is_told() {
    let turn = "W 60 1, W 64 2, R 68 0";
    let diff = compare(&looped(turn, 5, turn), &looped(turn, 9, turn));
    let told: Vec<_> = writes(&diff)
        .iter()
        .map(|seen| (seen.value, seen.turns))
        .collect();
    assert_eq!(told, [(Some(1), 4), (Some(2), 4)]);
    assert_eq!(diff.summary.inserted, 3);
    let diff = compare(
        &looped("W 60 1", 5, "W 60 1"),
        &looped("W 60 1", 9, "W 60 1"),
    );
    assert_eq!(diff.summary.inserted, 4, "{:#?}", diff.differences);
}

/// A driver that does little but wait: each wait with registers of its own now and then.
fn waiting_driver(random: &mut Random, turns: &mut dyn FnMut() -> usize) -> Vec<String> {
    let mut all = Vec::new();
    for round in 0..200 {
        let (turn, last) = WAITS[random.below(WAITS.len())];
        for _ in 1..turns() {
            all.extend(accesses(turn));
        }
        all.extend(accesses(last));
        all.push(format!("W {:x} {:x}", 0x1000 + round * 4, random.below(16)));
    }
    all
}

/// Writes changed, dropped and doubled at random within loops: with as many turns on both sides exactly
/// those are found.
#[test]
fn what_is_planted_in_loops_is_found_and_nothing_else() {
    for seed in 1..9 {
        let mut random = Random(0x1234_5678_9abc ^ seed);
        let mut lengths = Random(seed);
        let all = waiting_driver(&mut random, &mut || 1 + lengths.below(12));
        let mut doctored = all.clone();
        let mut planted: Vec<(u64, char)> = Vec::new();
        while planted.len() * 100 < all.len() {
            let at = random.below(all.len());
            let line = at as u64 + 1;
            // Not what separates two waits, and each far enough from the others.
            let apart = |(other, _): &(u64, char)| line.abs_diff(*other) > 24;
            let separates = all[at].starts_with("W 1") || all[at].starts_with("W 4");
            if all[at].starts_with("W ") && !separates && planted.iter().all(apart) {
                planted.push((line, ['!', '-'][random.below(2)]));
            }
        }
        planted.sort_unstable();
        for (line, what) in planted.iter().rev() {
            let at = *line as usize - 1;
            match what {
                '!' => {
                    let (place, _) = all[at].rsplit_once(' ').expect("three words");
                    doctored[at] = format!("{place} {:x}", 0x5a5a_0000 + line);
                }
                _ => drop(doctored.remove(at)),
            }
        }
        let diff = compare(&trace(&all), &trace(&doctored));
        let found: Vec<(u64, char)> = diff
            .differences
            .iter()
            .map(|difference| match difference {
                Difference::Changed { before, .. } => (before.line, '!'),
                Difference::Missing { before } => (before.line, '-'),
                _ => panic!("seed {seed}: {difference:?}"),
            })
            .collect();
        assert_eq!(found, planted, "seed {seed}");
    }
}

/// With other numbers of turns on both sides, every value that is written nowhere else is told.
#[test]
fn a_changed_write_is_never_folded_away() {
    for seed in 1..12 {
        let make = |lengths: u64| {
            let mut lengths = Random(lengths);
            waiting_driver(&mut Random(seed << 20 | 1), &mut || 1 + lengths.below(12))
        };
        let (before, mut after) = (make(seed), make(seed + 1000));
        let mut random = Random(seed);
        let mut planted = Vec::new();
        while planted.len() * 100 < after.len() {
            let at = random.below(after.len());
            if after[at].starts_with("W ") && !planted.contains(&(at as u64 + 1)) {
                let (place, _) = after[at].rsplit_once(' ').expect("three words");
                after[at] = format!("{place} {:x}", 0x5a5a_0000 + at);
                planted.push(at as u64 + 1);
            }
        }
        let diff = compare(&trace(&before), &trace(&after));
        for line in planted {
            assert!(
                writes(&diff)
                    .iter()
                    .any(|seen| seen.value == Some(0x5a5a_0000 + line - 1)),
                "seed {seed}: line {line}"
            );
        }
    }
}
