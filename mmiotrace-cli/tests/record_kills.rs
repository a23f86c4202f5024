//! Kills at random times: of the recorder, or of the program. `check` says complete only of a trace that has
//! every access that the program itself has counted, and what is in a file is a beginning of that.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used)]

mod command;

use command::{Random, run};
use core::time::Duration;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Threads, each with a register of its own in which it counts: so many times. Mixed instructions. What a
/// thread has done it counts in memory that is not traced.
const PROGRAM: &str = r#"
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
static volatile uint32_t *device, *count;
static uint32_t turns;
static void *work(void *which) {
    long at = (long)which;
    for (uint32_t i = 1; i <= turns; i++) {
        volatile uint32_t *to = &device[at];
        switch (i % 3) {
        case 0: *to = i; break;
        case 1: __asm__ volatile("movnti %1, %0" : "=m"(*to) : "r"(i)); break;
        default: { void *string = (void *)to; __asm__ volatile("stosl" : "+D"(string) : "a"(i) : "memory"); }
        }
        count[at] = i;
    }
    return 0;
}
int main(int n, char **a) {
    device = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, open(a[1], O_RDWR), 0);
    count = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, open(a[2], O_RDWR), 0);
    if (device == MAP_FAILED || count == MAP_FAILED) return 91;
    turns = atol(a[3]);
    long threads = atol(a[4]);
    count[100] = getpid();
    pthread_t all[64];
    for (long i = 0; i < threads; i++) pthread_create(&all[i], 0, work, (void *)i);
    for (long i = 0; i < threads; i++) pthread_join(all[i], 0);
    return 0;
}
"#;

/// Rounds here, and in all with the environment variable `MMIOTRACE_KILLS`.
const ROUNDS: usize = 12;

fn words(path: &Path) -> Vec<u32> {
    let bytes = fs::read(path).unwrap();
    let words = bytes.chunks_exact(4);
    words
        .map(|word| u32::from_le_bytes(word.try_into().unwrap()))
        .collect()
}

/// What each register was given in a trace's whole lines, by the text alone.
fn traced(trace: &Path, threads: usize) -> Vec<Vec<u32>> {
    let text = fs::read_to_string(trace).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |at| &text[..=at]);
    let mut values = vec![Vec::new(); threads];
    let number = |text: &str| u64::from_str_radix(&text[2..], 16).unwrap();
    for line in whole.lines().filter(|line| line.starts_with("W ")) {
        let fields: Vec<&str> = line.split(' ').collect();
        values[number(fields[4]) as usize % 4096 / 4].push(number(fields[5]) as u32);
    }
    values
}

struct Round {
    threads: usize,
    turns: u32,
    recorder: Child,
}

impl Round {
    fn start(folder: &Path, threads: usize, turns: u32) -> Self {
        for name in ["device", "count"] {
            fs::write(folder.join(name), [0; 4096]).unwrap();
        }
        let mut record = command::command(&["record", "--match", "device", "-o", "trace", "--"]);
        record.args(["../program", "device", "count"]);
        record.args([turns.to_string(), threads.to_string()]);
        record.current_dir(folder).stdin(Stdio::null());
        let recorder = record
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            threads,
            turns,
            recorder,
        }
    }

    /// Kills the recorder or the program, waits for both, and judges. Says whether the trace was complete.
    fn kill(mut self, folder: &Path, kills_recorder: bool, after: Duration) -> bool {
        std::thread::sleep(after);
        let count = || words(&folder.join("count"));
        if kills_recorder {
            self.recorder.kill().unwrap();
        } else if let Some(pid) = Pid::from_raw(count()[100] as i32) {
            // It may have ended.
            let _ = kill_process(pid, Signal::KILL);
        }
        let told = self.recorder.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&told.stderr).into_owned();
        // A program whose recorder is dead goes on by itself, at full speed.
        let until = Instant::now() + Duration::from_secs(60);
        while Pid::from_raw(count()[100] as i32).is_some_and(is_alive) {
            assert!(Instant::now() < until, "the program does not end: {told}");
            std::thread::sleep(Duration::from_millis(2));
        }
        let done = count();
        let seen = traced(&folder.join("trace"), self.threads);
        for (thread, values) in seen.iter().enumerate() {
            let beginning: Vec<u32> = (1..=values.len() as u32).collect();
            assert_eq!(*values, beginning, "thread {thread}: a gap");
            // One access may be done and not yet counted.
            assert!(values.len() as u32 <= self.turns.min(done[thread] + 1));
        }
        let all = (0..self.threads).all(|thread| seen[thread].len() as u32 >= done[thread]);
        let trace = folder.join("trace");
        let complete = run(&["check", trace.to_str().unwrap()]).status == 0;
        assert!(
            all || !complete,
            "complete, and accesses are missing: {told}"
        );
        // A trace with all of it and an end is complete, unless an access was begun and not recorded,
        // which it says then.
        let text = fs::read_to_string(trace).unwrap_or_default();
        if all && text.contains(" mmiotrace1 end ") && !text.contains(" Lost ") && done[0] > 0 {
            assert!(complete, "not complete, and nothing is missing: {told}");
        }
        complete
    }
}

fn is_alive(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

fn compiled(test: &str, folder: &Path) -> bool {
    fs::write(folder.join("program.c"), PROGRAM).unwrap();
    let mut compiler = Command::new("cc");
    compiler
        .args(["-O1", "-pthread", "-o", "program", "program.c"])
        .current_dir(folder);
    match compiler.status() {
        Ok(status) => status.success(),
        Err(error) => {
            eprintln!("SKIPPED: {test}: no C compiler: {error}");
            false
        }
    }
}

#[test]
fn killed_at_random_and_never_called_complete() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    if !compiled("killed_at_random", folder) {
        return;
    }
    let rounds = std::env::var("MMIOTRACE_KILLS").ok();
    let rounds = rounds
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(ROUNDS);
    let seed = std::env::var("MMIOTRACE_SEED").ok();
    let seed = seed
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(0x6b69_6c6c);
    println!("seed {seed}, {rounds} rounds");
    let mut random = Random(seed);
    let mut complete = [0; 2];
    for round in 0..rounds {
        let kills_recorder = round % 2 == 0;
        let threads = 1 + random.below(8);
        let turns = 2000 + random.below(6000) as u32;
        let after = Duration::from_millis(random.below(400) as u64);
        // A program that its recorder has just started may outlive the round: its files are its own.
        let own = folder.join(round.to_string());
        fs::create_dir(&own).unwrap();
        let running = Round::start(&own, threads, turns);
        let was_complete = running.kill(&own, kills_recorder, after);
        complete[usize::from(kills_recorder)] += usize::from(was_complete);
    }
    println!(
        "complete: {} with the program killed, {} with the recorder killed",
        complete[0], complete[1]
    );
}
