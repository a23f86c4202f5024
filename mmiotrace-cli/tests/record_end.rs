//! Where a recording ends: signals, a second recorder, limits, what goes on after it. Judged by the
//! traced program's own count, which other programs read from the device's file.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used)]

mod command;

use core::time::Duration;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit, test_kill_process};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;
use tempfile::TempDir;

/// Counts in the first register until a signal comes, counts the signals in the second, then makes 100
/// accesses more. With `ignore` it never ends by one.
const COUNTER: &str = r#"
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
static volatile sig_atomic_t came;
static void note(int signal) { came++; }
int main(int n, char **a) {
    int fd = open(a[1], O_RDWR), counts = open(a[2], O_RDWR), ignore = n > 3 && !strcmp(a[3], "ignore");
    volatile uint32_t *device = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    volatile uint32_t *count = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, counts, 0);
    if (device == MAP_FAILED || count == MAP_FAILED) return 91;
    int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
    for (int i = 0; i < 4; i++) signal(signals[i], note);
    count[2] = getpid();
    uint32_t i = 0;
    while (ignore || !came) { device[1] = ++i; count[0] = i; if (i % 100 == 0) usleep(1000); }
    for (int more = 0; more < 100; more++) { device[1] = ++i; count[0] = i; usleep(500); }
    count[1] = came;
    return 0;
}
"#;

struct Bench {
    folder: TempDir,
}

impl Bench {
    /// `None`, said loudly, if there is no compiler.
    fn new(test: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        if !command::compiled(test, folder.path(), "counter", COUNTER) {
            return None;
        }
        for name in ["device", "count"] {
            fs::write(folder.path().join(name), [0; 4096]).unwrap();
        }
        Some(Self { folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// `record -o trace` of the counter, in the folder.
    fn record(&self, options: &[&str], more: &[&str]) -> Command {
        let mut command = command::command(&["record", "--match", "device", "-o", "trace"]);
        command
            .args(options)
            .args(["--", "./counter", "device", "count"]);
        command.args(more).current_dir(self.folder.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(self.stderr());
        command
    }

    /// A file: a pipe would be held open by what goes on after the recorder.
    fn stderr(&self) -> fs::File {
        fs::File::create(self.path("stderr")).unwrap()
    }

    /// What a recorder said, which has ended.
    fn told(&self, mut recorder: Child) -> (Option<i32>, String) {
        let status = recorder.wait().unwrap();
        (status.code(), self.text("stderr"))
    }

    /// The program's own words: accesses, signals, process id.
    fn count(&self, word: usize) -> u32 {
        let bytes = fs::read(self.path("count")).unwrap();
        u32::from_le_bytes(bytes[word * 4..][..4].try_into().unwrap())
    }

    fn wait_for(&self, accesses: u32) {
        let until = Instant::now() + Duration::from_secs(60);
        while self.count(0) < accesses {
            assert!(Instant::now() < until, "the program does not run");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The values written, by the text alone.
    fn traced(&self) -> Vec<u32> {
        let text = self.text("trace");
        let writes = text.lines().filter(|line| line.starts_with("W "));
        let values = writes.map(|line| line.split(' ').nth(5).unwrap());
        values
            .map(|value| u32::from_str_radix(&value[2..], 16).unwrap())
            .collect()
    }

    fn assert_all(&self) {
        assert_eq!(self.traced(), (1..=self.count(0)).collect::<Vec<_>>());
    }

    /// Ends a program that goes on.
    fn kill_program(&self) {
        let pid = Pid::from_raw(self.count(2) as i32).unwrap();
        test_kill_process(pid).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or("")
}

#[test]
fn a_signal_to_the_recorder_is_the_programs() {
    let Some(bench) = Bench::new("a_signal_to_the_recorder_is_the_programs") else {
        return;
    };
    for which in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        for name in ["device", "count"] {
            fs::write(bench.path(name), [0; 4096]).unwrap();
        }
        let child = bench.record(&[], &[]).spawn().unwrap();
        bench.wait_for(1000);
        signal(&child, which);
        let (status, told) = bench.told(child);
        assert_eq!(status, Some(0), "{which:?}: {told}");
        assert!(told.contains(": complete"), "{told}");
        assert_eq!(bench.count(1), 1, "signals");
        bench.assert_all();
    }
}

/// Both are in the terminal's foreground group: the program gets one signal, not two.
#[test]
fn ctrl_c_in_a_terminal_is_recorded_to_the_end() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let Some(bench) = Bench::new("ctrl_c_in_a_terminal") else {
        return;
    };
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let terminal = || {
        let name = name.to_str().unwrap();
        fs::File::options()
            .read(true)
            .write(true)
            .open(name)
            .unwrap()
    };
    let record = bench.record(&[], &[]);
    let mut session = Command::new("setsid");
    session
        .args(["--ctty", "--wait"])
        .arg(record.get_program())
        .args(record.get_args());
    session
        .current_dir(bench.folder.path())
        .stdin(terminal())
        .stdout(terminal());
    let child = match session.stderr(bench.stderr()).spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!("SKIPPED: ctrl_c_in_a_terminal_is_recorded_to_the_end: no setsid: {error}");
            return;
        }
    };
    bench.wait_for(1000);
    let mut keys = fs::File::from(master);
    keys.write_all(b"\x03").unwrap();
    let (status, told) = bench.told(child);
    assert!(told.contains(": complete"), "{told}");
    assert_eq!(status, Some(0), "{told}");
    assert_eq!(bench.count(1), 1, "signals");
    bench.assert_all();
}

/// A job in the background of a shell without job control ignores SIGINT, and so does its program.
#[test]
fn ignored_signals_stay_ignored_in_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' INT HUP; exec \"$@\"", "sh"]);
    let trace = folder.path().join("trace");
    let record = command::command(&["record", "-o", trace.to_str().unwrap(), "--", "sh", "-c"]);
    shell.arg(record.get_program()).args(record.get_args());
    shell.arg("grep SigIgn /proc/self/status");
    let output = shell.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mask = u64::from_str_radix(text.trim().rsplit('\t').next().unwrap(), 16).unwrap();
    assert_eq!(mask & 3, 3, "{text}");
}

fn assert_went_on(bench: &Bench, recorder: Child) {
    let (status, told) = bench.told(recorder);
    assert_eq!(status, Some(1), "{told}");
    assert!(told.contains("still runs"), "{told}");
    assert!(told.contains("NOT COMPLETE"), "{told}");
    let text = bench.text("trace");
    let said = format!(
        " mmiotrace1 untraced reason=program-continued pid={} ",
        bench.count(2)
    );
    assert!(text.contains(&said), "{text}");
    assert!(last_line(&text).contains(" mmiotrace1 end "), "{text}");
    // It goes on, and is no longer traced.
    let traced = bench.traced();
    bench.wait_for(traced.len() as u32 + 1000);
    assert_eq!(traced, (1..=traced.len() as u32).collect::<Vec<_>>());
    bench.kill_program();
}

#[test]
fn a_second_signal_within_a_second_ends_the_capture() {
    let Some(bench) = Bench::new("a_second_signal") else {
        return;
    };
    let child = bench.record(&[], &["ignore"]).spawn().unwrap();
    bench.wait_for(1000);
    signal(&child, Signal::INT);
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, Signal::INT);
    assert_went_on(&bench, child);
}

#[test]
fn the_time_is_up_and_the_program_goes_on() {
    let Some(bench) = Bench::new("the_time_is_up") else {
        return;
    };
    let mut record = bench.record(&["--stop-after", "500ms"], &["ignore"]);
    assert_went_on(&bench, record.spawn().unwrap());
}

/// The command has ended, and what it has left in the background goes on.
#[test]
fn a_program_in_the_background_goes_on() {
    let Some(bench) = Bench::new("a_program_in_the_background") else {
        return;
    };
    let mut record = command::command(&["record", "--match", "./dev*", "-o", "trace", "--"]);
    record.args(["sh", "-c", "./counter device count ignore & sleep 0.5"]);
    record
        .current_dir(bench.folder.path())
        .stdout(Stdio::null());
    assert_went_on(&bench, record.stderr(bench.stderr()).spawn().unwrap());
}

#[test]
fn a_second_recorder_of_one_file_is_refused() {
    let Some(bench) = Bench::new("a_second_recorder") else {
        return;
    };
    let first = bench.record(&[], &[]).spawn().unwrap();
    bench.wait_for(100);
    let mut second = command::command(&["record", "-o", "trace", "--", "touch", "ran"]);
    let second = second.current_dir(bench.folder.path()).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert_eq!(
        stderr(&second),
        "mmiotrace: trace: another recorder writes to it (give -o another file, or end that capture)\n"
    );
    assert!(!bench.path("ran").exists());
    signal(&first, Signal::TERM);
    let (status, told) = bench.told(first);
    assert_eq!(status, Some(0), "{told}");
    bench.assert_all();
}

#[test]
fn a_refused_marker_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["a\nb", "mmiotrace1 lost n=1"] {
        for backend in ["process", "tracefs", "kmod"] {
            let mut record = command::command(&["record", "--backend", backend, "--mark", text]);
            record
                .args(["-o", "trace", "--", "touch", "ran"])
                .current_dir(folder.path());
            let output = record.output().unwrap();
            assert_eq!(output.status.code(), Some(2));
            let told = stderr(&output);
            assert!(
                told.starts_with("mmiotrace: --mark: a marker must not "),
                "{told}"
            );
        }
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// A file that may not grow, whose signal would end the recorder. What is written is whole, and says what is
/// missing.
#[test]
fn a_limit_of_the_files_size_is_told() {
    let Some(bench) = Bench::new("a_limit_of_the_files_size") else {
        return;
    };
    let child = bench.record(&[], &[]).spawn().unwrap();
    bench.wait_for(100);
    let limit = Rlimit {
        current: Some(30_000),
        maximum: None,
    };
    prlimit(Some(Pid::from_child(&child)), Resource::Fsize, limit).unwrap();
    // It is no longer traced then, and goes on.
    bench.wait_for(20_000);
    signal(&child, Signal::TERM);
    let (status, told) = bench.told(child);
    assert_eq!(status, Some(2), "{told}");
    assert!(told.contains("ends early and says so"), "{told}");
    let traced = bench.traced();
    assert!(
        traced.len() > 100 && traced.len() < 20_000,
        "{}",
        traced.len()
    );
    assert_eq!(traced, (1..=traced.len() as u32).collect::<Vec<_>>());
    let text = bench.text("trace");
    assert!(text.contains(" events.\nMARK 0.000000 mmiotrace1 untraced reason=recorder-error n="));
    assert!(last_line(&text).contains(" mmiotrace1 end "), "{text}");
}

/// What cannot be written at all is known before the program runs.
#[test]
fn no_room_for_the_header_starts_nothing() {
    let Some(bench) = Bench::new("no_room_for_the_header") else {
        return;
    };
    let record = bench.record(&[], &[]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -f 0; exec \"$@\"", "sh"]);
    shell.arg(record.get_program()).args(record.get_args());
    let output = shell.current_dir(bench.folder.path()).output().unwrap();
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert_eq!(bench.count(2), 0, "the program ran");
}

/// `head`, `split`, a full memory stick: a copy that ends at a line looks whole, and has no end.
#[test]
fn a_trace_says_where_it_ends() {
    let Some(bench) = Bench::new("a_trace_says_where_it_ends") else {
        return;
    };
    let child = bench.record(&[], &[]).spawn().unwrap();
    bench.wait_for(1000);
    // While it grows nothing calls it cut.
    let mut watch = command::command(&["watch", "--plain", "--stop-after", "500ms", "trace"]);
    watch.current_dir(bench.folder.path()).stdin(Stdio::null());
    let watch = watch.output().unwrap();
    assert_eq!(watch.status.code(), Some(0), "{}", stderr(&watch));
    signal(&child, Signal::INT);
    assert_eq!(bench.told(child).0, Some(0));
    let text = bench.text("trace");
    let promise = " mmiotrace1 capture backend=process end=promised\n";
    assert_eq!(text.matches(promise).count(), 1);
    let before = &text[..text.trim_end().rfind('\n').unwrap() + 1];
    let events = before.lines().filter(|line| {
        let word = line.split(' ').next().unwrap();
        ["R", "W", "MAP", "UNMAP"].contains(&word)
    });
    let said = format!(
        "MARK 0.000000 mmiotrace1 end events={} losses=0 lost=0 blind=0 markers=0 ",
        events.count()
    );
    assert!(last_line(&text).starts_with(&said), "{}", last_line(&text));
    let said = format!(" bytes={} crc=", before.len());
    assert!(last_line(&text).contains(&said), "{}", last_line(&text));
}

/// A recorder that leads its own session, so that its group can be signalled: as `timeout` does it.
#[test]
fn a_signal_to_the_whole_group_does_not_end_the_capture() {
    let Some(bench) = Bench::new("a_signal_to_the_whole_group") else {
        return;
    };
    let mut record = bench.record(&[], &[]);
    let child = record.process_group(0).spawn().unwrap();
    bench.wait_for(1000);
    rustix::process::kill_process_group(Pid::from_child(&child), Signal::TERM).unwrap();
    let (status, told) = bench.told(child);
    assert_eq!(status, Some(0), "{told}");
    bench.assert_all();
    let mut rest = String::new();
    fs::File::open(bench.path("trace"))
        .unwrap()
        .read_to_string(&mut rest)
        .unwrap();
    assert!(last_line(&rest).contains(" mmiotrace1 end "));
}
