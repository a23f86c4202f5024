//! The examples do what they say.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use std::process::Command;

/// The example, built as a person would: a run of this test alone has not built it.
fn example(name: &str) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "run",
        "--quiet",
        "--offline",
        "--package",
        "mmiotrace-format",
        "--example",
        name,
        "--",
    ]);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo
}

fn trace() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/traces/edu-6.1.mmiotrace")
}

/// The same count, by a shell.
#[test]
fn writes_per_register() {
    let trace = trace();
    let output = example("writes_per_register")
        .stdin(std::fs::File::open(&trace).unwrap())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let counted = String::from_utf8(output.stdout).unwrap();
    let shell = Command::new("sh")
        .args([
            "-c",
            "grep '^W ' \"$0\" | cut -d' ' -f5 | sort | uniq -c | awk '{print $2, $1}'",
        ])
        .arg(&trace)
        .output()
        .unwrap();
    let mut shell: Vec<String> = String::from_utf8(shell.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    shell.sort();
    assert!(shell.len() > 5);
    assert_eq!(counted.lines().collect::<Vec<_>>(), shell);
}

#[test]
fn live_filter() {
    let trace = trace();
    let output = example("live_filter").arg(&trace).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let found = String::from_utf8(output.stdout).unwrap();
    let text = std::fs::read_to_string(&trace).unwrap();
    let expected = (1..).zip(text.lines()).filter(|(_, line)| {
        let value = line
            .split(' ')
            .nth(5)
            .and_then(|value| value.strip_prefix("0x"));
        let value = value
            .and_then(|value| u64::from_str_radix(value, 16).ok())
            .unwrap_or(0);
        line.starts_with("W ") && value & 1 << 31 != 0
    });
    let expected: Vec<String> = expected
        .map(|(number, line)| format!("{number}: {line}"))
        .collect();
    assert_eq!(found.lines().collect::<Vec<_>>(), expected);
}
