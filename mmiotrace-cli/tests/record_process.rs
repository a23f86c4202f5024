//! `record -- COMMAND` and `record --demo`: real captures, judged by what the traced program says and by
//! `check`.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used)]

mod command;

use command::run;
use core::time::Duration;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;

/// Maps its first argument and counts in it, as often as the second says; a line on standard output
/// every 1000 times, and at the end.
const COUNTER: &str = r#"
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int n, char **a) {
    int fd = open(a[1], O_RDWR);
    volatile uint32_t *device = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (device == MAP_FAILED) return 91;
    long turns = atol(a[2]);
    for (long i = 1; i <= turns; i++) {
        device[1] = i;
        if (i % 1000 == 0) { printf("%ld\n", i); fflush(stdout); }
    }
    printf("end\n");
    return n > 3 ? atoi(a[3]) : 0;
}
"#;

struct Bench {
    folder: TempDir,
}

impl Bench {
    /// `None`, said loudly, where there is no compiler.
    fn new(test: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        if !command::compiled(test, folder.path(), "counter", COUNTER) {
            return None;
        }
        fs::write(folder.path().join("device"), [0; 4096]).unwrap();
        Some(Self { folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// `record`, of the counter with these arguments.
    fn record(&self, output: &Path, more: &[&str], arguments: &[&str]) -> Command {
        let mut command = command::command(&["record", "--match", "*/device"]);
        command.args(more).arg("-o").arg(output).arg("--");
        command.arg(self.path("counter")).arg(self.path("device"));
        command.args(arguments);
        command.stdin(Stdio::null());
        command
    }

    /// The number in the device, as another program sees it.
    fn counted(&self) -> u32 {
        let bytes = fs::read(self.path("device")).unwrap();
        u32::from_le_bytes(bytes[4..8].try_into().unwrap())
    }
}

/// The values of the writes in a trace, by the command's own printer.
fn values(trace: &Path) -> Vec<u32> {
    let printed = run(&[
        "cat",
        "--format",
        "jsonl",
        "--kind",
        "write",
        trace.to_str().unwrap(),
    ]);
    let lines = printed.text();
    let value = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = record["value"].as_str().unwrap().to_owned();
        u32::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
    };
    lines.lines().map(value).collect()
}

fn all(turns: u32) -> Vec<u32> {
    (1..=turns).collect()
}

/// A recorder with a pipe from the counter.
fn start(mut command: Command) -> (Child, BufReader<impl Read>) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    (child, lines)
}

fn line(lines: &mut impl BufRead) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn the_demonstration_is_exact() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("demo.mmiotrace");
    let name = trace.to_str().unwrap();
    let demo = run(&["record", "--demo", "-o", name]);
    assert_eq!(demo.status, 0, "{}", demo.stderr);
    assert!(
        demo.stderr.contains("in the trace: 0 missing, 0 spurious"),
        "{}",
        demo.stderr
    );
    assert!(demo.stderr.contains(": complete"), "{}", demo.stderr);
    assert!(
        demo.stderr.contains("ns here when it is traced"),
        "{}",
        demo.stderr
    );
    assert_eq!(run(&["check", name]).status, 0);
    // The device's own count, against the records that stand in the file.
    let logged = demo.stderr.split("the device has logged ").nth(1).unwrap();
    let logged: usize = logged.split(' ').next().unwrap().parse().unwrap();
    let text = fs::read_to_string(&trace).unwrap();
    let lines = text
        .lines()
        .filter(|line| line.starts_with("R ") || line.starts_with("W "));
    assert_eq!(lines.count(), logged);
}

#[test]
fn a_command_is_recorded_with_its_status_and_the_price() {
    let Some(bench) = Bench::new("a_command_is_recorded") else {
        return;
    };
    let trace = bench.path("trace");
    for (arguments, status) in [(&["2500"][..], 0), (&["2500", "7"], 7)] {
        let output = bench.record(&trace, &[], arguments).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{told}");
        assert_eq!(output.stdout, b"1000\n2000\nend\n");
        assert!(told.contains(": complete"), "{told}");
        assert!(told.contains("ns here when it is traced"), "{told}");
        assert_eq!(values(&trace), all(2500));
    }
    let marked = bench
        .record(&trace, &["--mark", "begin", "--no-pc"], &["10"])
        .output()
        .unwrap();
    assert!(marked.status.success());
    let text = fs::read_to_string(&trace).unwrap();
    assert!(text.contains(" begin\n"), "{text}");
    let writes = text.lines().filter(|line| line.starts_with("W "));
    let mut pcs = writes.map(|line| line.split(' ').nth(6).unwrap());
    assert!(pcs.all(|pc| pc == "0x0"), "{text}");
}

#[test]
fn standard_output_takes_a_trace() {
    let Some(bench) = Bench::new("standard_output") else {
        return;
    };
    let output = bench
        .record(Path::new("-"), &[], &["500"])
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    assert!(told.contains("standard output: complete"), "{told}");
    // The program's own output is among it: those lines are no records.
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        text.lines().filter(|line| line.starts_with("W ")).count(),
        500
    );
}

/// `kill -9` of the recorder: the program disarms and goes on at full speed; what was written is whole.
#[test]
fn the_recorder_is_killed() {
    let Some(bench) = Bench::new("the_recorder_is_killed") else {
        return;
    };
    let trace = bench.path("trace");
    // At some microseconds each these take minutes, unless they are no longer traced.
    let (mut child, mut lines) = start(bench.record(&trace, &[], &["60000000"]));
    while line(&mut lines) != "3000" {}
    while whole_values(&trace).len() <= 1000 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let began = Instant::now();
    signal(&child, Signal::KILL);
    // The recorder is a zombie meanwhile: it exists, and is dead.
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("end\n"));
    assert_eq!(bench.counted(), 60_000_000);
    assert!(
        began.elapsed() < Duration::from_secs(60),
        "{:?}",
        began.elapsed()
    );
    assert!(child.wait().unwrap().code().is_none());
    let values = whole_values(&trace);
    assert!(values.len() > 1000);
    assert_eq!(
        values,
        all(values.len() as u32),
        "what is written has no gap"
    );
}

/// Known before the program runs, which it then does not.
#[test]
fn a_full_disk_is_refused_at_once() {
    let Some(bench) = Bench::new("a_full_disk_is_refused_at_once") else {
        return;
    };
    let full = Path::new("/dev/full");
    let output = bench.record(full, &[], &["100000"]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("mmiotrace: /dev/full: "), "{told}");
    assert!(told.contains("make room"), "{told}");
    assert_eq!(bench.counted(), 0);
    assert_eq!(output.stdout, b"");
}

/// A file that may grow to a limit only: what came before is on disk.
#[test]
fn a_disk_that_fills_up_keeps_what_came_before() {
    let Some(bench) = Bench::new("a_disk_that_fills_up") else {
        return;
    };
    let trace = bench.path("trace");
    let record = bench.record(&trace, &[], &["50000"]);
    // The limit's signal is ignored, so that the write itself fails.
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]);
    shell.arg(record.get_program()).args(record.get_args());
    let (child, mut lines) = start(shell);
    while line(&mut lines) != "3000" {}
    let limit = Rlimit {
        current: Some(300_000),
        maximum: Some(300_000),
    };
    prlimit(Some(Pid::from_child(&child)), Resource::Fsize, limit).unwrap();
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("end\n"));
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert_eq!(bench.counted(), 50_000);
    let values = whole_values(&trace);
    assert!(values.len() > 1000, "{}", values.len());
    assert_eq!(
        values,
        all(values.len() as u32),
        "what is written has no gap"
    );
    // It says what is missing, and that the program went on.
    let text = fs::read_to_string(&trace).unwrap();
    assert!(told.contains("ends early and says so"), "{told}");
    for said in [" untraced reason=recorder-error n=", " mmiotrace1 end "] {
        assert!(text.contains(said), "{said}");
    }
    let trace = trace.to_str().unwrap();
    let check = run(&["check", trace]);
    assert_eq!(check.status, 1, "{}", check.text());
    assert!(check.text().contains("NOT COMPLETE"), "{}", check.text());
}

/// The values of the writes in the whole lines of a trace that was cut off.
fn whole_values(trace: &Path) -> Vec<u32> {
    let text = fs::read_to_string(trace).unwrap();
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
    let writes = whole.lines().filter(|line| line.starts_with("W "));
    writes
        .map(|line| line.split(' ').nth(5).unwrap())
        .map(|value| u32::from_str_radix(value.trim_start_matches("0x"), 16).unwrap())
        .collect()
}

#[test]
fn what_cannot_be_traced_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let record = |program: &str| run(&["record", "-o", trace.to_str().unwrap(), "--", program]);
    record("no-such-program-anywhere").assert_refused("record: no-such-program-anywhere");
    let program = folder.path().join("program");
    // A copy that runs as its owner.
    fs::copy("/bin/true", &program).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o4755);
    fs::set_permissions(&program, mode).unwrap();
    let refused = record(program.to_str().unwrap());
    refused.assert_refused("record: ");
    assert!(refused.stderr.contains("setuid"), "{}", refused.stderr);
    assert!(!trace.exists(), "nothing was begun");
    let source = folder.path().join("static.c");
    fs::write(&source, "int main(void) { return 0; }").unwrap();
    let built = Command::new("cc")
        .args(["-static", "-o"])
        .args([&folder.path().join("static"), &source])
        .output();
    if built.is_ok_and(|built| built.status.success()) {
        let refused = record(folder.path().join("static").to_str().unwrap());
        refused.assert_refused("record: ");
        assert!(refused.stderr.contains("statically"), "{}", refused.stderr);
    } else {
        eprintln!("SKIPPED: what_cannot_be_traced_is_refused (static): no static C library");
    }
}

/// As after `cargo install`: the command alone, wherever it is and whatever folders there are.
#[test]
fn the_command_needs_nothing_beside_it() {
    let Some(bench) = Bench::new("the_command_needs_nothing_beside_it") else {
        return;
    };
    let bin = bench.path("a folder: with blanks");
    fs::create_dir(&bin).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_mmiotrace"), bin.join("mmiotrace")).unwrap();
    let folders = ["TMPDIR", "HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"];
    // Files in a folder of the user's; the same again; none of the folders can be used.
    for place in [
        bench.text("tmp"),
        bench.text("tmp"),
        "/proc/none".to_owned(),
    ] {
        let record = bench.record(&bench.path("trace"), &[], &["10"]);
        let mut command = Command::new(bin.join("mmiotrace"));
        command
            .args(record.get_args())
            .envs(folders.map(|folder| (folder, &place)));
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{place}: {told}");
        assert_eq!(values(&bench.path("trace")), all(10));
    }
    let folders = fs::read_dir(bench.path("tmp")).unwrap();
    let files = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let libraries = names.filter(|name| name.ends_with("libmmiotrace_preload.so"));
    assert_eq!(libraries.count(), 1, "written once");
}

/// A folder from which nothing may be executed, as `/tmp` often is.
#[test]
fn a_folder_without_execution_is_not_used() {
    let Some(bench) = Bench::new("a_folder_without_execution") else {
        return;
    };
    fs::create_dir(bench.path("noexec")).unwrap();
    let script = "mount -t tmpfs -o noexec none \"$1\" || exit 77; shift; exec \"$@\"";
    let record = bench.record(&bench.path("trace"), &[], &["10"]);
    let mut command = Command::new("unshare");
    command
        .args(["-rm", "sh", "-c", script, "sh"])
        .arg(bench.path("noexec"));
    command.arg(record.get_program()).args(record.get_args());
    for folder in ["TMPDIR", "HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"] {
        command.env(folder, bench.path("noexec"));
    }
    match command.output() {
        Ok(output) if output.status.success() => {
            assert_eq!(values(&bench.path("trace")), all(10));
        }
        other => {
            let told = other.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
            let told = told.unwrap_or_default();
            assert!(!told.contains("mmiotrace"), "{told}");
            eprintln!("SKIPPED: a_folder_without_execution_is_not_used: no namespaces: {told}");
        }
    }
}

/// What the program has mapped, and how that would be traced.
#[test]
fn nothing_traced_is_explained() {
    let Some(bench) = Bench::new("nothing_traced_is_explained") else {
        return;
    };
    let record = |more: &[&str]| {
        let mut command = command::command(&["record", "-o", "trace"]);
        command.args(more).arg("--").arg(bench.path("counter"));
        command
            .args(["device", "10"])
            .current_dir(bench.folder.path());
        let output = command.output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let device = bench.text("device");
    for pattern in [&[][..], &["--match", "devices"]] {
        let (status, told) = record(pattern);
        assert_eq!(status, Some(1), "{told}");
        assert!(told.contains("nothing was traced"), "{told}");
        assert!(
            told.contains(&format!("\n    {device} (4096 bytes)\n")),
            "{told}"
        );
        assert!(told.contains(&format!("--match '{device}'")), "{told}");
        assert!(told.contains("captured by the process backend"), "{told}");
        let trace = fs::read_to_string(bench.path("trace")).unwrap();
        assert!(!trace.contains(" note "), "{trace}");
    }
    for pattern in [&device, "device", "./dev*"] {
        let (status, told) = record(&["--match", pattern]);
        assert_eq!(status, Some(0), "{told}");
        assert!(!told.contains("nothing was traced"), "{told}");
    }
    // A program that maps nothing.
    let mut command = command::command(&["record", "-o", &bench.text("trace"), "--", "true"]);
    let told = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert!(told.contains("has mapped no device"), "{told}");
}

/// A program that the library is not loaded into: its own loader would say that only on its standard error.
#[test]
fn a_library_that_was_not_loaded_is_told() {
    let Some(bench) = Bench::new("a_library_that_was_not_loaded") else {
        return;
    };
    let source = bench.path("counter.c");
    let mut compiler = Command::new("cc");
    compiler
        .args(["-fsanitize=address", "-O1", "-o"])
        .arg(bench.path("checked"))
        .arg(source);
    if !compiler
        .output()
        .is_ok_and(|output| output.status.success())
    {
        eprintln!("SKIPPED: a_library_that_was_not_loaded_is_told: no AddressSanitizer");
        return;
    }
    let record = |order: &str| {
        let trace = bench.text("trace");
        let mut command = command::command(&["record", "--match", "*/device", "-o", &trace, "--"]);
        command
            .arg(bench.path("checked"))
            .arg(bench.path("device"))
            .arg("10");
        command.env("ASAN_OPTIONS", order);
        String::from_utf8(command.output().unwrap().stderr).unwrap()
    };
    let told = record("verify_asan_link_order=1");
    assert!(told.contains("is built with AddressSanitizer"), "{told}");
    let text = fs::read_to_string(bench.path("trace")).unwrap();
    assert!(
        text.contains(" mmiotrace1 untraced reason=not-loaded text="),
        "{text}"
    );
    // The advice works.
    let told = record("verify_asan_link_order=0");
    assert!(told.contains(": complete"), "{told}");
    assert_eq!(values(&bench.path("trace")), all(10));
}

#[test]
fn markers_come_into_the_running_capture() {
    let Some(bench) = Bench::new("markers_come") else {
        return;
    };
    let trace = bench.path("trace");
    let mut record = bench.record(&trace, &[], &["30000"]);
    record.env("XDG_RUNTIME_DIR", bench.folder.path());
    let (child, mut lines) = start(record);
    while line(&mut lines) != "2000" {}
    let mark = |text: &str| {
        let mut mark = command::command(&["mark", text]);
        mark.env("XDG_RUNTIME_DIR", bench.folder.path());
        mark.output().unwrap()
    };
    assert!(mark("in the middle").status.success());
    assert_eq!(mark("mmiotrace1 lost n=1").status.code(), Some(2));
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
    let text = fs::read_to_string(&trace).unwrap();
    let (before, after) = text.split_once(" in the middle\n").unwrap();
    let writes = |text: &str| text.lines().filter(|line| line.starts_with("W ")).count();
    assert!(writes(before) >= 2000, "{}", writes(before));
    assert_eq!(writes(before) + writes(after), 30_000);
}
