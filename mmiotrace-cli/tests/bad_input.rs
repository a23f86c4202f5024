//! Input that cannot be read, output that cannot be written, and lines without end.
#![allow(clippy::unwrap_used, missing_docs)]

mod command;

use command::bounded::{self, Bounded};
use command::{command, fixture, run, run_on, spawn};
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

#[test]
fn files_that_are_none() {
    let empty = fixture("empty-6.1.mmiotrace");
    let verbs: [&[&str]; 8] = [
        &["cat"],
        &["check"],
        &["stat"],
        &["diff", empty.path()],
        &["merge", empty.path()],
        &["report", "-o", "/dev/null"],
        &["export", "-o", "/dev/null", "--to", "vcd"],
        &["export", "-o", "/dev/null", "--to", "perfetto"],
    ];
    for verb in verbs {
        let refused = run(&[verb, &["/nonexistent/trace"]].concat());
        refused.assert_refused("/nonexistent/trace: ");
        let refused = run(&[verb, &["/tmp"]].concat());
        refused.assert_refused("/tmp: is a directory (");
    }
    run(&["diff", "/nonexistent/trace", empty.path()]).assert_refused("/nonexistent/trace: ");
    let stdin = fs::File::open("/tmp").unwrap();
    let output = command(&["cat"]).stdin(stdin).bounded_output();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("mmiotrace: standard input: "));
}

#[test]
fn arguments_that_are_none() {
    run(&["chekc"]).assert_refused("usage: ");
    run(&["cat", "a", "b"]).assert_refused("usage: ");
    run(&["cat", "--format", "xml"]).assert_refused("usage: ");
    assert_eq!(run(&[]).status, 2);
    let version = run(&["--version"]);
    assert_eq!(
        (version.status, version.text()),
        (0, format!("mmiotrace {}\n", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn every_verb_has_help_with_an_example() {
    let help = run(&["--help"]);
    assert_eq!(help.status, 0);
    let text = help.text();
    let verbs: Vec<&str> = text
        .lines()
        .skip_while(|line| *line != "Capture:")
        .take_while(|line| *line != "Options:")
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|verb| !verb.is_empty() && *verb != "help")
        .collect();
    assert!(
        verbs.contains(&"check") && verbs.contains(&"cat") && verbs.contains(&"stat"),
        "{text}"
    );
    for verb in verbs {
        let help = run(&[verb, "--help"]);
        assert_eq!(help.status, 0);
        let text = help.text();
        let examples = text.split("Examples:").nth(1).unwrap_or_default();
        let example = examples
            .lines()
            .any(|line| line.contains(&format!("mmiotrace {verb}")));
        assert!(example, "{text}");
    }
}

#[test]
fn a_full_disk() {
    let trace = fixture("e1000-6.1.mmiotrace.xz");
    let other = fixture("e1000-6.12.mmiotrace.xz");
    let verbs: [&[&str]; 8] = [
        &["cat"],
        &["cat", "--kind", "write"],
        &["cat", "--format", "jsonl"],
        &["check"],
        &["stat", "--json"],
        &["diff", other.path()],
        &["diff", "--json", other.path()],
        &["merge", other.path()],
    ];
    for verb in verbs {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let child = command(&[verb, &[trace.path()]].concat())
            .stdout(full)
            .stderr(Stdio::piped())
            .spawn();
        let output = bounded::wait(child.unwrap());
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{verb:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(
            stderr.starts_with("mmiotrace: standard output: No space left on device (make room"),
            "{stderr}"
        );
    }
}

/// Files that are named, and `-` for standard output.
#[test]
fn a_full_disk_under_a_file() {
    let trace = fixture("e1000-6.1.mmiotrace.xz");
    let verbs: [&[&str]; 5] = [
        &["report", "-o", "/dev/full"],
        &["report", "-o", "/dev/null", "--svg", "/dev/full"],
        &["export", "-o", "/dev/full", "--to", "vcd"],
        &["export", "-o", "/dev/full", "--to", "perfetto"],
        &["merge", "-o", "/dev/full"],
    ];
    for verb in verbs {
        let refused = run(&[verb, &[trace.path()]].concat());
        refused.assert_refused("/dev/full: No space left on device");
    }
}

/// What is no trace at all: nothing, text, bytes of a program. Every verb says so, in lines on standard
/// error, and ends as it should; none panics.
#[test]
fn what_is_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let program = fs::read(env!("CARGO_BIN_EXE_mmiotrace")).unwrap();
    let contents: [(&[u8], i32); 4] = [
        (b"", 0),
        (b"R 4 1.000000 1 0x10", 1),
        (b"R 4 nonsense\nW\n", 1),
        (&program[..program.len().min(1 << 18)], 1),
    ];
    let good = fixture("empty-6.1.mmiotrace");
    for (at, (content, status)) in contents.into_iter().enumerate() {
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (input, page, picture, dump) = (path("input"), path("page"), path("svg"), path("dump"));
        fs::write(&input, content).unwrap();
        let verbs: [&[&str]; 6] = [
            &["stat"],
            &["diff", good.path()],
            &["merge", "-o", &dump],
            &["report", "-o", &page, "--svg", &picture],
            &["export", "-o", &dump, "--to", "vcd"],
            &["export", "-o", &dump, "--to", "perfetto"],
        ];
        for verb in verbs {
            let told = run(&[verb, &[&input]].concat());
            // Against a trace with a header nothing is a difference in no step.
            assert!(
                told.status == status || at == 3 && told.status < 2,
                "{at} {verb:?}: {} {}",
                told.status,
                told.stderr
            );
            assert!(!told.stderr.contains("panicked"), "{}", told.stderr);
            assert_eq!(told.status > 0, !told.stderr.is_empty(), "{at} {verb:?}");
        }
        let page = fs::read_to_string(page).unwrap();
        assert!(page.contains("the trace is not complete"), "{at}");
    }
}

/// A page, a dump and a comparison of half a file tell so, and the page does not call the trace complete.
#[test]
fn half_a_compressed_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let trace = fixture("e1000-6.1.mmiotrace.xz");
    let stored = fs::read(&trace.path).unwrap();
    let (half, page, dump) = (path("half.xz"), path("page"), path("dump"));
    fs::write(&half, &stored[..stored.len() / 2]).unwrap();
    let verbs: [&[&str]; 5] = [
        &["stat"],
        &["diff", &half],
        &["merge", "-o", &dump],
        &["report", "-o", &page],
        &["export", "-o", &dump, "--to", "vcd"],
    ];
    for verb in verbs {
        let refused = run(&[verb, &[&half]].concat());
        assert_eq!(refused.status, 2, "{verb:?}: {}", refused.stderr);
        let told = format!("mmiotrace: {half}: the compressed data");
        assert!(refused.stderr.contains(&told), "{}", refused.stderr);
    }
    assert!(run(&["report", "-o", &path("whole"), trace.path()]).status < 2);
    let verdict = |page: &str| {
        let text = fs::read_to_string(path(page)).unwrap();
        ["complete", "not complete"].map(|what| text.contains(&format!("the trace is {what}")))
    };
    assert_eq!(verdict("whole"), [true, false]);
    assert_eq!(verdict("page"), [false, true]);
    // What was drawn before stays where the input is missing.
    run(&["export", "-o", &dump, "--to", "vcd", "/nowhere"]).assert_refused("/nowhere");
    assert!(fs::metadata(&dump).unwrap().len() > 1000);
}

/// As `| head -1` does it.
#[test]
fn a_closed_pipe() {
    let trace = fixture("e1000-6.1.mmiotrace.xz");
    let other = fixture("edu-6.12.mmiotrace");
    for verb in [
        &["cat"][..],
        &["cat", "--kind", "read"],
        &["cat", "--format", "csv"],
        &["diff", "--strict", "--most", "100000", other.path()],
        &["merge", trace.path()],
        &["export", "-o", "-", "--to", "vcd"],
    ] {
        let mut child = command(&[verb, &[trace.path()]].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _watch = bounded::watch(&child);
        let mut first = String::new();
        BufReader::with_capacity(16, child.stdout.take().unwrap())
            .read_line(&mut first)
            .unwrap();
        assert!(first.ends_with('\n'));
        let output = bounded::wait(child);
        assert_eq!(output.status.code(), Some(0), "{verb:?}");
        assert!(
            output.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn compressed_data_that_end_early() {
    let trace = fixture("e1000-6.1.mmiotrace.xz");
    let stored = fs::read(&trace.path).unwrap();
    let cut = &stored[..stored.len() / 2];
    let cat = run_on(&["cat"], cut);
    cat.assert_refused("standard input: the compressed data");
    // Everything that could be decompressed has been written.
    assert!(cat.stdout.len() > trace.bytes.len() / 4 && trace.bytes.starts_with(&cat.stdout));
    let lines = run_on(&["cat", "--kind", "read,write,map,mark"], cut);
    lines.assert_refused("standard input: the compressed data");
    assert!(lines.stdout.len() > trace.bytes.len() / 4);
    let check = run_on(&["check", "--json"], cut);
    check.assert_refused("standard input: the compressed data");
    let report = check.json();
    let told: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["kind"].as_str().unwrap())
        .collect();
    assert!(told.contains(&"truncated-end"), "{told:?}");
    let mut damaged = stored.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    run_on(&["cat"], &damaged).assert_refused("standard input: the compressed data");
}

/// One line that does not end. Copied as it is; else told, and skipped in little memory.
#[test]
fn a_gigabyte_without_newline() {
    const LEN: usize = 1 << 30;
    let cases: [(&[&str], i32); 3] = [
        (&["cat"], 0),
        (&["check", "--json"], 1),
        (&["cat", "--kind", "read"], 1),
    ];
    for (verb, status) in cases {
        let mut child = spawn(verb);
        let _watch = bounded::watch(&child);
        let id = child.id();
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || {
            let (mut len, mut head, mut block) = (0, Vec::new(), vec![0; 1 << 16]);
            loop {
                match stdout.read(&mut block).unwrap() {
                    0 => return (len, head),
                    got => {
                        len += got;
                        head.extend_from_slice(
                            &block[..got.min(10_000_usize.saturating_sub(head.len()))],
                        );
                    }
                }
            }
        });
        let block = vec![b'x'; 1 << 20];
        let mut peak = 0;
        for _ in 0..LEN / block.len() {
            stdin.write_all(&block).unwrap();
            peak = peak.max(peak_kib(id));
        }
        stdin.write_all(b"\nMARK 1.000000 behind it\n").unwrap();
        drop(stdin);
        let (len, head) = reader.join().unwrap();
        let output = bounded::wait(child);
        assert_eq!(output.status.code(), Some(status), "{verb:?}");
        assert!(peak > 0 && peak <= 32 * 1024, "{peak} KiB");
        match verb {
            ["cat"] => assert_eq!(len, LEN + 25),
            ["check", ..] => {
                let report: serde_json::Value = serde_json::from_slice(&head).unwrap();
                assert_eq!(
                    report["findings"][0]["text"],
                    "the trace holds not one access"
                );
                assert!(String::from_utf8_lossy(&head).contains("line longer than 1048576 bytes"));
                assert_eq!(
                    (&report["records"]["mark"], &report["records"]["other"]),
                    (&1.into(), &1.into())
                );
            }
            _ => {
                let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(
                    stderr
                        .starts_with("mmiotrace: standard input:1: line longer than 1048576 bytes"),
                    "{stderr}"
                );
            }
        }
    }
}

/// The most memory that a process has had, in KiB.
fn peak_kib(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| {
        line.strip_prefix("VmHWM:")?
            .trim()
            .strip_suffix(" kB")?
            .trim()
            .parse()
            .ok()
    });
    peak.unwrap_or(0)
}

/// What a span without its end would hold is not what was asked for, and is told not to be.
#[test]
fn markers_that_are_not_there() {
    let trace = fixture("e1000-6.1.mmiotrace.xz");
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.toml");
    for span in [
        &["--from-mark", "no such marker"][..],
        &["--to-mark", "no such marker"],
        &["--from-mark", "round 2", "--to-mark", "round 1"],
    ] {
        let cat = run(&[&["cat"], span, &[trace.path()]].concat());
        cat.assert_refused(trace.path());
        assert!(cat.stderr.contains("no marker matches"), "{}", cat.stderr);
        assert_eq!(
            cat.stdout.is_empty(),
            span[1] == "no such marker" && span[0] == "--from-mark"
        );
        let plan = ["-o", plan.to_str().unwrap()];
        let words = [&["replay", "plan"], span, &plan, &[trace.path()]].concat();
        run(&words).assert_refused(trace.path());
    }
    assert!(!plan.exists());
    let span = ["cat", "--from-mark", "round 1", "--to-mark", "round 2"];
    assert_eq!(run(&[&span[..], &[trace.path()]].concat()).status, 0);
}
