//! Runs the command, and the traces to run it on.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "../bounded/mod.rs"]
pub mod bounded;

use bounded::Bounded;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

/// What a run gave.
pub struct Run {
    pub status: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Run {
    fn of(output: Output) -> Self {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!stderr.contains("panicked"), "{stderr}");
        // Ended by a signal there is no code: that is a failure of the test.
        Self {
            status: output.status.code().unwrap(),
            stdout: output.stdout,
            stderr,
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// It could not be done, and was told in one line.
    pub fn assert_refused(&self, place: &str) {
        assert_eq!(self.status, 2, "{}", self.stderr);
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        assert!(
            self.stderr.starts_with(&format!("mmiotrace: {place}")),
            "{}",
            self.stderr
        );
    }
}

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mmiotrace"));
    command.args(arguments);
    command
}

pub fn run(arguments: &[&str]) -> Run {
    Run::of(command(arguments).stdin(Stdio::null()).bounded_output())
}

pub fn spawn(arguments: &[&str]) -> Child {
    command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// With these bytes on standard input, `piece` at a time.
pub fn run_on_pieces(arguments: &[&str], input: &[u8], piece: usize) -> Run {
    let mut child = spawn(arguments);
    let mut stdin = child.stdin.take().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            for piece in input.chunks(piece) {
                // A verb that needs no more closes its end.
                if stdin.write_all(piece).is_err() {
                    break;
                }
            }
        });
        Run::of(bounded::wait(child))
    })
}

pub fn run_on(arguments: &[&str], input: &[u8]) -> Run {
    run_on_pieces(arguments, input, 1 << 16)
}

/// Compiles a C program into a folder. `false`, said loudly, where there is no compiler.
pub fn compiled(test: &str, folder: &Path, name: &str, text: &str) -> bool {
    let program = folder.join(name);
    let source = program.with_extension("c");
    fs::write(&source, text).unwrap();
    let mut compiler = Command::new("cc");
    match compiler
        .args(["-O1", "-o"])
        .args([&program, &source])
        .status()
    {
        Ok(status) => {
            assert!(status.success());
            true
        }
        Err(error) => {
            eprintln!("SKIPPED: {test}: no C compiler: {error}");
            false
        }
    }
}

/// A trace file and what is in it.
pub struct Trace {
    pub name: String,
    pub path: PathBuf,
    /// Decompressed.
    pub bytes: Vec<u8>,
}

impl Trace {
    pub fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.split_inclusive(|byte| *byte == b'\n')
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub fn fixtures_dir() -> PathBuf {
    workspace().join("fixtures")
}

/// The shipped traces.
pub fn fixtures() -> Vec<Trace> {
    let traces = read_dir(&fixtures_dir().join("traces"));
    assert!(traces.len() >= 50, "{} traces", traces.len());
    traces
}

pub fn fixture(name: &str) -> Trace {
    read(fixtures_dir().join("traces").join(name)).unwrap()
}

/// The shipped traces, and those too large to ship where the machine has them. `test` is told to
/// be skipped for those otherwise.
pub fn all(test: &str) -> Vec<Trace> {
    let mut traces = fixtures();
    traces.extend(large(test));
    traces
}

pub const LARGE: [&str; 3] = [
    "bochs-vga-6.12.mmiotrace.xz",
    "bochs-vga-nohugeiomap-6.12.mmiotrace.xz",
    "cirrus-6.1.mmiotrace.xz",
];

/// Those too large to ship.
pub fn large(test: &str) -> Vec<Trace> {
    let dir = workspace().join("../shared/traces");
    LARGE
        .into_iter()
        .filter_map(|name| {
            let path = dir.join(name);
            if path.exists() {
                return read(path);
            }
            eprintln!("SKIPPED: {test}: {name} is too large to ship, and not in ../shared/traces");
            None
        })
        .collect()
}

fn read_dir(dir: &Path) -> Vec<Trace> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.into_iter().filter_map(read).collect()
}

fn read(path: PathBuf) -> Option<Trace> {
    let name = path.file_name()?.to_str()?.to_owned();
    let stored = || fs::read(&path).unwrap();
    let bytes = if name.ends_with(".mmiotrace") {
        stored()
    } else if name.ends_with(".mmiotrace.xz") {
        let mut bytes = Vec::new();
        liblzma::read::XzDecoder::new_multi_decoder(&stored()[..])
            .read_to_end(&mut bytes)
            .unwrap();
        bytes
    } else {
        return None;
    };
    Some(Trace { name, path, bytes })
}

/// Random numbers that are the same in every run.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
