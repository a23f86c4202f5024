//! A program that we did not write, judged by another tool: SQLite keeps the index of its write-ahead log in
//! a shared mapping, and valgrind's lackey tells every access to memory that a program makes. What our
//! trace says of the mapping must be what lackey says of it: every access, in order, with kind, offset and
//! width.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used)]

mod command;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

const STATEMENTS: &str = "\
PRAGMA journal_mode=WAL;
CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);
INSERT INTO t(b) VALUES('one'),('two'),('three');
SELECT count(*) FROM t;
UPDATE t SET b='four' WHERE a=2;
SELECT group_concat(b) FROM t;
";
const PRINTED: &[u8] = b"wal\n3\none,four,three\n";

/// The length of the mapping, by which the judge's log is searched for it.
const INDEX: u64 = 32768;

/// valgrind's CPU has no AVX-512, and the C library chooses its copying by the CPU: the same for both.
const TUNABLES: &str = "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-ERMS,-FSRM";

/// Kind, offset and width.
type Seen = (char, u64, u64);

fn is_there(test: &str, program: &str) -> bool {
    let there = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !there {
        eprintln!("SKIPPED: {test}: {program} is not installed");
    }
    there
}

#[test]
fn sqlite_under_our_eyes_and_under_valgrinds() {
    const TEST: &str = "sqlite_under_our_eyes";
    if !is_there(TEST, "sqlite3") || !is_there(TEST, "valgrind") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("statements"), STATEMENTS).unwrap();
    let sqlite = [
        "sqlite3",
        "-batch",
        "-init",
        "/dev/null",
        "base",
        ".read statements",
    ];
    let recorded = in_folder(
        command::command(&["record", "-o", "trace", "--match", "*/base-shm", "--"]).args(sqlite),
        folder.path(),
    );
    assert!(recorded.contains("trace: complete"), "{recorded}");
    for file in ["base", "base-wal", "base-shm"] {
        let _ = fs::remove_file(folder.path().join(file));
    }
    in_folder(
        Command::new("valgrind")
            .args(["--tool=lackey", "--trace-mem=yes", "--trace-syscalls=yes"])
            .args(["--log-file=judge"])
            .args(sqlite),
        folder.path(),
    );
    let traced = traced(&folder.path().join("trace"));
    let judged = judged(&folder.path().join("judge"));
    let differs = traced
        .iter()
        .zip(&judged)
        .position(|(ours, theirs)| ours != theirs);
    assert!(
        differs.is_none() && traced.len() == judged.len(),
        "{} and {} accesses, the first that differs: {differs:?}",
        traced.len(),
        judged.len()
    );
    // The index is cleared in pieces of at most 64 bytes.
    assert!(traced.len() > 512, "{}", traced.len());
    assert!(traced.iter().any(|(kind, ..)| *kind == 'R'));
}

/// Runs a command that must print what the statements select; gives its standard error.
fn in_folder(command: &mut Command, folder: &Path) -> String {
    let output = command
        .current_dir(folder)
        .env("GLIBC_TUNABLES", TUNABLES)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    assert!(output.stdout.ends_with(PRINTED), "{told}");
    told
}

/// The accesses of our trace; a wide one stands in several lines, and a marker before them says so.
fn traced(trace: &Path) -> Vec<Seen> {
    let text = fs::read_to_string(trace).unwrap();
    let hex = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap();
    let mut seen = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let fields: Vec<&str> = line.split(' ').collect();
        if let ["MARK", _, "mmiotrace1", "wide", parts, width] = fields[..] {
            let parts: usize = parts.strip_prefix("n=").unwrap().parse().unwrap();
            let width = width.strip_prefix("width=").unwrap().parse().unwrap();
            let first: Vec<&str> = lines.next().unwrap().split(' ').collect();
            lines.by_ref().take(parts - 1).for_each(drop);
            seen.push((first[0].chars().next().unwrap(), hex(first[4]), width));
        } else if let [kind @ ("R" | "W"), width, _, _, at, ..] = fields[..] {
            seen.push((
                kind.chars().next().unwrap(),
                hex(at),
                width.parse().unwrap(),
            ));
        }
    }
    seen
}

/// What lackey says of the mapping, whose address it tells with the system calls.
fn judged(log: &Path) -> Vec<Seen> {
    let mut base = None;
    let mut seen = Vec::new();
    for line in BufReader::new(fs::File::open(log).unwrap()).split(b'\n') {
        let line = line.unwrap();
        let line = String::from_utf8_lossy(&line);
        if line.contains("sys_mmap") && line.contains(&format!(", {INDEX}, 3, 1, ")) {
            let address = line
                .split("Success(0x")
                .nth(1)
                .unwrap()
                .split(')')
                .next()
                .unwrap();
            base = u64::from_str_radix(address, 16).ok();
            continue;
        }
        let Some(base) = base else { continue };
        let kinds = match line.get(..3) {
            Some(" L ") => "R",
            Some(" S ") => "W",
            // A read-modify-write is two accesses.
            Some(" M ") => "RW",
            _ => continue,
        };
        let (address, width) = line[3..].split_once(',').unwrap();
        let offset = u64::from_str_radix(address.trim(), 16)
            .unwrap()
            .wrapping_sub(base);
        if offset < INDEX {
            let width = width.trim().parse().unwrap();
            seen.extend(kinds.chars().map(|kind| (kind, offset, width)));
        }
    }
    assert!(base.is_some(), "the mapping is not in the judge's log");
    seen
}
