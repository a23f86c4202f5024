//! `watch`: over files that grow, over pipes, with maps that are edited.
#![allow(clippy::unwrap_used, missing_docs)]

mod command;

use command::{command, fixture, run, run_on};
use core::time::Duration;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, channel};

/// No step of a test takes longer, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

struct Watch {
    child: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
}

fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            if sender.send(line.unwrap()).is_err() {
                break;
            }
        }
    });
    receiver
}

impl Watch {
    fn start(arguments: &[&str]) -> Self {
        let mut child = command(&[&["watch"], arguments].concat())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout: ChildStdout = child.stdout.take().unwrap();
        let stderr: ChildStderr = child.stderr.take().unwrap();
        Self {
            child,
            lines: lines(stdout),
            errors: lines(stderr),
        }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }

    fn interrupt(mut self) -> (i32, Vec<String>) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let status = self.child.wait().unwrap().code().unwrap();
        (status, self.errors.iter().collect())
    }
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

const HEAD: &str = "PCIDEV 0010 8086100e a febc0000 0 0 0 0 0 0 20000 0 0 0 0 0 0 e1000\n\
                    MAP 1.000000 1 0xfebc0000 0xffa0 0x20000 0x0 0\n";

#[test]
fn lines_come_as_the_file_grows_and_the_summary_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    std::fs::write(&trace, HEAD).unwrap();
    let watch = Watch::start(&["--kind", "read,write", trace.to_str().unwrap()]);
    append(
        &trace,
        "R 4 1.000001 1 0xfebc0008 0x80080783 0x0 0\nW 4 1.00",
    );
    assert!(watch.line().contains(" STATUS "));
    // Half a line waits for its other half.
    assert!(
        watch
            .lines
            .recv_timeout(Duration::from_millis(300))
            .is_err()
    );
    append(&trace, "0002 1 0xfebc00d8 0xffffffff 0x0 0\n");
    assert!(watch.line().contains(" IMC "));
    // Cut and written anew, as a capture that begins again does.
    File::create(&trace).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    append(&trace, HEAD);
    append(&trace, "R 4 2.000001 1 0xfebc0000 0x140240 0x0 0\n");
    assert!(watch.line().contains(" CTRL "));
    let (status, errors) = watch.interrupt();
    assert_eq!(status, 0, "{errors:?}");
    assert!(
        errors.iter().any(|line| line.contains("3 records shown")),
        "{errors:?}"
    );
    assert!(
        errors.iter().any(|line| line.contains("STATUS")),
        "{errors:?}"
    );
}

#[test]
fn maps_are_read_again_when_they_are_edited() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let map = folder.path().join("mine.toml");
    let text = |name: &str| {
        format!(
            "name = \"mine\"\nmatch = [\"8086:100e\"]\n[[space]]\nname = \"BAR0\"\nbar = 0\n\
             registers = [{{ at = 8, name = \"{name}\" }}]\n"
        )
    };
    std::fs::write(&trace, HEAD).unwrap();
    std::fs::write(&map, text("FIRST")).unwrap();
    let read = "R 4 1.000001 1 0xfebc0008 0x80080783 0x0 0\n";
    append(&trace, read);
    let watch = Watch::start(&[
        "--kind",
        "read",
        "--map",
        map.to_str().unwrap(),
        trace.to_str().unwrap(),
    ]);
    assert!(watch.line().contains(" FIRST "));
    let wait_for = |what: &str| {
        while !watch.errors.recv_timeout(PATIENCE).unwrap().contains(what) {}
    };
    // A map that is wrong is told, and the old one stays.
    std::fs::write(&map, "name = ").unwrap();
    wait_for("mine.toml:1:");
    append(&trace, read);
    assert!(watch.line().contains(" FIRST "));
    std::fs::write(&map, text("SECOND_NAME")).unwrap();
    wait_for("read again");
    append(&trace, read);
    assert!(watch.line().contains(" SECOND_NAME "));
    assert_eq!(watch.interrupt().0, 0);
}

#[test]
fn a_pipe_gives_what_name_gives() {
    let trace = fixture("nvme-6.1.mmiotrace");
    for format in ["columns", "jsonl"] {
        let watched = run_on(&["watch", "--format", format], &trace.bytes);
        let named = run(&["name", "--format", format, trace.path()]);
        assert_eq!(watched.status, 0, "{}", watched.stderr);
        assert!(watched.stdout == named.stdout);
    }
}

#[test]
fn what_to_stop_at() {
    let trace = fixture("nvme-6.1.mmiotrace");
    let watch = |arguments: &[&str]| {
        let all = [
            &["watch", "--kind", "read,write"],
            arguments,
            &[trace.path()],
        ]
        .concat();
        let run = run(&all);
        assert_eq!(run.status, 0, "{}", run.stderr);
        run.text()
    };
    let all = watch(&["--stop-idle", "100ms", "--top", "0"]);
    let at = watch(&["--stop-at", "CC=0x460061"]);
    assert!(at.lines().count() < all.lines().count());
    assert!(at.lines().last().unwrap().contains("0x00460061"), "{at}");
    assert!(all.starts_with(&at));
    let after = watch(&["--stop-after", "100ms"]);
    assert!(all.starts_with(&after));
    let marks = fixture("markers-6.1.mmiotrace.xz");
    let run = run_on(&["watch", "--stop-on-mark", "^burst 3$"], &marks.bytes);
    assert!(run.text().ends_with("MARK burst 3\n"));
}

#[test]
fn a_file_that_is_not_there_is_refused() {
    run(&["watch", "no-such-file"]).assert_refused("no-such-file");
}

/// Runs `watch` on a terminal of its own; gives what it drew, when it has ended by `keys`, each pressed
/// when its text has been drawn. `None`: no terminal can be made.
fn on_a_terminal(arguments: &str, keys: &[(&str, &str)]) -> Option<String> {
    let Ok(mut child) = std::process::Command::new("script")
        .args(["-q", "-e", "-c"])
        .arg(format!(
            "stty rows 30 cols 160; exec {} watch {arguments}",
            env!("CARGO_BIN_EXE_mmiotrace")
        ))
        .arg("/dev/null")
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
    else {
        let told = b"SKIPPED: watch on a terminal: there is no `script` (util-linux)\n";
        std::io::stderr().write_all(told).unwrap();
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let (sender, drawn) = channel();
    std::thread::spawn(move || {
        let mut block = [0; 4096];
        while let Ok(len) = stdout.read(&mut block) {
            if len == 0 || sender.send(block[..len].to_vec()).is_err() {
                break;
            }
        }
    });
    let mut all = Vec::new();
    for (text, key) in keys {
        let began = all.len();
        let seen = |all: &[u8]| String::from_utf8_lossy(&all[began..]).contains(text);
        while !seen(&all) {
            all.extend(drawn.recv_timeout(PATIENCE).unwrap_or_else(|_| {
                child.kill().unwrap();
                panic!("no `{text}` in {}", String::from_utf8_lossy(&all))
            }));
        }
        stdin.write_all(key.as_bytes()).unwrap();
    }
    all.extend(drawn.iter().flatten());
    assert!(child.wait().unwrap().success());
    Some(String::from_utf8_lossy(&all).into_owned())
}

#[test]
fn a_terminal_is_taken_and_given_back() {
    let trace = fixture("edu-6.1.mmiotrace");
    // The filter leaves one register's lines; what was drawn before is not looked at again.
    let keys = [("ended", "/FACT\r"), ("FACT", "q")];
    let Some(drawn) = on_a_terminal(&format!("--stop-idle 100ms {}", trace.path()), &keys) else {
        return;
    };
    let (before, taken) = drawn.split_once("\x1b[?1049h").expect("another screen");
    assert_eq!(before.trim(), "");
    let (screen, after) = taken.split_once("\x1b[?1049l").expect("the screen again");
    assert!(
        screen.contains("registers") && screen.contains("DMA_COMMAND"),
        "{screen}"
    );
    assert!(after.contains("762 records shown"), "{after}");
}

#[test]
fn a_terminal_has_plain_lines_where_they_are_wanted() {
    let trace = fixture("edu-6.1.mmiotrace");
    let arguments = format!("--plain --color never --stop-idle 100ms {}", trace.path());
    let Some(drawn) = on_a_terminal(&arguments, &[]) else {
        return;
    };
    assert!(!drawn.contains('\x1b'), "{drawn}");
    assert!(drawn.contains("FACTORIAL") && drawn.contains("762 records shown"));
}
