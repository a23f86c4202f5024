//! Every register of vendors' SVD files against cmsis-svd, which other people wrote.
//!
//! `MMIOTRACE_SVD` is a folder with SVD files and, from `tests/judges/svd_names.py`, a file
//! `FILE.svd.names` beside each. `MMIOTRACE_JUDGE_ALL=1` asks for all of them, else the smallest
//! few. `MMIOTRACE_JUDGE_TABLE` is a file to write the table to.

use core::fmt::Write as _;
use mmiotrace_core::{AccessKind, MapId, PhysAddr, Value, Width};
use mmiotrace_registers::{Loader, Namer, Reachability};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many files the quick test reads.
const FEW: usize = 6;

fn skipped(reason: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "SKIPPED: judged_svd: {reason}");
}

/// The files that have been judged, smallest first.
fn judged(folder: &Path) -> Vec<(PathBuf, PathBuf)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .filter_map(|entry| {
            let file = entry.ok()?.path();
            let names = PathBuf::from(format!("{}.names", file.display()));
            let is_svd = file.extension().is_some_and(|extension| extension == "svd");
            (is_svd && names.is_file()).then_some((file, names))
        })
        .collect();
    files.sort_by_key(|(file, _)| file.metadata().map(|data| data.len()).unwrap_or(0));
    files
}

/// What one file's registers are called.
#[derive(Default)]
struct Score {
    registers: usize,
    right: usize,
    wrong: Vec<String>,
    /// Of several registers at one address one is named.
    other: usize,
    hidden: usize,
    odd: usize,
}

/// `_` for the dots between the parts of a name, as cmsis-svd joins them.
fn joined(name: &str) -> String {
    name.replacen('.', "\n", 1)
        .replace('.', "_")
        .replace('\n', ".")
}

fn judge(file: &Path, names: &Path) -> Score {
    let loaded = Loader::new()
        .load(file)
        .unwrap_or_else(|error| panic!("{error}"));
    let odd = loaded.warnings.len();
    let map = Arc::new(loaded.map.compile().expect("a sound map"));
    let mut namer = Namer::builder()
        .bundled(false)
        .map(Arc::clone(&map))
        .build();
    let mut expected: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for line in std::fs::read_to_string(names).expect("names").lines() {
        let (at, name) = line.split_once(' ').expect("an address and a name");
        let at = u64::from_str_radix(at.trim_start_matches("0x"), 16).expect("an address");
        expected.entry(at).or_default().push(name.to_owned());
    }
    let mut score = Score {
        odd,
        ..Score::default()
    };
    for (at, names) in expected {
        score.registers += names.len();
        let found = namer
            .address(PhysAddr(at))
            .name()
            .map_or_else(String::new, joined);
        if names.contains(&found) {
            score.right += 1;
            score.other += names.len() - 1;
            // The others are found by name, and by accesses of their width and direction.
            continue;
        }
        score
            .wrong
            .push(format!("{at:#x} {found:?}, not {names:?}"));
    }
    score.hidden = Reachability::of(&map).hidden.len();
    score
}

#[test]
fn registers_of_vendors_are_named_as_by_cmsis_svd() {
    let Some(folder) = std::env::var_os("MMIOTRACE_SVD").map(PathBuf::from) else {
        return skipped("MMIOTRACE_SVD is not set (see tests/judges/svd_names.py)");
    };
    let mut files = judged(&folder);
    if std::env::var_os("MMIOTRACE_JUDGE_ALL").is_none() {
        files.truncate(FEW);
    }
    if files.is_empty() {
        return skipped("there are no judged files in MMIOTRACE_SVD");
    }
    let mut table = String::from(
        "| file | registers | right | at the same address as another | wrong | odd lines |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    let mut wrong = Vec::new();
    let mut sums = [0; 4];
    for (file, names) in &files {
        let score = judge(file, names);
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let _ = writeln!(
            table,
            "| {name} | {} | {} | {} | {} | {} |",
            score.registers,
            score.right,
            score.other,
            score.wrong.len(),
            score.odd
        );
        let counts = [score.registers, score.right, score.other, score.wrong.len()];
        sums.iter_mut()
            .zip(counts)
            .for_each(|(sum, count)| *sum += count);
        wrong.extend(score.wrong.iter().map(|line| format!("{name}: {line}")));
    }
    let _ = writeln!(
        table,
        "| all {} | {} | {} | {} | {} | |",
        files.len(),
        sums[0],
        sums[1],
        sums[2],
        sums[3]
    );
    if let Some(path) = std::env::var_os("MMIOTRACE_JUDGE_TABLE") {
        std::fs::write(path, &table).expect("a writable file");
    }
    println!("{table}");
    let known = include_str!("judges/svd_known.txt");
    let unexplained: Vec<_> = wrong
        .iter()
        .filter(|line| {
            !known
                .lines()
                .any(|known| !known.starts_with('#') && !known.is_empty() && line.contains(known))
        })
        .collect();
    assert!(
        unexplained.is_empty(),
        "{} names differ: {:#?}",
        unexplained.len(),
        &unexplained[..unexplained.len().min(40)]
    );
}

/// Accesses by width and direction are what `Reachability` tries; here only that it agrees with
/// what a namer says of a register of bytes over one of words.
#[test]
fn a_reachable_register_is_named_by_its_access() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/cases/r67/alt.svd");
    let loaded = Loader::new().load(&file).expect("a map");
    let map = Arc::new(loaded.map.compile().expect("a sound map"));
    assert_eq!(Reachability::of(&map).hidden, []);
    let mut namer = Namer::builder().bundled(false).map(map).build();
    let access = mmiotrace_core::Access {
        kind: AccessKind::Write,
        width: Width::W1,
        map_id: MapId(1),
        phys: PhysAddr(0x4000_0011),
        value: Value::from_u64(0x42, Width::W1),
    };
    assert_eq!(namer.access(&access).name(), Some("UART.CH0_CTRLB"));
}
